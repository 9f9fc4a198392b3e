"""The keys of a VM: its GPG key, and whether its SSH key opens the repository."""
