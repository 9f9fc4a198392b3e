"""Safe files: private folders, whole writes, bounded reads and locks that the kernel frees."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb.errors import DvmError, UsageError

CONFIG_BYTES = 64 * 1024
RECIPE_BYTES = 256 * 1024


class ChangedOnDisk(DvmError):
    """The file is no longer the one that was read; nothing was written."""


def private_folder(path: Path) -> Path:
    """Make `path` (0700) with its parents; raise UsageError when it is a link, another user's or open to others."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise UsageError(f"{path} is not a folder.", f"Move it away; dvm needs a private folder there: rm {path}")
    if facts.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another user.", f"Give it back: sudo chown -R $(id -u) {path}")
    if facts.st_mode & 0o022:
        raise UsageError(f"{path} can be written by other users.", f"Close it: chmod 700 {path}")
    return path


def read_bounded(path: Path, most: int, *, follow: bool = True) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises FileNotFoundError where there is none and UsageError for anything that is not a plain, small file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        reason = "is a link" if error.errno == errno.ELOOP else f"cannot be read: {os.strerror(error.errno or 0)}"
        raise UsageError(f"{path} {reason}.", "Put a plain file there.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a plain file.", "Put a plain file there.")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(f"{path} is larger than {most} bytes.", "Make it smaller.")
    return data


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, data: bytes, *, expected: str | None = None, mode: int = 0o600) -> None:
    """Replace `path` by `data`: old or new, never half, also over a power cut.

    A link is followed once, so that a config kept in a dotfiles repository stays there. An existing file keeps its
    mode. With `expected` (a digest, "" for "no file yet") raises ChangedOnDisk when the file is another by now.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(target.stat().st_mode)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if expected is not None and _digest_of(target) != expected:
            raise ChangedOnDisk(f"{path} was changed meanwhile.", "Read it again; nothing was written.")
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
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
    """A held flock. It lives as long as one copy of the descriptor: hand it to a child and the child holds it."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Close our copy; the lock ends when the last copy is closed."""
        os.close(self.descriptor)


def try_lock(path: Path) -> Lock | None:
    """Take the lock at once, or return None when somebody holds it. The file stays in place for ever."""
    return _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_lock(path: Path) -> Lock:
    """Take the lock, waiting without limit (signals interrupt the wait)."""
    lock = _lock(path, fcntl.LOCK_EX)
    assert lock is not None  # noqa: S101  (a blocking flock either succeeds or raises)
    return lock


def _lock(path: Path, how: int) -> Lock | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor)
