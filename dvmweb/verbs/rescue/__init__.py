"""Rescue the work of a VM into one file, or into another VM; the host never unpacks it."""

from dvmweb.verbs.rescue.from_guest import Rescued, default_name, rescue, rescue_into
from dvmweb.verbs.rescue.to_guest import Restored, restore

__all__ = ["Rescued", "Restored", "default_name", "rescue", "rescue_into", "restore"]
