"""File access: private folders, atomic writes, bounded reads of plain files, and locks."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dvmweb.errors import ConfigError, DvmError, Problem, UsageError

CONFIG_BYTES = 64 * 1024
OUR_FOLDERS = ("vms", "jobs", "web", "trash", "checkpoints")  # in the state folder; each contains private folders
RECIPE_BYTES = 256 * 1024
BOM = b"\xef\xbb\xbf"
LEFT = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.new")  # the temporary files of `write_whole`
LEFT_SECONDS = 60.0


class ChangedOnDisk(DvmError):
    """The file has changed since it was read; nothing was written."""


def private_folder(path: Path) -> Path:
    """Create `path` (0700) with its parents. Raises UsageError if it is a link, another user's or open to others."""
    if path.parent.name in OUR_FOLDERS and path.parent.is_symlink():
        raise UsageError(f"{path.parent} is a link.", f"Remove it; dvm needs a folder there: rm {path.parent}")
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise UsageError(f"{path} is not a folder.", f"Remove it; dvm needs a private folder there: rm {path}")
    if facts.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another user.", f"Change its owner: sudo chown -R $(id -u) {path}")
    if facts.st_mode & 0o022:
        raise UsageError(f"{path} is writable by other users.", f"Make it private: chmod 700 {path}")
    return path


def read_bounded(path: Path, most: int, *, follow: bool = False) -> bytes:
    """Read a plain file of at most `most` bytes. `follow`: it is the user's own file and can be a link.

    Raises FileNotFoundError, and UsageError if it is too large or not a plain file.
    """
    with open_plain(path, follow=follow) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{path} is larger than {most} bytes.", "Make it smaller.")
    return data


def open_plain(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a plain file for reading. Raises FileNotFoundError, and UsageError for a link or anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        reason = "is a link" if error.errno == errno.ELOOP else f"cannot be read: {os.strerror(error.errno or 0)}"
        todo = f"Make it readable: chmod u+r {path}" if error.errno == errno.EACCES else "Put a plain file there."
        raise UsageError(f"{path} {reason}.", todo) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "is a folder" if stat.S_ISDIR(mode) else "is not a plain file"
        raise UsageError(f"{path} {what}.", "Put a plain file there.")
    return os.fdopen(descriptor, "rb")


def open_own(path: Path, flags: int = 0) -> int:
    """Open a file in the state folder for writing, created if necessary; never through a symbolic or hard link.

    Raises UsageError for a link or anything that is not a file; then nothing was written.
    """
    how = (flags or os.O_WRONLY) | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    refused = UsageError(f"{path} is a link, or not a plain file.", f"Remove it: rm {path}")
    try:
        descriptor = os.open(path, how & ~os.O_TRUNC, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise refused from error
        raise
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        os.close(descriptor)
        raise refused
    if how & os.O_TRUNC:
        os.ftruncate(descriptor, 0)
    return descriptor


def why_no_text(data: bytes) -> tuple[str, str, int] | None:
    """Why bytes are not plain UTF-8 text: what is wrong, what to do, the line; None if they are."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0" in data[:2] and 3 * data.count(b"\0") > len(data)):
        return "is UTF-16 or UTF-32 text", "Save it as UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)", 1
    for at, line in enumerate(data.split(b"\n"), 1):
        if line.startswith(BOM):
            where = "begins with" if at == 1 else "contains"
            todo = (
                "Save it as UTF-8 without BOM; tail -c +4 removes it" if at == 1 else "Delete that invisible character"
            )
            return f"{where} a byte order mark (BOM)", todo, at
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "is not UTF-8 here", "Save the file as UTF-8", data.count(b"\n", 0, error.start) + 1
    return None


def read_script(path: Path) -> str:
    """The text of a script for a guest. Raises ConfigError for anything else."""
    try:
        data = read_bounded(path, RECIPE_BYTES)
    except FileNotFoundError:
        raise ConfigError([Problem("", "the file does not exist any more", "Put it back.", str(path))]) from None
    except UsageError as error:
        what = error.what.removeprefix(f"{path} ").rstrip(".")
        raise ConfigError([Problem("", what, error.todo, str(path))]) from None
    if odd := why_no_text(data) or _why_no_script(data):
        what, todo, line = odd
        raise ConfigError([Problem("", what, f"{todo}.", str(path), line)])
    return data.decode("utf-8")


def _why_no_script(data: bytes) -> tuple[str, str, int] | None:
    """Why bytes are not the text of a script; the same form as `why_no_text`."""
    for bad, what, todo in (
        (b"\0", "contains a NUL byte", "Save it as plain text"),
        (b"\r", "has Windows line endings", "Save it with Unix line endings (LF); tr -d '\\r' removes them"),
    ):
        if bad in data:
            return what, todo, data.count(b"\n", 0, data.index(bad)) + 1
    return None


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def write_whole(
    path: Path, data: bytes, *, expected: str | None = None, mode: int = 0o600, follow: bool = False
) -> None:
    """Replace the content of `path` atomically, also across a power failure. An existing file keeps its mode.

    A link is replaced, not followed; with `follow` it is followed once, so that a config in a dotfiles repository stays
    there. With `expected` (a digest, "" for no file) raises ChangedOnDisk if the file has another digest.
    """
    target = Path(os.path.realpath(path)) if follow and path.is_symlink() else path
    with suppress(FileNotFoundError):
        facts = target.lstat()
        mode = stat.S_IMODE(facts.st_mode) if stat.S_ISREG(facts.st_mode) else mode
    _forget_left(target.parent, target.name if follow else "")
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(OSError):  # a file system without locks, on which leftovers are not removed either
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # marks the file as being written
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
            if expected is not None and _digest_of(target) != expected:
                raise ChangedOnDisk(f"{path} has changed since it was read.", "Read it again; nothing was written.")
            Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    sync_folder(target.parent)


def _forget_left(folder: Path, only: str) -> None:
    """Remove temporary files of killed writers; `only`: those for this file, because the folder belongs to the user."""
    with suppress(OSError), os.scandir(folder) as entries:
        left = [entry.name for entry in entries if (found := LEFT.fullmatch(entry.name)) and only in ("", found[1])]
        for name in left:
            with suppress(OSError):
                _forget_dead(folder / name)


def _forget_dead(path: Path) -> None:
    """Remove a temporary file. Raises OSError if a process writes it, or can be about to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A writer takes the lock just after it has created the file.
        if time.time() - os.fstat(descriptor).st_mtime > LEFT_SECONDS:
            path.unlink()
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush renames in `folder` to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest_of(path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except FileNotFoundError:
        return ""


@dataclass(frozen=True)
class Lock:
    """A flock that is held. It lasts until the last copy of the descriptor is closed, so a child can inherit it."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Close this copy of the descriptor; the lock ends with the last one."""
        os.close(self.descriptor)


def try_lock(path: Path) -> Lock | None:
    """Take the lock, or return None if it is held. The file is never removed."""
    return _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_lock(path: Path) -> Lock:
    """Take the lock, waiting without limit (signals interrupt the wait)."""
    lock = _lock(path, fcntl.LOCK_EX)
    assert lock is not None  # noqa: S101  (a blocking flock either succeeds or raises)
    return lock


def _lock(path: Path, how: int) -> Lock | None:
    descriptor = open_own(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor)
