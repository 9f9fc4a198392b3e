"""Puts one Include line at the top of the user's ~/.ssh/config, and takes it out again. Nothing else there changes."""

from __future__ import annotations

from pathlib import Path

from dvmweb import files
from dvmweb.errors import UsageError
from dvmweb.paths import Paths
from dvmweb.verbs.ssh_hosts.hosts import folder

MOST_BYTES = 1_000_000
SPECIAL = frozenset('"\\*?[]{}~%$#')  # what ssh reads in a path as more than itself


def line(paths: Paths) -> str:
    """The Include line. Raises UsageError for a folder whose path ssh would read otherwise."""
    place = str(folder(paths))
    if SPECIAL & set(place) or not place.isprintable():
        raise UsageError(f"ssh cannot include files of {place}.", "Set DVM_STATE_DIR to a path of plain characters.")
    whole = f"{place}/*.conf"
    return f'Include "{whole}"' if " " in whole else f"Include {whole}"


def file_of(paths: Paths) -> Path:
    return paths.home / ".ssh" / "config"


def is_there(paths: Paths) -> bool:
    """Whether the line is in the file. Raises UsageError for a file that cannot be read."""
    return line(paths).encode() in _content(paths)[1]


def install(paths: Paths) -> bool:
    """Put the line at the top; False if it is there already. Raises UsageError, ChangedOnDisk; nothing is written then.

    At the top, because ssh takes the first value of each option, and because a line below a `Host` is a part of it.
    """
    wanted = line(paths).encode()
    data, lines = _content(paths)
    if wanted in lines:
        return False
    path = file_of(paths)
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700)
    _write(path, wanted + b"\n" + data, data)
    return True


def uninstall(paths: Paths) -> bool:
    """Take the line out; False if it is not there. Raises UsageError, ChangedOnDisk; nothing is written then."""
    wanted = line(paths).encode()
    data, lines = _content(paths)
    if wanted not in lines:
        return False
    kept = b"".join(one for one in data.splitlines(keepends=True) if one.strip() != wanted)
    _write(file_of(paths), kept, data)
    return True


def _content(paths: Paths) -> tuple[bytes, list[bytes]]:
    """The bytes of the file and its lines, empty if there is none. Raises UsageError for a link."""
    path = file_of(paths)
    for one in (path.parent, path):
        if one.is_symlink():
            raise UsageError(
                f"{one} is a link to {one.readlink()}, so it was not changed.",
                f"Add this line at the top of the file there, or remove it: {line(paths)}",
            )
    try:
        data = files.read_bounded(path, MOST_BYTES)
    except FileNotFoundError:
        return b"", []
    return data, [one.strip() for one in data.splitlines()]


def _write(path: Path, data: bytes, before: bytes) -> None:
    expected = files.digest(before) if before or path.exists() else ""
    files.write_whole(path, data, expected=expected)
