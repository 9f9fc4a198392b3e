"""Reads the journal of a guest, its console, and the files of Lima's host agent."""

from dvmweb.verbs.logs.boot_lines import TITLES, readable
from dvmweb.verbs.logs.journal import MOST_LINES, Wanted, boot_files, follow, read, units_of, wanted

__all__ = ["MOST_LINES", "TITLES", "Wanted", "boot_files", "follow", "read", "readable", "units_of", "wanted"]
