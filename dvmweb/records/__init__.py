"""What the host keeps about a VM between two jobs: reports of the guest with their age, and when it was last used."""
