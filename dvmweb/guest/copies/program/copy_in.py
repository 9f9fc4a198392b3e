"""Unpacks an archive of the host in this guest.

The archive comes through the pipe `stream`. What it holds gets its name when it is complete.
In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_PATH (absolute, below ~, or below
the code folder), DVM_NAME (in a folder that is there; "": none), DVM_KIND (file or folder), DVM_FORCE ("1": replace a
file, merge into a folder), DVM_SIZE and DVM_RESERVE (bytes: of the files, and of the disk to keep free), DVM_PIECE.
Out: an answer `copy_in` (dvmweb/guest/protocol.py): `ready HOST INSTANCE ID`, `at BYTES`..., `skipped NAME REASON`...,
`done COUNT PLACE` (COUNT of what was skipped); or `refused guest|name|folder|link|full|exists|kind|write` with
a place or a reason.
Others can read what was copied; an agent of this VM can change it from its next start on. Needs Python 3.9.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from guest_place import Refused, answer, opened, path_of, serve, shown, who_is_this

from dvmweb.guest.copies.tally import DIRECTORY, Unusable
from dvmweb.guest.copies.unpacking import Exists, Plan, unpack


def destination() -> tuple[int, bytes]:
    """A descriptor of the folder, and the name to make in it. Raises Refused, OSError."""
    given = os.environb
    path, name = path_of(given[b"DVM_PATH"]), given[b"DVM_NAME"]
    around, last = os.path.split(path)
    if last in (b"", b".", b".."):
        parent = opened(path)
    else:
        parent = opened(around)
        try:
            mode = os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return parent, last
        if not (stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            return parent, last
        os.close(parent)
        parent = opened(path)
    if not name:
        raise Refused("name")
    return parent, name


def receive(stream: BinaryIO) -> None:
    """Unpack the archive and answer."""
    this = who_is_this()
    given = os.environb
    try:
        place, name = destination()
        parent = os.open(".", DIRECTORY & ~os.O_NOFOLLOW, dir_fd=place)
    except OSError as error:
        raise Refused("folder", os.strerror(error.errno or 0)) from None
    room = os.statvfs(parent)
    free = room.f_bavail * room.f_frsize - int(given[b"DVM_RESERVE"])
    if free < int(given[b"DVM_SIZE"]):
        raise Refused("full")
    whole = os.path.join(shown(place, given[b"HOME"]), name)
    answer("ready", *this)
    piece, last = max(int(given[b"DVM_PIECE"]), 1), 0

    def progress(count: int) -> None:
        nonlocal last
        if count - last >= piece:
            last = count
            answer("at", b"%d" % count)

    kind, is_forced = given[b"DVM_KIND"].decode(), given[b"DVM_FORCE"] == b"1"
    plan = Plan(parent, os.fsdecode(name), kind, is_forced, others=0o055, most_bytes=free)
    try:
        tally = unpack(stream, plan, progress)
    except Exists:
        raise Refused("exists", whole) from None
    except Unusable as unusable:
        raise Refused("kind", str(unusable)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused("write", os.strerror(error.errno or 0)) from None
    for skipped, why in tally.skipped:
        answer("skipped", os.fsencode(skipped), why.encode())
    answer("done", b"%d" % tally.skipped_count, whole)


def main() -> None:
    """Answer one question."""
    os.umask(0o077)
    serve(b"copy_in", receive, takes_stream=True)


if __name__ == "__main__":
    main()
