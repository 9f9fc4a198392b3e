"""The list of all VMs, as cards and as a table, and the command palette."""
