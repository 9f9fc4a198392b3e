"""The pages of VMs: the list, and each VM with its tabs."""
