"""Copies between host and guest: the archive that both ends read and write, and the guest's programs."""
