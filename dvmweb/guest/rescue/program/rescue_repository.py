"""Packs one repository: `all.bundle`, `staged.patch`, `unstaged.patch`, `files/`, and of its Git folder `git/`.

`files/` has what is in no commit and no patch: untracked files, ignored files (without folders that tools can
recreate), files in a merge conflict or hidden from Git. What fails is reported, and the rest is packed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import work_config as config
from rescue_history import History
from rescue_parts import Archive
from work_address import Addresses
from work_check import Check, Failed
from work_file import children_of, leaves_of
from work_found import Found, Repository
from work_git import Git, why_failed
from work_layout import UnknownLayout
from work_loose import files_below, own_files, starts_below
from work_status import KEPT, Files, read_files, report_operation

NOT_SLUG = re.compile(r"[^A-Za-z0-9_-]+")
SETTING = re.compile(r"remote\.[^\n]+\.(url|pushurl|fetch)|branch\.[^\n]+\.(remote|merge)")
# Of a Git folder, beside references and objects.
OWN_FILES = ("config", "info/exclude", "info/attributes", "shallow")
OWN_FOLDERS = ("hooks", "lfs/objects", *KEPT)
DIFF = (
    *("--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "-U3", "-O/dev/null"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--diff-filter=u"),
)
ERRORS = (Failed, UnknownLayout, config.TooOld, OSError)


def rescue_repositories(
    found: Found, git: Git, work: str, archive: Archive, environment: dict[str, str]
) -> list[dict[str, Any]]:
    """Pack all repositories; what rescue.json says about them."""
    addresses = Addresses(environment)
    carriers: dict[str, int] = {}
    facts: list[dict[str, Any]] = []
    for one in found.repositories:
        check = Check(one, found, git, addresses, work)
        check.records.problem = archive.problem  # type: ignore[method-assign]
        if git.setting.is_over():
            archive.problem(one.path, "the rescue reached its time limit")
            continue
        packed = _Rescue(check, one, archive, len(facts) + 1)
        try:
            if not packed.run(carriers.get(one.common)):
                continue  # the repository around it has all of it
        except Exception as error:  # any error makes the rescue partial
            archive.problem(one.path, f"the rescue stopped with {type(error).__name__}: {error}")
        carriers.setdefault(one.common, len(facts))
        facts.append(packed.facts)
    return facts


class _Rescue:
    """One repository on its way into the archive."""

    def __init__(self, check: Check, repository: Repository, archive: Archive, number: int) -> None:
        self._check, self._repository, self._archive = check, repository, archive
        name = NOT_SLUG.sub("-", os.path.basename(repository.path)).strip("-")[:40]
        self._into = f"{number}-{name or 'repository'}"
        self._links: list[list[str]] = []
        self._is_bare = repository.kind in ("bare", "gitdir")
        self.facts: dict[str, Any] = {
            "folder": self._into,
            "path": repository.path.removeprefix("./"),
            "kind": repository.kind,
            "links": self._links,
        }

    def run(self, carrier: int | None) -> bool:
        """Pack all of it; False if there is nothing to do. `carrier`: the number of what has its commits."""
        check, one = self._check, self._repository
        check.place = ("-C", check.path, f"--git-dir={check.git_dir}", "--work-tree=.")
        if self._is_bare:
            check.place = (f"--git-dir={check.git_dir}", f"--work-tree={check.work}/empty")
            if one.kind == "bare" and check.is_kept_by_parent():
                return False
        self.facts["of"] = carrier
        is_known = self._tried(check.read_config)
        if not self._is_bare:
            self._pack_files(is_known=is_known)
        if not is_known:
            return True
        self._tried(self._note_head)
        if carrier is None:
            history = History(check, self._archive, self._into)
            self._tried(history.pack)
            self.facts |= history.facts
            self._tried(self._pack_git_folder)
        self.facts["config"] = [
            [key, value] for key, value in check.values if value is not None and SETTING.fullmatch(key)
        ]
        return True

    def _tried(self, act: Any) -> bool:
        try:
            act()
        except ERRORS as error:
            place, why = (error.place, error.why) if isinstance(error, UnknownLayout) else (self._check.path, "")
            if isinstance(error, config.TooOld):
                why = "this version of Git cannot disable the filter configured here"
            elif isinstance(error, OSError):
                why = f"it cannot be read: {os.strerror(error.errno or 0)}"
            if why:  # Failed was reported
                self._archive.problem(self._check.found.relative(place), why)
            return False
        return True

    def _note_head(self) -> None:
        check = self._check
        branch = check.branch_of_head()
        done = check.git.run((*check.silent, *check.place, "rev-parse", "-q", "--verify", "HEAD^{commit}"))
        commit = os.fsdecode(done.out).strip() if done.code == 0 else ""
        if done.code not in (0, 1) or (not commit and not branch):
            self._archive.problem(check.path, "its HEAD cannot be read")
        self.facts |= {"head": f"refs/heads/{branch}" if branch else "", "commit": commit}
        formats = [value for key, value in check.values if key == "extensions.objectformat"]
        self.facts["format"] = formats[-1] if formats else "sha1"

    # ---- files ----

    def _pack_files(self, *, is_known: bool) -> None:
        check, files = self._check, Files()

        def read() -> None:
            nonlocal files
            files = read_files(check)

        if not is_known or not self._tried(read):
            self._archive.problem(check.path, "Git cannot list its changes; all its files were taken")
            self._add_all(self._every_path())
            return
        self._add_all(self._paths(files))
        if files.lists["conflicts"]:
            self._archive.problem(
                check.path, "a merge conflict is not restored; its files are in the rescue as they are"
            )
        self._tried(lambda: report_operation(check))
        for word in _operations(check):
            self._archive.problem(check.path, f"the unfinished {word} is not restored; its commits and files are")
        if files.lists["staged"]:
            self._patch("staged", "--cached", "--ignore-submodules=none")
        if files.lists["unstaged"]:
            self._patch("unstaged", "--ignore-submodules=all")
        check.note_outside_work_tree()

    def _paths(self, files: Files) -> Iterator[str]:
        for name in ("untracked", "ignored", "conflicts", "hidden"):
            for path in files.lists[name]:
                yield from self._below(path) if path.endswith("/") else (path,)

    def _below(self, path: str) -> Iterator[str]:
        """The files of a folder, without the repositories in it."""
        found, top = self._check.found, self._check.path
        for one, _ in files_below(starts_below(f"{top}/{path[:-1]}", found), found, frozenset()):
            yield one[len(top) + 1 :]

    def _every_path(self) -> Iterator[str]:
        top = self._check.path
        for child in children_of(top):
            name = child[len(top) + 1 :]
            if name != ".git":
                yield from self._below(f"{name}/") if os.path.isdir(child) and not os.path.islink(child) else (name,)

    def _add_all(self, paths: Iterator[str]) -> None:
        for path in dict.fromkeys(paths):
            if os.path.lexists(f"{self._check.path}/{path}"):  # a file in a conflict can be deleted
                self._archive.add(self._check.path, path, f"{self._into}/files", self._links)

    def _patch(self, name: str, *words: str) -> None:
        check, file = self._check, f"{self._check.work}/{name}.patch"
        done = check.git.run((*check.silent, *check.place, "diff", f"--output={file}", *DIFF, *words))
        if why := why_failed("diff", done):
            self._archive.problem(check.path, f"its {name} changes: {why}")
        if os.path.lexists(file):
            if os.path.getsize(file):
                self._archive.add_file(file, f"{self._into}/{name}.patch")
            os.unlink(file)

    # ---- the Git folder ----

    def _pack_git_folder(self) -> None:
        common = self._check.common
        paths = [name for name in OWN_FILES if os.path.lexists(f"{common}/{name}")]
        for folder in OWN_FOLDERS:
            if os.path.isdir(f"{common}/{folder}"):
                paths += [leaf[len(common) + 1 :] for leaf in leaves_of(f"{common}/{folder}")]
        if self._repository.path in self._check.found.stores:
            paths += [
                path[len(self._repository.path) + 1 :]
                for path, _ in own_files(self._repository.path, self._check.found)
            ]
        links: list[list[str]] = []
        for path in dict.fromkeys(paths):
            if not path.endswith(".sample"):
                self._archive.add(common, path, f"{self._into}/git", links)
        for path, _ in links:
            self._archive.problem(f"{self._check.path}/.git/{path}", "a link in a Git folder is not rescued")


def _operations(check: Check) -> list[str]:
    """The unfinished operation that the check has reported."""
    fields = check.records.data().split(b"\0")
    return [fields[at + 2].decode() for at, field in enumerate(fields[:-2]) if field == b"operation"]
