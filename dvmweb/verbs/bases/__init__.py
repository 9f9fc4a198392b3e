"""Bases: stopped instances with image and recipes, which new VMs are copied from."""

from dvmweb.jobs.bases.automatic import ASK, NO, YES, is_proposed, set_setting, setting
from dvmweb.verbs.bases.building import build, refresh, replacement
from dvmweb.verbs.bases.listing import ListedBase, find, interrupted, leftovers, list_bases
from dvmweb.verbs.bases.removing import remove, repair

__all__ = [
    "ASK",
    "NO",
    "YES",
    "ListedBase",
    "build",
    "find",
    "interrupted",
    "is_proposed",
    "leftovers",
    "list_bases",
    "refresh",
    "remove",
    "repair",
    "replacement",
    "set_setting",
    "setting",
]
