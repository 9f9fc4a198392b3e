"""One verb on several VMs: which of them it changes, a few jobs at a time, and what became of each."""
