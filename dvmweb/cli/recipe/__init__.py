"""`dvm recipe`: its commands and what they print."""
