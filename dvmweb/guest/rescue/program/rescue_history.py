"""Writes a bundle of all references, stashes and otherwise lost commits of a repository.

Git runs in an empty repository of ours that uses the objects of the user's: no setting of the user's repository counts.
Beside its own references the bundle has `refs/rescued/`: `stash/N`, `other/N` (HEADs of work trees), `state/NAME`
(MERGE_HEAD and so on), `log/COMMIT` (only a reflog has it).
"""

from __future__ import annotations

import os
import re
from typing import Any

from rescue_parts import Archive
from work_check import Check, Failed
from work_commits import COMMIT, elsewhere
from work_file import read_plain
from work_git import why_failed
from work_layout import linked_of
from work_run import Done, run

PSEUDO = re.compile(r"[A-Z_]+_HEAD")
MOST_TIPS = 2000  # commits that only a reflog has
LOG = ("--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap", "--no-color")


class History:
    """The commits of one repository."""

    def __init__(self, check: Check, archive: Archive, into: str) -> None:
        self._check, self._archive, self._into = check, archive, into
        self._scratch = f"{check.work}/{into}.git"
        self._wanted: dict[str, str] = {}  # reference -> object
        self.facts: dict[str, Any] = {"symrefs": {}, "stashes": []}

    def pack(self) -> None:
        """Add the bundle to the archive. Raises Failed, UnknownLayout, OSError."""
        self._read_references()
        self._read_stashes()
        for number, commit in enumerate(dict.fromkeys(elsewhere(self._check)), 1):
            self._wanted[f"refs/rescued/other/{number}"] = commit
        for place in (self._check.common, *linked_of(self._check.common)):
            self._read_pseudo(place)
        self._read_reflogs()
        if self._wanted:
            self._bundle()

    def _git(self, *words: str, given: bytes = b"") -> Done:
        return self._check.git.run((*self._check.silent, *self._check.place, *words), given)

    def _problem(self, why: str) -> None:
        self._archive.problem(self._check.path, why)

    # ---- what is wanted ----

    def _read_references(self) -> None:
        done = self._git("for-each-ref", "--format=%(objectname) %(refname) %(symref)")
        for complaint in done.complaints():
            self._problem(f"git for-each-ref: {complaint}")
        if done.code:
            self._problem(why_failed("for-each-ref", done))
            raise Failed
        for line in os.fsdecode(done.out).splitlines():
            commit, name, target = line.split(" ")
            if target:
                self.facts["symrefs"][name] = target
            else:
                self._wanted[name] = commit
        # A detached HEAD, which no reference has.
        head = self._git("rev-parse", "-q", "--verify", "HEAD^{commit}")
        if head.code == 0 and os.fsdecode(head.out).strip() not in self._wanted.values():
            self._wanted["refs/rescued/head"] = os.fsdecode(head.out).strip()

    def _read_stashes(self) -> None:
        if "refs/stash" not in self._wanted:
            return
        done = self._git("log", "-g", "-s", *LOG, "--format=tformat:%H%x00%gs", "refs/stash", "--")
        if why := why_failed("log -g refs/stash", done):
            self._problem(f"some stashes may be missing: {why}")
        lines = (line.partition("\0") for line in os.fsdecode(done.out).split("\n") if line)
        stashes = [[commit, message] for commit, _, message in lines] or [[self._wanted["refs/stash"], "rescued"]]
        self.facts["stashes"] = stashes
        for number, (commit, _) in enumerate(stashes):
            self._wanted[f"refs/rescued/stash/{number}"] = commit

    def _read_pseudo(self, place: str) -> None:
        for name in os.listdir(place):
            if PSEUDO.fullmatch(name) and name != "FETCH_HEAD":
                words = os.fsdecode(read_plain(f"{place}/{name}", 1 << 20)).split()
                for number, word in enumerate(word for word in words if COMMIT.fullmatch(word)):
                    self._wanted[f"refs/rescued/state/{os.path.basename(place).strip('.')}/{name}-{number}"] = word

    def _read_reflogs(self) -> None:
        known = "".join(f"^{commit}\n" for commit in dict.fromkeys(self._wanted.values())).encode()
        done = self._git("rev-list", "--reflog", "--parents", "--ignore-missing", "--stdin", given=known)
        if done.code:
            self._problem(f"commits that only a reflog has are missing: {why_failed('rev-list', done)}")
            return
        commits = {line.split()[0]: line.split()[1:] for line in done.out.decode().splitlines()}
        below = {parent for parents in commits.values() for parent in parents}
        tips = [commit for commit in commits if commit not in below]
        if len(tips) > MOST_TIPS:
            self._problem(f"more than {MOST_TIPS} commits are only in its reflogs: the rest is missing")
        for commit in tips[:MOST_TIPS]:
            self._wanted[f"refs/rescued/log/{commit}"] = commit

    # ---- the bundle ----

    def _bundle(self) -> None:
        self._make_scratch()
        file = f"{self._scratch}/all.bundle"
        done = self._bundled(file)
        if done.code:
            self._drop_damaged(why_failed("bundle", done))
            if not self._wanted:
                return
            done = self._bundled(file)
        if done.code:
            self._problem(f"its commits and stashes: {why_failed('bundle', done)}")
            return
        self._archive.add_file(file, f"{self._into}/all.bundle")
        os.unlink(file)

    def _make_scratch(self) -> None:
        formats = [value for key, value in self._check.values if key == "extensions.objectformat"]
        more = [f"--object-format={formats[-1]}"] if formats and formats[-1] != "sha1" else []
        done = self._check.git.run(("init", "-q", "--bare", "--template=", *more, self._scratch))
        if done.code:
            self._problem(why_failed("init", done))
            raise Failed
        with open(f"{self._scratch}/HEAD", "wb") as file:
            file.write(b"ref: refs/rescued/none\n")
        if os.path.lexists(f"{self._check.common}/shallow"):
            with open(f"{self._scratch}/shallow", "wb") as file:
                file.write(read_plain(f"{self._check.common}/shallow", 64 << 20))

    def _in_scratch(self, *words: str) -> Done:
        git = self._check.git
        environment = {**git.environment, "GIT_OBJECT_DIRECTORY": os.path.realpath(f"{self._check.common}/objects")}
        argv = (git.program, *git.always, f"--git-dir={self._scratch}", *words)
        return run(argv, environment, git.setting.seconds_left())

    def _bundled(self, file: str) -> Done:
        with open(f"{self._scratch}/packed-refs", "wb") as references:
            for name, commit in sorted(self._wanted.items(), key=lambda entry: os.fsencode(entry[0])):
                references.write(os.fsencode(f"{commit} {name}\n"))
        return self._in_scratch("bundle", "create", file, "--all")

    def _drop_damaged(self, why: str) -> None:
        """Remove the references whose objects are not all there, and report them."""
        for name, commit in list(self._wanted.items()):
            if self._in_scratch("rev-list", "--objects", "--quiet", commit).code:
                del self._wanted[name]
                self._problem(f"{name} is missing: its objects are damaged or not all here ({why})")
