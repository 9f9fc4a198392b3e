"""Finds all repositories in the code folder, and their linked work trees elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable

from work_file import Folder, Walk, resolved
from work_layout import (
    UnknownLayout,
    common_of,
    is_git_dir,
    linked_of,
    target_of_git_file,
    work_tree_of,
)
from work_records import Records, Setting

LATE = "the search for repositories reached its time limit"
# Folders in a .git that contain no repositories. References are walked, since Git ignores those that it cannot read.
# A hooks folder is often a clone.
GITS_OWN = frozenset("objects logs reftable rr-cache lfs annex svn".split())
MOST_UNSEEN = 50


class Repository:
    """A repository or work tree with its own records."""

    __slots__ = ("common", "git_dir", "index", "kind", "path", "reports_commits")

    def __init__(self, index: int, path: str, kind: str, git_dir: str, common: str) -> None:
        self.index, self.path, self.kind, self.git_dir, self.common = index, path, kind, git_dir, common
        self.reports_commits = False  # the first one of a common folder reports its commits and stashes


class Found:
    """The repositories found; `tops`: their folders, `above`: all parents of these."""

    def __init__(self, records: Records, setting: Setting, is_bare: Callable[[str], bool]) -> None:
        self.records, self.setting = records, setting
        self._is_bare = is_bare
        self.repositories: list[Repository] = []
        self.tops: set[str] = set()
        self.above: set[str] = set()
        self.stores: list[str] = []  # bare repositories: `git status` does not report files in them
        self.far: set[str] = set()  # folders elsewhere with the files of a repository, not checked
        self.walk = Walk(records.problem)
        self._root = os.path.realpath(".")
        self._here = os.stat(".")
        self._known: set[str] = set()
        self._reported: set[str] = set()
        self._seen: set[str] = set()
        self._heads: list[str] = []
        self._linked = 0  # number of repositories whose linked work trees were searched

    def find(self) -> None:
        """Search the code folder, then the folders of linked work trees."""
        self._search(".")
        heads = 0
        while len(self.repositories) <= self.setting.repositories:
            if self.setting.is_over():
                self.records.problem(self._root, LATE)
                break
            # A Git folder whose work tree was found is not a repository of its own.
            while self._linked < len(self.repositories):
                self._linked += 1
                self._add_linked(self.repositories[self._linked - 1].git_dir)
            if heads == len(self._heads):
                break
            self._add_git_dir(self._heads[heads])
            heads += 1
        self._search_references()
        if len(self.repositories) > self.setting.repositories:
            most = self.setting.repositories
            self.records.problem(self._root, f"more than {most} repositories: the rest was not checked")
            del self.repositories[most:]

    def report_unseen(self) -> list[str]:
        """Report the folders that cannot be read; inside a Git folder it is a problem. Returns them for the digest."""
        inside = tuple(f"{self.relative(one.git_dir)}/" for one in self.repositories)
        folders = sorted(self.walk.unseen, key=os.fsencode)
        for path in folders[:MOST_UNSEEN]:
            if "/.git/" in f"{path}/" or f"{path}/".startswith(inside):
                self.records.problem(path, "cannot be read")
            else:
                self.records.add("unseen", path.removeprefix("./"), self.walk.unseen[path])
        if len(folders) > MOST_UNSEEN:
            self.records.problem(self._root, f"more than {MOST_UNSEEN} folders cannot be read")
        return folders

    def is_inside(self, path: str) -> bool:
        """Whether a real path is in the code folder."""
        return path == self._root or path.startswith(f"{self._root.rstrip('/')}/")

    def relative(self, path: str) -> str:
        """A path as in the walk: relative in the code folder, else absolute."""
        root = self._root.rstrip("/")
        if path == self._root:
            return "."
        return f".{path[len(root) :]}" if path.startswith(f"{root}/") else path

    # ---- the search ----

    def _search(self, top: str) -> None:
        """Add every work tree below `top`; the code folder itself is searched only once."""
        found: list[tuple[str, bool]] = []
        most = 20 * self.setting.repositories
        for folder in self.walk.folders(top, self.setting.seconds_left(), LATE):
            if top != "." and os.path.samestat(os.fstat(folder.fd), self._here):
                folder.folders.clear()
                continue  # the code folder itself, which was searched first
            self._note(folder, found)
            if len(found) + len(self._heads) > most:
                self.records.problem(top, "too many repositories: the rest was not checked")
                break
        found.sort(key=lambda entry: os.fsencode(entry[0]))
        # Folders first: they report the commits of their linked work trees.
        for path, _ in sorted(found, key=lambda entry: not entry[1]):
            self._add_work_tree(path)

    def _note(self, folder: Folder, found: list[tuple[str, bool]]) -> None:
        is_git = folder.path.endswith("/.git")
        if ".git" in folder.folders:
            found.append((folder.below(".git"), True))
        if ".git" in folder.others:
            # A link to a folder counts as one.
            found.append((folder.below(".git"), os.path.isdir(folder.below(".git"))))
        if is_git:
            folder.folders[:] = [name for name in folder.folders if name not in GITS_OWN]
        elif "HEAD" in folder.others:
            self._heads.append(folder.path)

    def _search_references(self) -> None:
        """Report references outside the code folder that cannot be read: Git ignores them silently."""
        walk = Walk(self.records.problem)
        for place in sorted({os.path.realpath(f"{one.common}/refs") for one in self.repositories}):
            if not self.is_inside(place):
                for _ in walk.folders(place, self.setting.seconds_left(), LATE):
                    pass
        for place in walk.unseen:
            self.records.problem(place, "cannot be read")

    # ---- adding ----

    def _add(self, path: str, kind: str, git_dir: str, common: str) -> None:
        one = Repository(len(self.repositories), path, kind, git_dir, common)
        one.reports_commits = common not in self._reported
        self._reported.add(common)
        self._known.add(git_dir)
        self.repositories.append(one)

    def _mark(self, path: str) -> None:
        """Add a folder to `tops`, and its parents to `above`."""
        self.tops.add(path)
        while "/" in path[1:]:
            path = path[: path.rindex("/")]
            if path in self.above:
                break
            self.above.add(path)

    def _add_work_tree(self, path: str) -> None:
        top = path[: -len("/.git")]
        if path in self._seen:
            return  # added by an earlier search
        self._seen.add(path)
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                git_dir = self._root_of(path)
            else:
                git_dir = target_of_git_file(path)
            common = common_of(git_dir)
        except UnknownLayout as error:
            self.records.problem(self.relative(error.place), error.why)
            self._mark(top)
            return
        kind = self._kind(path, git_dir, common)
        self._mark(path if kind == "bare" else top)
        self._add(top, kind, git_dir, common)

    def _root_of(self, path: str) -> str:
        return f"{self._root.rstrip('/')}{path[1:]}" if path.startswith("./") else path

    def _kind(self, path: str, git_dir: str, common: str) -> str:
        if common != git_dir:
            return "linked"
        if "/modules/" in git_dir and not os.path.isdir(path):
            return "submodule"
        # A bare repository named .git (with linked work trees next to it) has no files of its own. A repository with
        # an index has files, whatever core.bare says.
        if not os.path.lexists(f"{git_dir}/index") and self._is_bare(git_dir):
            return "bare"
        return "worktree"

    def _add_git_dir(self, path: str) -> None:
        """Add a bare repository, or a submodule whose work tree may not exist. Other files named HEAD are ignored."""
        if path in self.tops or not is_git_dir(path):
            return  # ordinary files: of a repository around them, or loose
        if os.path.lexists(f"{path}/commondir"):
            above, name = os.path.split(os.path.dirname(path))
            if name != "worktrees" or not is_git_dir(above):  # else it is checked with that repository
                self.records.problem(path, "has a commondir outside a repository's worktrees folder")
            return
        kind = "gitdir"
        if "/.git/" not in path:
            kind = "bare"
            self._mark(path)
            self.stores.append(path)
        git_dir = self._root_of(path)
        if git_dir not in self._known and resolved(git_dir) not in self._known:
            self._add(path, kind, git_dir, git_dir)

    def _add_linked(self, git_dir: str) -> None:
        """Add the linked work trees of a repository, also those outside the code folder (`git worktree add ../x`)."""
        try:
            admins = linked_of(git_dir)
        except UnknownLayout as error:
            self.records.problem(self.relative(error.place), error.why)
            return
        for admin in admins:
            if self.setting.is_over():
                self.records.problem(self.relative(git_dir), LATE)
                return
            try:
                top = work_tree_of(admin)
            except UnknownLayout as error:
                self.records.problem(self.relative(error.place), error.why)
                continue  # reported
            # Known if its own .git points here. Otherwise search what is there now.
            if top and admin not in self._known:
                self._search(self.relative(top))
