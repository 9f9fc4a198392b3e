"""The commands that change, start, stop and compare whole VMs."""
