"""`dvm config` and `dvm schema`: reads, changes and checks the configs of VMs."""
