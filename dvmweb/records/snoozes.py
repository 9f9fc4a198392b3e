"""Stores which items of *Needs attention* are snoozed, and until when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.paths import Paths

FILE = "snoozed.json"
MOST = 500  # items; those that end first are forgotten
MOST_BYTES = 100_000


def digest(key: str) -> str:
    """The name of an item in the file and in a form."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:24]


def read(paths: Paths, now: float) -> dict[str, float]:
    """Until when each item is snoozed, seconds since the epoch, by its digest; a file that cannot be read has none."""
    with suppress(FileNotFoundError, DvmError, ValueError, TypeError, AttributeError):
        facts = json.loads(files.read_bounded(paths.state / FILE, MOST_BYTES))
        return {str(name): float(until) for name, until in facts.items() if now < float(until) < now + 400 * 86_400}
    return {}


def snooze(paths: Paths, name: str, until: float, now: float) -> None:
    """Snooze the item of this digest until then."""
    _write(paths, {**read(paths, now), name: until})


def end(paths: Paths, name: str, now: float) -> None:
    """Show the item again."""
    _write(paths, {other: until for other, until in read(paths, now).items() if other != name})


def keep_only(paths: Paths, names: Collection[str], now: float) -> None:
    """End the snooze of items that no longer exist, so that the same thing is shown if it happens again."""
    found = read(paths, now)
    if kept := {name: until for name, until in found.items() if name in names}:
        if kept != found:
            _write(paths, kept)
    elif found:
        (paths.state / FILE).unlink(missing_ok=True)


def _write(paths: Paths, found: Mapping[str, float]) -> None:
    last = sorted(found.items(), key=lambda pair: -pair[1])[:MOST]
    files.write_whole(files.private_folder(paths.state) / FILE, json.dumps(dict(last)).encode())
