"""The download of an image for tests: `LIMA_HOME/_demo/download.json` makes `create` copy a file as slowly as it grows.

    {"from": "/path/of/a/file", "whole": 50000000}   it ends at so many bytes
    {"from": "/path/of/a/file", "whole": 50000000, "is_known": false}   the bar does not have that number

Cache, bar and log lines are those of Lima 2.2.0; the bar is drawn on a terminal only. Without that file nothing is
downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from dvmweb.demo.logs import Fatal, Log

EVERY = 0.1  # seconds between two states of the bar; Lima: 0.2
WIDTH = 20


def download(home: Path, location: str, log: Log) -> None:
    """Get an image into the cache, or find it there."""
    planned = _planned(home)
    cached = home / "_demo" / "cache" / "download" / "by-url-sha256" / hashlib.sha256(location.encode()).hexdigest()
    if planned and (cached / "data").exists():
        log.info(f"Using cache `{cached / 'data'}`")
        return
    if planned:
        cached.mkdir(parents=True, exist_ok=True, mode=0o700)
        (cached / "url").write_text(location)
        _copy(Path(planned["from"]), cached / "data", int(planned["whole"]), planned, location)
    log.info(f"Downloaded the image from `{location}`")


def _planned(home: Path) -> dict[str, Any]:
    try:
        found = json.loads((home / "_demo" / "download.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _copy(source: Path, target: Path, whole: int, planned: dict[str, Any], location: str) -> None:
    sys.stderr.write(f"Downloading the image ({location.rpartition('/')[2]})\n")
    sys.stderr.flush()
    temporary = target.with_name(f"{target.name}.tmp.{os.getpid()}.1")
    known = whole if planned.get("is_known", True) else 0
    with source.open("rb") as data, temporary.open("wb") as copy:
        while (done := _more(data, copy)) < whole:
            if planned.get("fails_at", whole) <= done:
                raise Fatal(f"failed to download `{location}`: unexpected EOF")
            _draw(done, known, "")
            time.sleep(EVERY)
    _draw(whole, known, "\n")
    temporary.rename(target)


def _more(data: BinaryIO, copy: BinaryIO) -> int:
    while part := data.read(1 << 20):
        copy.write(part)
    copy.flush()
    return os.fstat(copy.fileno()).st_size


def _draw(done: int, whole: int, end: str) -> None:
    if not sys.stderr.isatty():
        return
    full = done * WIDTH // whole if whole else WIDTH - 1
    counted = f"{_size(done)} / {_size(whole)}" if whole else _size(done)
    per_cent = f"{done * 100 / whole:.2f}%" if whole else "?%"
    bar = f"[{'-' * full}{'>' if full < WIDTH else ''}{'_' * (WIDTH - full - 1)}]"
    sys.stderr.write(f"\r{counted} \x1b[32m{bar}\x1b[0m {per_cent} ? p/s{end}")
    sys.stderr.flush()


def _size(count: int) -> str:
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= length:
            return f"{count / length:.2f} {unit}"
    return f"{count} B"
