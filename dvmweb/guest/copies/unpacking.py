"""Unpacks a tar stream below one descriptor. Runs on the host and in guests: standard library alone, Python 3.9.

A file or folder gets its name when it is complete. Nothing is written through a link, and nothing replaces what exists
unless that was asked for.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dvmweb.guest.copies.entries import INCOMPLETE, accepted
from dvmweb.guest.copies.tally import DIRECTORY, FILE, FOLDER, Incomplete, Readable, Tally, Unusable, opened, reason

PARTIAL = re.compile(r"\.dvm-partial-[0-9a-f]{16}")
LEFT_SECONDS = 60.0  # a younger folder may be about to be locked


class Exists(Exception):
    """There is something of this name already."""


class Plan(NamedTuple):
    """Where an archive goes, and with which limits."""

    parent: int  # a descriptor of the folder
    name: str  # of the file or folder to make in it
    kind: str  # FILE or FOLDER
    is_forced: bool  # replace a file, merge into a folder
    others: int  # rights of others: 0, or 0o055
    most_bytes: int


def unpack(stream: Readable, plan: Plan, on_bytes: Callable[[int], None] = lambda _: None) -> Tally:
    """Unpack what `pack` wrote; it gets its name when it is complete. Raises Exists, Unusable, OSError.

    A merge into a folder that is there writes file by file; each is complete when it gets its name.
    """
    remove_partials(plan.parent)
    there = _facts(plan.parent, plan.name)
    if there is not None and not plan.is_forced:
        raise Exists(plan.name)
    if there is not None and stat.S_ISDIR(there.st_mode) != (plan.kind == FOLDER):
        raise Unusable(f"{plan.name} is {'a folder' if stat.S_ISDIR(there.st_mode) else 'no folder'}")
    if there is not None and plan.kind == FOLDER:
        with opened(os.open(plan.name, DIRECTORY, dir_fd=plan.parent)) as into:
            return _Unpacking(into, plan, on_bytes, is_merge=True).run(stream)
    with partial_folder(plan.parent) as (partial, into):
        tally = _Unpacking(into, plan, on_bytes).run(stream)
        if plan.kind == FOLDER:
            os.fchmod(into, 0o700 | plan.others)
            _rename(plan, partial)
        elif tally.files == 1:
            name_file(plan, into)
        else:
            raise Incomplete("the file did not arrive")
    return tally


@contextlib.contextmanager
def partial_folder(parent: int) -> Iterator[tuple[str, int]]:
    """A new private folder in a folder, its name and descriptor; removed at the end, unless it was renamed."""
    partial = f".dvm-partial-{os.urandom(8).hex()}"
    os.mkdir(partial, 0o700, dir_fd=parent)
    try:
        with opened(os.open(partial, DIRECTORY, dir_fd=parent)) as into:
            fcntl.flock(into, fcntl.LOCK_EX)  # it is in use as long as this process lives
            yield partial, into
    finally:
        _remove_tree(parent, partial)


def _rename(plan: Plan, partial: str) -> None:
    if _facts(plan.parent, plan.name) is not None:  # another program was quicker
        raise Exists(plan.name)
    try:
        os.rename(partial, plan.name, src_dir_fd=plan.parent, dst_dir_fd=plan.parent)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise Exists(plan.name) from None
        raise


def name_file(plan: Plan, into: int) -> None:
    """Give the complete file "file" of a private folder its name. Raises Exists, OSError."""
    if plan.is_forced:
        os.replace(FILE, plan.name, src_dir_fd=into, dst_dir_fd=plan.parent)
        return
    try:
        os.link(FILE, plan.name, src_dir_fd=into, dst_dir_fd=plan.parent, follow_symlinks=False)
    except FileExistsError:
        raise Exists(plan.name) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if _facts(plan.parent, plan.name) is not None:  # a file system without hard links
            raise Exists(plan.name) from None
        os.rename(FILE, plan.name, src_dir_fd=into, dst_dir_fd=plan.parent)


def remove_partials(parent: int) -> None:
    """Remove what a copy into this folder left when its process was killed."""
    with contextlib.suppress(OSError), os.scandir(parent) as found:
        names = [one.name for one in found if PARTIAL.fullmatch(one.name)]
        for name in names:
            with opened(os.open(name, DIRECTORY, dir_fd=parent)) as folder:
                facts = os.fstat(folder)
                if facts.st_uid == os.geteuid() and time.time() - facts.st_mtime > LEFT_SECONDS:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove_tree(parent, name)


class _Unpacking:
    """One archive on its way into a folder."""

    def __init__(self, into: int, plan: Plan, on_bytes: Callable[[int], None], *, is_merge: bool = False) -> None:
        self._plan, self._on_bytes, self._is_merge = plan, on_bytes, is_merge
        self._path: list[str] = []  # of the folder that is open
        self._open = [into]
        self._tally = Tally()
        self._last = time.time()  # no file is newer than its copy

    def run(self, stream: Readable) -> Tally:
        """Unpack all of it."""
        try:
            for entry, chunks in accepted(stream, self._plan.kind, self._tally):
                self._take(entry, chunks)
        finally:
            for folder in self._open[1:]:
                os.close(folder)
        return self._tally

    def _take(self, entry: tarfile.TarInfo, chunks: Iterator[bytes]) -> None:
        *folders, name = [part for part in entry.name.split("/") if part not in ("", ".")] or [""]
        try:
            if entry.isdir():
                self._enter([*folders, name] if name else [])
                self._tally.folders += 1
                return
            if self._tally.bytes + entry.size > self._plan.most_bytes:
                raise Unusable("there is not enough space for it")
            self._enter(folders)
            self._write(name, entry, chunks)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
                raise
            self._tally.skip(entry.name, "has a name that is taken here" if _is_taken(error) else reason(error))

    def _enter(self, folders: list[str]) -> None:
        """Make the folders that are missing, and have the last one open."""
        same = 0
        while same < min(len(folders), len(self._path)) and folders[same] == self._path[same]:
            same += 1
        while len(self._path) > same:
            self._path.pop()
            os.close(self._open.pop())
        for name in folders[same:]:
            here = self._open[-1]
            is_new = _made(here, name)
            folder = os.open(name, DIRECTORY, dir_fd=here)
            self._open.append(folder)
            self._path.append(name)
            if is_new:
                os.fchmod(folder, 0o700 | self._plan.others)

    def _write(self, name: str, entry: tarfile.TarInfo, chunks: Iterator[bytes]) -> None:
        here = self._open[-1]
        made = f".dvm-{os.urandom(8).hex()}" if self._is_merge else name
        file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=here)
        try:
            with opened(file):
                self._fill(file, entry, chunks)
            if made != name:
                os.replace(made, name, src_dir_fd=here, dst_dir_fd=here)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(made, dir_fd=here)
            raise
        self._tally.files += 1

    def _fill(self, file: int, entry: tarfile.TarInfo, chunks: Iterator[bytes]) -> None:
        left = entry.size
        for data in chunks:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            left -= len(data)
            self._tally.bytes += len(data)
            self._on_bytes(self._tally.bytes)
        if left:
            raise Incomplete(INCOMPLETE)
        is_program = bool(entry.mode & 0o100)
        os.fchmod(file, (0o700 if is_program else 0o600) | (self._plan.others & (0o055 if is_program else 0o044)))
        changed = min(max(float(entry.mtime), 0.0), self._last)
        os.utime(file, (changed, changed))


def _facts(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _made(parent: int, name: str) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _is_taken(error: OSError) -> bool:
    return error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY)


def _remove_tree(parent: int, name: str) -> None:
    """Remove a folder of ours with what is in it, without following a link."""
    try:
        folder = os.open(name, DIRECTORY, dir_fd=parent)
    except FileNotFoundError:  # it has its name
        return
    with opened(folder):
        with os.scandir(folder) as found:
            entries = [(one.name, one.is_dir(follow_symlinks=False)) for one in found]
        for inner, is_folder in entries:
            if is_folder:
                _remove_tree(folder, inner)
            else:
                os.unlink(inner, dir_fd=folder)
    os.rmdir(name, dir_fd=parent)
