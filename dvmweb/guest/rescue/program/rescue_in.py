"""Takes the archive of a rescue and restores its repositories and files in `rescued/NAME` of the code folder.

The archive is not trusted: it is unpacked in a private folder of the home folder, where no agent can write, and gets
its place when all is done. No hook, filter or setting of a rescued repository becomes active.
In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_NAME (of the folder), DVM_SIZE
and DVM_RESERVE (bytes: of the archive, and of the disk to keep free), DVM_PIECE. The archive comes through `stream`.
Out: an answer `rescue_in` (dvmweb/guest/protocol.py): `ready HOST INSTANCE ID`, `at BYTES`..., `skipped PLACE WHY`...
(what could not be restored), `done COUNT PLACE`; or `refused guest|folder|link|full|exists|kind|write` with a place or
a reason. Needs Python 3.10.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from typing import BinaryIO

# Isolated mode leaves the script's folder out of sys.path; the folder is private to this user.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest_place import Refused, answer, opened, serve, shown, signs_of_life, who_is_this
from rescue_replay import Replay

from dvmweb.guest.copies.tally import DIRECTORY, FOLDER, Incomplete, Unusable
from dvmweb.guest.copies.unpacking import Plan, unpack

RESCUED = "rescued"


class Archive:
    """The `size` bytes of the archive; the stream does not end behind them."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data


def place_for(code: bytes) -> tuple[int, bytes]:
    """A descriptor of the folder `rescued`, and its path to show. Raises Refused."""
    try:
        place = opened(code)
        with contextlib.suppress(FileExistsError):
            os.mkdir(RESCUED, 0o755, dir_fd=place)
        inner = os.open(RESCUED, DIRECTORY, dir_fd=place)
    except OSError as error:
        raise Refused("folder", os.strerror(error.errno or 0)) from None
    return inner, shown(place, os.environb[b"HOME"]) + b"/" + RESCUED.encode()


def receive(stream: BinaryIO, name: str) -> None:
    """Unpack the archive, restore what it has, and answer."""
    this, given = who_is_this(), os.environb
    parent, whole = place_for(given[b"DVM_CODE_DIR"])
    if os.path.lexists(f"/proc/self/fd/{parent}/{name}"):
        raise Refused("exists", whole + b"/" + name.encode())
    home = os.path.realpath(os.fsdecode(given[b"HOME"]))
    if os.stat(home).st_dev != os.fstat(parent).st_dev:
        raise Refused("write", "the home folder and the code folder are on different file systems")
    room = os.statvfs(home)
    free = room.f_bavail * room.f_frsize - int(given[b"DVM_RESERVE"])
    if free < 2 * int(given[b"DVM_SIZE"]):  # once in the archive, once restored
        raise Refused("full")
    work = tempfile.mkdtemp(prefix=".dvm-rescue-", dir=home)
    try:
        answer("ready", *this)
        problems = unpacked(Archive(stream, int(given[b"DVM_SIZE"])), work, free, int(given[b"DVM_PIECE"]))
        with signs_of_life(lambda: answer("at", given[b"DVM_SIZE"])):
            final = f"{os.readlink(f'/proc/self/fd/{parent}')}/{name}"
            replay = Replay(work, final, dict(os.environ))
            replay.problems += problems
            replay.run()
            if replay.problems and os.path.isdir(f"{work}/bundle"):
                hide_git_folders(f"{work}/bundle")
                os.rename(f"{work}/bundle", f"{work}/tree/rescue-parts")
        put(work, parent, name, whole)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for place, why in replay.problems[:500]:
        answer("skipped", os.fsencode(place)[:4096], why.encode("utf-8", "surrogateescape")[:1000])
    answer("done", b"%d" % len(replay.problems), whole + b"/" + name.encode())


def unpacked(stream: Archive, work: str, free: int, piece: int) -> list[tuple[str, str]]:
    """Unpack the archive into `bundle`; what was not unpacked. Raises Refused."""
    last = 0

    def progress(count: int) -> None:
        nonlocal last
        if count - last >= max(piece, 1):
            last = count
            answer("at", b"%d" % count)

    room = os.open(work, DIRECTORY)
    try:
        tally = unpack(stream, Plan(room, "bundle", FOLDER, False, others=0o055, most_bytes=free), progress)
    except Incomplete:
        raise Refused("kind", "it is not a whole rescue file") from None
    except Unusable as unusable:
        raise Refused("kind", str(unusable)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused("write", os.strerror(error.errno or 0)) from None
    finally:
        os.close(room)
    return tally.skipped


def hide_git_folders(top: str) -> None:
    """Rename what Git would take for the Git folder of a repository, whose settings and hooks it would use."""
    for folder, folders, names in os.walk(top, topdown=False):
        for name in (*folders, *names):
            if name.casefold() == ".git":
                os.rename(f"{folder}/{name}", f"{folder}/dot-git-{os.urandom(4).hex()}")


def put(work: str, parent: int, name: str, whole: bytes) -> None:
    """Give the restored tree its place. Raises Refused."""
    os.chmod(f"{work}/tree", 0o755)
    if os.path.lexists(f"/proc/self/fd/{parent}/{name}"):
        raise Refused("exists", whole + b"/" + name.encode())
    try:
        os.rename(f"{work}/tree", name, dst_dir_fd=parent)
    except OSError as error:
        raise Refused("write", os.strerror(error.errno or 0)) from None


def main() -> None:
    """Answer one question."""
    os.umask(0o022)
    name = os.environ["DVM_NAME"]
    if name in ("", ".", "..") or "/" in name:
        raise SystemExit(1)
    serve(b"rescue_in", lambda stream: receive(stream, name), takes_stream=True)


if __name__ == "__main__":
    main()
