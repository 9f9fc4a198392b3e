"""Receives an uploaded file into a folder, by default the code folder, or the home folder if there is none.

It never replaces a file.

An agent can write in the code folder at the same time. So the bytes go into a file without a name, which no other
process can open and which disappears with this process. The complete file gets its name, if that is still free.

The bytes come through the pipe `stream`, followed by the nonce, which marks the end of a complete upload.
In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_FOLDER (absolute, or "" for the
code folder), DVM_SIZE, DVM_NAME; DVM_STEM and DVM_END for a name that is taken ("STEM (2)END"); DVM_RESERVE (bytes of
the disk to keep free), DVM_PIECE.
Out: an answer `receive` (dvmweb/guest/protocol.py): `ready HOST INSTANCE ID`, `at BYTES`..., `done NAME FOLDER`; or
`refused guest|folder|link|full|write|incomplete|names`, and no file is left. Needs Python 3.8.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from typing import BinaryIO, NamedTuple

from guest_place import Refused, answer, opened, serve, shown, who_is_this, write_all

NO_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)  # from file systems without O_TMPFILE
CHUNK = 65536
MOST_NAMES = 100


class Request(NamedTuple):
    """The input variables."""

    nonce: bytes
    size: int
    piece: int
    reserve: int
    folder: bytes
    code: bytes
    home: bytes
    name: bytes
    stem: bytes
    end: bytes


def read_request() -> Request:
    given = os.environb
    name = given[b"DVM_NAME"]
    if name in (b"", b".", b"..") or b"/" in name:
        raise SystemExit(1)
    size, piece, reserve = (int(given[f"DVM_{word}".encode()]) for word in ("SIZE", "PIECE", "RESERVE"))
    folder, code, stem, end = (given[f"DVM_{word}".encode()] for word in ("FOLDER", "CODE_DIR", "STEM", "END"))
    return Request(given[b"DVM_NONCE"], size, max(piece, 1), reserve, folder, code, given[b"HOME"], name, stem, end)


def target(request: Request) -> int:
    """A descriptor of the folder that was asked for: the home folder if it is the code folder and does not exist."""
    try:
        if request.folder:
            return opened(request.folder)
        try:
            return opened(request.code)
        except FileNotFoundError:
            if os.path.lexists(request.code):
                raise
            return opened(request.home)
    except OSError:
        raise Refused("folder") from None


def need_room(place: int, request: Request) -> None:
    room = os.statvfs(f"/proc/self/fd/{place}/.")
    if room.f_bavail * room.f_frsize < request.size + request.reserve:
        raise Refused("full")


def nameless(place: int) -> int | None:
    """A new file without a name in a folder; None if the file system does not support it."""
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=place)
    except OSError as error:
        if error.errno in NO_NAMELESS:
            return None
        raise Refused("folder") from None


def at_home(request: Request) -> int:
    """A new file in a private folder below the home folder, with its name removed."""
    try:
        home = opened(request.home)
        need_room(home, request)
        file = nameless(home)
        if file is None:
            facts = os.fstat(home)
            if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
                raise Refused("folder")
            private = tempfile.mkdtemp(prefix=b".dvm-upload.", dir=request.home)
            file = os.open(private + b"/file", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.unlink(private + b"/file")
            os.rmdir(private)
        os.close(home)
    except OSError:
        raise Refused("folder") from None
    return file


# -- bytes -------------------------------------------------------------------------------------------------------------


def collect(stream: BinaryIO, file: int, request: Request) -> None:
    """Write the upload, report progress, and check for the nonce after the last byte."""
    at = 0
    while at < request.size:
        end = min(at + request.piece, request.size)
        while at < end:
            data = stream.read(min(CHUNK, end - at))
            if not data:
                raise Refused("incomplete")
            write_all(file, data)
            at += len(data)
        answer("at", b"%d" % at)
    last = b""
    while len(last) < len(request.nonce) and (data := stream.read(len(request.nonce) - len(last))):
        last += data
    if last != request.nonce:
        raise Refused("incomplete")


def name_it(file: int, place: int, name: bytes) -> None:
    """Give the file its name. Raises FileExistsError if the name is taken, also by a broken link."""
    os.link(b"/proc/self/fd/%d" % file, name, dst_dir_fd=place, follow_symlinks=True)


def copy_it(file: int, place: int, name: bytes) -> None:
    """For file systems without nameless files: copy to a new file, through the descriptor that created it."""
    copy = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place)
    try:
        os.lseek(file, 0, os.SEEK_SET)
        while data := os.read(file, CHUNK):
            write_all(copy, data)
        os.fchmod(copy, 0o644)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(copy, 0)
            if os.path.samestat(os.stat(name, dir_fd=place, follow_symlinks=False), os.fstat(copy)):
                os.unlink(name, dir_fd=place)
        raise
    finally:
        os.close(copy)


def receive(stream: BinaryIO, request: Request) -> tuple[bytes, bytes]:
    """Receive the file; return its name and folder."""
    this = who_is_this()
    place = target(request)
    need_room(place, request)
    file, take = nameless(place), name_it
    if file is None:
        file, take = at_home(request), copy_it
    answer("ready", *this)
    name = request.name
    try:
        collect(stream, file, request)
        os.fchmod(file, 0o644)
        for number in range(2, MOST_NAMES + 1):
            with contextlib.suppress(FileExistsError):
                take(file, place, name)
                return name, shown(place, request.home)
            name = b"%s (%d)%s" % (request.stem, number, request.end)
    except OSError:
        raise Refused("write") from None
    raise Refused("names")


def main() -> None:
    """Answer one question."""
    os.umask(0o077)
    request = read_request()
    serve(b"receive", lambda stream: answer("done", *receive(stream, request)), takes_stream=True)


if __name__ == "__main__":
    main()
