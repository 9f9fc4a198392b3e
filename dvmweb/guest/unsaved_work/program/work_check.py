"""The check of one repository: calls Git, and collects its records and the names for the checksum."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

import work_config as config
from work_address import Addresses
from work_file import read_plain
from work_found import Found, Repository
from work_git import Git, parse_list, why_failed
from work_layout import check_format, head_of
from work_records import Records
from work_run import Done

CLOSED = re.compile(
    r"(?:warning: could not open directory '(.*)/'|(?:error: |fatal: )?(.*)): Permission denied", re.DOTALL
)


class Failed(Exception):
    """A call of Git failed; the problem has been reported."""


class Check:
    """The check of one repository."""

    def __init__(self, repository: Repository, found: Found, git: Git, addresses: Addresses, work: str) -> None:
        self.repository, self.found, self.git, self.addresses, self.work = repository, found, git, addresses, work
        self.path, self.git_dir, self.common = repository.path, repository.git_dir, repository.common
        self.records = Records()
        self.facts: list[str] = []  # for the checksum
        self.place: tuple[str, ...] = ()
        self.silent: list[str] = []
        self.values: config.Values = []
        self.has_reftable = False
        self.branch = ""
        self.kept_by_parent = False

    # ---- git ----

    def query(self, *words: str, place: Sequence[str] | None = None, given: bytes = b"") -> bytes:
        """Git's output. On an error or any message on stderr it reports a problem and raises Failed."""
        done = self.git.run((*self.silent, *(self.place if place is None else place), *words), given)
        why = why_failed(words[0], self._without_unseen(done))
        if why:
            self.records.problem(self.path, why)
            raise Failed
        return done.out

    def _without_unseen(self, done: Done) -> Done:
        """Remove messages about folders that are reported as unseen; Git continues after them."""
        if not done.err or not self.found.walk.unseen:
            return done
        lines = [line for line in done.err.split(b"\n") if line.strip()]
        rest = [line for line in lines if not self._is_in_unseen(os.fsdecode(line))]
        return Done(done.code, done.out, b"\n".join(rest))

    def _is_in_unseen(self, line: str) -> bool:
        found = CLOSED.fullmatch(line)
        if not found:
            return False
        place = f"{self.path}/{found[1] if found[1] is not None else found[2]}"
        return any(place == path or place.startswith(f"{path}/") for path in tuple(self.found.walk.unseen))

    def report(self) -> None:
        """Add the repository record; its facts follow."""
        self.facts.append(self.path)
        self.records.add("repository", self.path.removeprefix("./"), self.repository.kind, self.branch)

    def names(self, tag: str, names: list[str]) -> None:
        """Add a list of files: the first names to the answer, all names to the checksum."""
        if names:
            self.facts += [tag, *names]
            self.records.names(tag, names)

    def read_config(self) -> None:
        """Read the config. Raises UnknownLayout for an unknown format."""
        values = config.read_plain_config(self.common)
        if values is None:
            values = parse_list(self.query("config", "-z", "--list"))
            self.silent += config.silence(values, self.git)
        self.values = values
        self.has_reftable = check_format(self.path, values) or os.path.lexists(f"{self.common}/reftable")
        head_of(self.git_dir)

    def branch_of_head(self) -> str:
        reference = head_of(self.git_dir)[0]
        if self.has_reftable and reference == "refs/heads/.invalid":
            reference = os.fsdecode(self.git.run((*self.place, "symbolic-ref", "-q", "HEAD")).out).strip()
        prefix = "refs/heads/"
        return reference[len(prefix) :] if reference.startswith(prefix) else ""

    def note_outside_work_tree(self) -> None:
        """Note a work tree elsewhere (core.worktree) that is outside the code folder: it is not checked."""
        named = [value or "" for key, value in self.values if key == "core.worktree"]
        if not named or not os.path.lexists(f"{self.git_dir}/index"):
            return
        place = os.path.realpath(os.path.join(self.git_dir, os.path.expanduser(named[-1])))
        if not os.path.isdir(place):
            return  # its files were deleted, or it is a submodule that was removed
        if place in (*self.found.tops, os.path.realpath(self.path)) or self.found.is_inside(place):
            return  # its files are reported with a repository there, or as loose files
        self.found.far.add(place)

    def is_kept_by_parent(self) -> bool:
        """Whether the repository around this bare one tracks all its files (test data)."""
        parent = self.path
        while "/" in parent[1:]:
            parent = parent[: parent.rindex("/")]
            if parent not in self.found.tops or not os.path.lexists(f"{parent}/.git"):
                continue  # not a repository: try the next parent
            place = ("-C", parent, "--git-dir=.git", "--work-tree=.", "--literal-pathspecs")
            below = self.path[len(parent) + 1 :]
            if not self.query("ls-files", "--", f"{below}/HEAD", place=place):
                return False
            return not self.query("ls-files", "--others", "--", below, place=place)
        return False


def bare_query(git: Git | None, work: str) -> Callable[[str], bool]:
    """A function that returns whether a Git folder without an index is bare."""

    def is_bare(git_dir: str) -> bool:
        values = config.read_plain_config(git_dir)
        if values is not None:
            return config.is_bare(values)
        if git is None:
            return False
        done = git.run((f"--git-dir={git_dir}", f"--work-tree={work}/empty", "config", "--bool", "core.bare"))
        return done.out == b"true\n"

    return is_bare


def first_line(path: str) -> str:
    """The first line of a short file, "" if it cannot be read. Only for text, never to decide what is unsaved."""
    try:
        return os.fsdecode(read_plain(path, 1 << 20).split(b"\n", 1)[0])
    except OSError:
        return ""
