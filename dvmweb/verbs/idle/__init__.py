"""Stops VMs that were not used for the hours of their config; announced beforehand, and never while they are in use."""

from dvmweb.verbs.idle.deciding import seconds_left
from dvmweb.verbs.idle.watching import IdleWatch, keep_running

__all__ = ["IdleWatch", "keep_running", "seconds_left"]
