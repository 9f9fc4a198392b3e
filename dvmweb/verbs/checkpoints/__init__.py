"""Checkpoints: copies of a stopped VM that it can be rewound to."""

from dvmweb.verbs.checkpoints.deleting import delete
from dvmweb.verbs.checkpoints.listing import Checkpoint, chosen, count, find, list_checkpoints
from dvmweb.verbs.checkpoints.making import is_created, make, rewind
from dvmweb.verbs.checkpoints.preview import config_difference, disk_line, is_of_another, why_used
from dvmweb.verbs.checkpoints.repairing import notes, repair

__all__ = [
    "Checkpoint",
    "chosen",
    "config_difference",
    "count",
    "delete",
    "disk_line",
    "find",
    "is_created",
    "is_of_another",
    "list_checkpoints",
    "make",
    "notes",
    "repair",
    "rewind",
    "why_used",
]
