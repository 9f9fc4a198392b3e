"""Reads and walks untrusted trees: plain files only, size limits, no links followed, folders by descriptor."""

from __future__ import annotations

import os
import pwd
import stat
import time
from collections.abc import Callable, Iterator

O_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
O_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
MOST_DEEP = 300  # folders; each keeps a descriptor open during the walk
LINE_BYTES = 4096
# Deleted or replaced in the meantime. Changes after the check are not included.
GONE = (FileNotFoundError, NotADirectoryError)


class NotPlain(OSError):
    """It is a pipe, a device or a folder instead of a file, or too long for a file of Git."""


def read_plain(path: str, most: int) -> bytes:
    """The bytes of a plain file, or of a link to one. Raises OSError; NotPlain for others and over `most` bytes."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # never open a pipe
        raise NotPlain("not a plain file")
    fd = os.open(path, O_FILE)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotPlain("not a plain file")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(fd)
    if len(data) > most:
        raise NotPlain("too long")
    return data


def reason(error: OSError) -> str:
    """The error message of a failed call."""
    return error.strerror or str(error) or "failed"


def resolved(path: str) -> str:
    """The real path of a folder, "" if it does not exist."""
    try:
        real = os.path.realpath(path)
        return real if os.path.isdir(real) else ""
    except (OSError, ValueError):
        return ""


def children_of(path: str) -> list[str]:
    """The paths of all entries of a folder, sorted. Raises OSError."""
    return sorted((os.path.join(path, name) for name in os.listdir(path)), key=os.fsencode)


def leaves_of(path: str) -> Iterator[str]:
    """Every path at or below `path` that is not a folder; links are not followed. Raises OSError."""
    facts = os.lstat(path)
    if stat.S_ISDIR(facts.st_mode):
        for child in children_of(path):
            yield from leaves_of(child)
    else:
        yield path


def owner_of(facts: os.stat_result | None) -> str:
    """The name of the owner, or the uid."""
    if facts is None:
        return "?"
    try:
        return pwd.getpwuid(facts.st_uid).pw_name
    except KeyError:
        return str(facts.st_uid)


class Folder:
    """One folder of a walk. Names removed from `folders` are not walked."""

    __slots__ = ("fd", "folders", "others", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path, self.fd = path, fd
        self.folders: list[str] = []
        self.others: list[str] = []
        with os.scandir(fd) as entries:
            for entry in entries:
                (self.folders if entry.is_dir(follow_symlinks=False) else self.others).append(entry.name)
        # A folder that can be listed but not entered: its entries cannot be checked.
        os.stat(".", dir_fd=fd)
        self.folders.sort(key=os.fsencode, reverse=True)  # popped from the end
        self.others.sort(key=os.fsencode)

    def below(self, name: str) -> str:
        return f"{self.path}/{name}"


class Walk:
    """Walks trees, collects folders that cannot be read, and reports all other errors as problems."""

    def __init__(self, problem: Callable[[str, str], None]) -> None:
        self.problem = problem
        self.unseen: dict[str, str] = {}  # folder that cannot be read -> its owner

    def folders(self, top: str, seconds: float, late: str) -> Iterator[Folder]:
        """Each folder at and below `top`, parents first; `late` is the problem to report when time runs out."""
        until = time.monotonic() + seconds
        frames: list[Folder] = []
        try:
            first = self._open(top, top, None)
            if first is not None:
                frames.append(first)
                yield first
            while frames:
                if time.monotonic() > until:
                    self.problem(top, late)
                    return
                here = frames[-1]
                if not here.folders:
                    os.close(frames.pop().fd)
                    continue  # done
                name = here.folders.pop()
                if len(frames) >= MOST_DEEP:
                    self.problem(here.below(name), "nested too deeply")
                    continue  # reported
                found = self._open(here.below(name), name, here.fd)
                if found is not None:
                    frames.append(found)
                    yield found
        finally:
            for frame in frames:
                os.close(frame.fd)

    def _open(self, path: str, name: str, parent: int | None) -> Folder | None:
        fd = -1
        try:
            fd = os.open(name, O_FOLDER, dir_fd=parent)
            found = Folder(path, fd)
        except GONE:
            found = None
        except PermissionError:
            found = None
            self.unseen[path] = owner_of(_facts(name, parent))
        except OSError as error:
            found = None
            self.problem(path, reason(error))
        if found is None and fd >= 0:
            os.close(fd)
        return found


def _facts(name: str, parent: int | None) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return None
