"""The overview of a VM and its load."""
