"""The load of running VMs: what is sampled, and from where."""
