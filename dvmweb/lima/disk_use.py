"""Counts the bytes that an instance uses on the host's disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from dvmweb.errors import NotNow

SPARE = 1 << 30  # bytes of disk that stay free after a copy
MOST = 50_000  # files to count; the folder of a real instance has about twenty


def disk_used(folder: Path) -> int:
    """The bytes of all files in an instance's folder; blocks that a copy shares with its origin count in both."""
    return sum(islice(_sizes(str(folder)), MOST))


def disk_free(folder: Path) -> int:
    """The bytes that are free where a folder is."""
    return shutil.disk_usage(folder).free


def _sizes(folder: str) -> Iterator[int]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                yield entry.stat(follow_symlinks=False).st_blocks * 512
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(entry.path)


def must_fit(what: str, folder: Path) -> None:
    """Raise NotNow if a full copy of an instance's folder does not fit beside it.

    Where the file system shares blocks, it would need less.
    """
    used, free = disk_used(folder), disk_free(folder.parent)
    if used + SPARE > free:
        raise NotNow(
            f"{what} can need {in_words(used)} of disk, and {in_words(free)} are free.",
            "Free some first, for example with `dvm trash empty`.",
        )


def in_words(size: int) -> str:
    """Bytes as text: `1.4 GiB`, or `12 MiB` below one GiB."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MiB"
