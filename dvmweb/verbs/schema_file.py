"""The JSON Schema of VM configs, as text and as the file that editors read.

The file is in the folder of configs, not in that of dvm's state: each config names it by a path relative to itself, so
the line is right on every computer that shares the configs, and deleting the state takes nothing from an editor.
"""

from __future__ import annotations

import json
from contextlib import suppress

from dvmweb import files
from dvmweb.config import schema
from dvmweb.errors import DvmError
from dvmweb.paths import Paths
from dvmweb.recipes import RecipeCatalog

MOST_BYTES = 1_000_000


def text(paths: Paths) -> str:
    """The schema of a config, with the names of all recipes."""
    return json.dumps(schema.vm_schema(_recipes(paths)), indent=2) + "\n"


def refresh(paths: Paths, *, only_existing: bool = False) -> None:
    """Write the file if it is not up to date; `only_existing`: not if there is none. Never raises: it is only help."""
    path, wanted = paths.schema_file, text(paths).encode()
    with suppress(DvmError, OSError):
        try:
            is_same = files.read_bounded(path, MOST_BYTES) == wanted
        except FileNotFoundError:
            is_same = only_existing
        if not is_same:
            files.write_whole(path, wanted)


def _recipes(paths: Paths) -> tuple[str, ...]:
    try:
        return tuple(RecipeCatalog(paths).names())
    except DvmError:  # a folder that cannot be read is reported by the commands that need it
        return ()
