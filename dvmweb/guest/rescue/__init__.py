"""Rescues the work of a VM into one file, and restores it in another VM: the guest's programs."""
