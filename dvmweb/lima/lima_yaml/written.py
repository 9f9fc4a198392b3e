"""Reads the lima.yaml that dvm wrote last for a VM: what it was created from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvmweb import files
from dvmweb.errors import DvmError


def written(lima_file: Path) -> dict[str, Any]:
    """The lima.yaml as data, {} for none."""
    with suppress(OSError, ValueError, RecursionError, DvmError):
        found = json.loads(files.read_bounded(lima_file, files.CONFIG_BYTES))
        return found if isinstance(found, dict) else {}
    return {}


def image_of(config: Mapping[str, Any]) -> str:
    """The image as a config names it: the path of a file, or the last word of a template; "" if not known."""
    images, base = config.get("images"), config.get("base")
    if isinstance(images, list) and images and isinstance(images[0], dict):
        return str(images[0].get("location"))
    first = base[0] if isinstance(base, list) and base else base
    return str(first).rpartition("/")[2] if first else ""
