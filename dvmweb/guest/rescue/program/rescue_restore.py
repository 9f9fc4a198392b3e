"""Restores one repository: references, HEAD, index, work tree, stashes; nothing of it runs, now or later by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from rescue_place import checked_parts, move_files, put_links
from work_file import read_plain
from work_git import Git, why_failed
from work_layout import POINTER_BYTES

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REFERENCE = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]+")
SETTING = re.compile(r"remote\.[^\n]+\.(url|pushurl|fetch)|branch\.[^\n]+\.(remote|merge)")
ACTIVE = ("info/exclude", "lfs/", "annex/", "patches/")  # of the Git folder; the rest is laid beside


class Trouble(Exception):
    """A call of Git failed; the problem has been reported."""


class Restore:
    """One repository of an unpacked rescue. `parts`: its folder there; `path`: an existing folder, its new place."""

    def __init__(self, git: Git, parts: str, path: str, facts: dict[str, Any], problem: Callable[[str], None]) -> None:
        self._git, self._parts, self._path, self._facts, self._problem = git, parts, path, facts, problem
        self._is_bare = facts["kind"] in ("bare", "gitdir")
        self._git_dir = path if self._is_bare else f"{path}/.git"

    def run(self, carrier: str | None) -> None:
        """Restore it; `carrier`: the restored repository that has its commits."""
        commit = str(self._facts.get("commit", ""))
        if carrier is not None and COMMIT.fullmatch(commit):
            self._add_work_tree(carrier, commit)
        else:
            self._init()
        if os.path.lexists(f"{self._parts}/all.bundle"):
            self._take_bundle()
        self._set_head(commit)
        if not self._is_bare:
            self._fill_work_tree(commit)
        self._settings()
        if carrier is None:
            self._git_folder()
            self._stashes()

    def _call(self, *words: str, given: bytes = b"", must: bool = True) -> bytes:
        place = (f"--git-dir={self._git_dir}",) if self._is_bare else ("-C", self._path)
        done = self._git.run((*place, *words), given)
        if done.code:
            self._problem(f"git {words[0]}: {(done.complaints() or [why_failed(words[0], done)])[-1]}")
            if must:
                raise Trouble
        return done.out

    def _init(self) -> None:
        form = self._facts.get("format", "sha1")
        more = [f"--object-format={form}"] if form == "sha256" else []
        bare = ["--bare"] if self._is_bare else []
        done = self._git.run(("init", "-q", "--template=", *bare, *more, self._path))
        if done.code:
            self._problem(why_failed("init", done))
            raise Trouble

    def _add_work_tree(self, carrier: str, commit: str) -> None:
        place = ("-C", carrier) if os.path.lexists(f"{carrier}/.git") else (f"--git-dir={carrier}",)
        words = ("worktree", "add", "-q", "--no-checkout", "--detach", "--force", self._path, commit)
        done = self._git.run((*place, *words))
        if done.code:
            self._problem(why_failed("worktree", done))
            raise Trouble

    # ---- commits ----

    def _take_bundle(self) -> None:
        if os.path.lexists(f"{self._parts}/git/shallow"):
            os.replace(f"{self._parts}/git/shallow", f"{self._git_dir}/shallow")
        listed = os.fsdecode(self._call("bundle", "unbundle", f"{self._parts}/all.bundle"))
        wanted = [line.partition(" ")[::2] for line in listed.splitlines()]
        lines = [
            f"create {name} {commit}" for commit, name in wanted if name.startswith("refs/") and name != "refs/stash"
        ]
        if lines and self._git.run(("-C", self._path, "update-ref", "--stdin"), _lines(lines)).code:
            for line in lines:  # one by one, so that one bad name costs only itself
                self._call("update-ref", "--stdin", given=_lines([line]), must=False)
        for name, target in dict(self._facts.get("symrefs", {})).items():
            if REFERENCE.fullmatch(name) and REFERENCE.fullmatch(target):
                self._call("symbolic-ref", name, target, must=False)
        self._call("rev-list", "--objects", "--all", "--quiet", must=False)

    def _set_head(self, commit: str) -> None:
        head = str(self._facts.get("head", ""))
        if REFERENCE.fullmatch(head):
            self._call("symbolic-ref", "HEAD", head)
        elif COMMIT.fullmatch(commit):
            self._call("update-ref", "--no-deref", "HEAD", commit)

    def _stashes(self) -> None:
        if self._is_bare:
            return  # refs/rescued/stash has them
        for commit, message in reversed(list(self._facts.get("stashes", []))):
            if COMMIT.fullmatch(commit):
                self._call("stash", "store", "-q", "-m", str(message), commit, must=False)

    # ---- files ----

    def _fill_work_tree(self, commit: str) -> None:
        if COMMIT.fullmatch(commit):
            self._call("read-tree", "--reset", "-u", "HEAD", must=False)
        for name, words in (("staged", ("--index",)), ("unstaged", ())):
            if os.path.lexists(f"{self._parts}/{name}.patch"):
                self._call("apply", *words, "--whitespace=nowarn", f"{self._parts}/{name}.patch", must=False)
        move_files(f"{self._parts}/files", self._path, lambda path, why: self._problem(f"{path}: {why}"))
        put_links(self._facts.get("links"), self._path, lambda path, why: self._problem(f"{path}: {why}"))

    # ---- settings ----

    def _settings(self) -> None:
        """Addresses of remotes and upstreams of branches; nothing that names a program."""
        for key, value in self._facts.get("config", []):
            if SETTING.fullmatch(key) and "\n" not in value:
                self._call("config", "--local", "--add", "--", key, value, must=False)

    def _git_folder(self) -> None:
        """Excluded names and the data of extensions in their place; config and hooks, which could run, beside."""
        common, source = self._common(), f"{self._parts}/git"
        for folder, _, names in os.walk(source):
            for name in names:
                path = f"{folder}/{name}"[len(source) + 1 :]
                checked_parts(path)
                into = path if path.startswith(ACTIVE) else f"rescued/{path}"
                os.makedirs(os.path.dirname(f"{common}/{into}"), exist_ok=True)
                os.chmod(f"{folder}/{name}", 0o644)  # a hook cannot run
                os.replace(f"{folder}/{name}", f"{common}/{into}")

    def _common(self) -> str:
        if os.path.isfile(self._git_dir):
            return os.fsdecode(read_plain(self._git_dir, POINTER_BYTES)).removeprefix("gitdir: ").strip()
        return self._git_dir


def _lines(lines: list[str]) -> bytes:
    return os.fsencode("".join(f"{line}\n" for line in lines))
