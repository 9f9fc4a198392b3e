"""The trash: deleted VMs that can be restored until they are deleted for good."""

from dvmweb.verbs.trash.emptying import empty
from dvmweb.verbs.trash.listing import Entry, count, entry_for, expired_note, find, list_entries
from dvmweb.verbs.trash.repairing import repair
from dvmweb.verbs.trash.restoring import NameTaken, Restored, free_name, restore

__all__ = [
    "Entry",
    "NameTaken",
    "Restored",
    "count",
    "empty",
    "entry_for",
    "expired_note",
    "find",
    "free_name",
    "list_entries",
    "repair",
    "restore",
]
