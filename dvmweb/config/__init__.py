"""Reads, checks and writes the configs of VMs and their defaults, config.yaml."""
