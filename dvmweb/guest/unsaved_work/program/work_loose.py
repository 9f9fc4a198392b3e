"""Finds files that belong to no repository, and files of the user inside Git folders."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator

from work_file import children_of, reason
from work_found import Found
from work_records import MOST_NAMES, Records

# Outside repositories, only names that are never used for other folders.
REMADE = "node_modules .venv __pycache__ .mypy_cache .pytest_cache .ruff_cache .tox .nox".split()
_REMADE = frozenset(REMADE)
LATE = "the search for files reached its time limit"
MOST_KEPT = 100_000  # names to sort; all are counted and in the checksum
GITS_OWN = re.compile(
    r"[A-Z_]*HEAD|config(\.worktree)?|description|packed-refs|shallow|index|gc\.(log|pid)|COMMIT_EDITMSG"
    r"|hooks/[^/]*\.sample|info/(attributes|exclude|grafts|refs|sparse-checkout)|(logs|refs|reftable)/.*"
    r"|(annex|lfs|modules|worktrees)/.*|objects/[0-9a-f]{2}/([0-9a-f]{38}|[0-9a-f]{62}|tmp_obj_[^/]*)"
    r"|objects/info/(packs|(http-)?alternates|commit-graphs?(/.*)?)"
    r"|objects/pack/(pack-[0-9a-f]+\.[a-z]+|multi-pack-index[^/]*|\.?tmp[-_][^/]*)",
    re.DOTALL,
)


def starts_below(folder: str, found: Found) -> list[str]:
    """The paths in a folder that contain no repository: files, and whole folders."""
    if folder in found.tops:
        return []
    if folder not in found.above:
        return [folder]
    starts: list[str] = []
    for child in _children(folder, found):
        if os.path.isdir(child) and not os.path.islink(child):
            if not child.endswith("/.git"):
                starts += starts_below(child, found)
        elif not child.endswith("/.git"):  # not the .git file of a bare repository next to it
            starts.append(child)
    return starts


def _children(folder: str, found: Found) -> list[str]:
    try:
        return children_of(folder)
    except OSError as error:
        if folder not in found.walk.unseen:
            found.records.problem(folder, reason(error))
        return []


def files_below(starts: list[str], found: Found, remade: frozenset[str] = _REMADE) -> Iterator[tuple[str, int]]:
    """(path, bytes) of each file, without folders that tools can recreate; the report lists their names."""
    for start in starts:
        if os.path.isdir(start) and not os.path.islink(start):
            if os.path.basename(start) in remade:
                continue  # skipped by name, as below
            if found.setting.is_over() and start != starts[0]:
                found.records.problem(start, LATE)
                return
            for folder in found.walk.folders(start, found.setting.seconds_left(), LATE):
                folder.folders[:] = [name for name in folder.folders if name not in remade]
                for name in folder.others:
                    yield folder.below(name), _size(name, folder.fd)
        else:
            yield start, _size(start, None)


def _size(name: str, fd: int | None) -> int:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False).st_size
    except OSError:
        return 0  # deleted in the meantime; counted anyway


def own_files(store: str, found: Found) -> Iterator[tuple[str, int]]:
    """Each file in a Git folder that Git did not create."""
    for path, size in files_below([store], found, frozenset()):
        if not GITS_OWN.fullmatch(path[len(store) + 1 :]):
            yield path, size


class Loose:
    """The count, size and first names of loose files."""

    def __init__(self) -> None:
        self.count = self.bytes = self._sum = 0
        self._names: list[str] = []

    def add(self, path: str, size: int) -> None:
        self.count += 1
        self.bytes += size
        # A sum, so the order of the folders does not matter.
        self._sum += int.from_bytes(hashlib.sha256(os.fsencode(path)).digest(), "big")
        if len(self._names) < MOST_KEPT:
            self._names.append(path)

    def facts(self) -> str:
        return f"loose {self.count} {self._sum:x}"

    def report(self, records: Records) -> None:
        names = sorted(self._names, key=os.fsencode)[:MOST_NAMES]
        records.add("loose", self.count, self.bytes, *(name.removeprefix("./") for name in names))


def find_loose(found: Found, kept: set[str]) -> Loose:
    """All loose files. `kept`: bare repositories whose files the repository around them tracks."""
    loose = Loose()
    for path, size in files_below(starts_below(".", found), found):
        loose.add(path, size)
    for store in found.stores:
        if store not in kept:
            for path, size in own_files(store, found):
                loose.add(path, size)
    return loose
