"""Walks the project: sets permissions, finds paths to guard, and removes what an agent left to steer the user's Git.

It runs as root over files that an agent made. So it runs nothing, follows no links and uses no path twice: each folder
is held open during its check, and permissions are set on descriptors.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import re
import stat
import time
from typing import NamedTuple

from agent_git import LEADS, O_FOLDER, RUNS, is_git_folder, is_harmless, linked_from, named_by, trouble
from agent_kernel import O_PATH, Refused
from agent_rights import ACCESS, DEFAULT, Rights, acl_at, close_to_others

GUARDED = (".envrc", ".dvm", ".git")
GIT_MAKES = re.compile(r"(^|/)\.git/(modules|worktrees)$")  # Git creates repositories with a config in these
MOST_PLACES, MOST_DEPTH, MOST_ENTRIES = 1000, 200, 5_000_000


def plain(path: str) -> str:
    """A path of the project as one line of printable ASCII."""
    return re.sub(r"[^ -~]", "?", path)[:120] or "."


class ProjectCheck(NamedTuple):
    """The result of a walk. Paths are relative to the code folder."""

    read_only: list[str]  # paths that the agent must neither change nor move
    fixed: list[str]  # paths whose content it can change, but that it must not move
    messages: list[str]  # messages: what was found and done
    refused: list[str]  # why no agent can run here


class Walk:
    """One walk through the project."""

    def __init__(self, agent: int, group: int, main: int, since: int, *, is_doubtful: bool) -> None:
        """`since`: files not changed after this time (ns since the epoch, 0 for never) have their permissions already.

        `is_doubtful`: an agent is running, or was never checked after its end, so any file that it can write may be
        its work, with any owner.
        """
        self.since, self.is_doubtful = since, is_doubtful
        self.rights = Rights(agent, group, main)
        self.agent, self.main = agent, main
        self.root, self.home = "", pwd.getpwuid(main).pw_dir  # the project's and the user's home folder
        self.still_open: set[str] = set()  # harmless now, but an agent may hold it open
        self.checked = ProjectCheck([], [], [], [])
        self.named: set[str] = set()
        self.seen = 0

    def go(self, code: int) -> ProjectCheck:
        if os.fstat(code).st_uid not in (self.agent, self.main):
            raise Refused("The code folder belongs to neither the user nor the agent. Change its owner with chown.")
        self.root = os.readlink(f"/proc/self/fd/{code}")
        with contextlib.suppress(OSError):
            git = os.open(".git", O_FOLDER, dir_fd=code)
            self.named |= named_by(git, ".git", "config", self.root, self.home)
            os.close(git)
        self.folder(os.dup(code), "", is_kept=False, is_new=False)
        self.names(code)
        if len(self.checked.read_only) + len(self.checked.fixed) > MOST_PLACES:
            raise Refused(f"The project has more than {MOST_PLACES} paths to guard.")
        for places in (self.checked.read_only, self.checked.fixed):
            places[:] = sorted(set(places), key=lambda path: path.count("/"))  # a mount hides those below it
        return self.checked

    def names(self, code: int) -> None:
        """Guard the paths that Git's config or links name; refuse those that an agent could replace."""
        for path in self.named:  # an agent that moves a parent folder could put another in its place
            parts = path.split("/")
            self.checked.fixed.extend("/".join(parts[:end]) for end in range(1, len(parts)))
        for path in sorted(self.named - set(self.checked.read_only)):
            try:
                facts = os.stat(path, dir_fd=code, follow_symlinks=False)
            except OSError:
                why, todo = "does not exist", "Create it, or remove the setting or link."
            else:
                if facts.st_uid != self.agent and not stat.S_ISLNK(facts.st_mode):
                    self.checked.read_only.append(path)
                    continue
                why = "belongs to the agent" if facts.st_uid == self.agent else "is a link"
                todo = "Review it; if it is good, take ownership with chown."
            self.checked.refused.append(
                f"Git's config or a link names {plain(path)} for hooks or settings, but that {why}. {todo}"
            )

    def folder(self, folder: int, path: str, *, is_kept: bool, is_new: bool) -> None:
        """Walk a folder and close its descriptor. `is_new`: moved here, so nothing in it has its permissions yet."""
        try:
            facts = os.fstat(folder)
            with os.scandir(folder) as entries:
                found = {entry.name: entry for entry in entries}
            names = list(found)
            is_git = is_git_folder(names)
            if is_git and not self.repository(folder, facts, path, names):
                return
            is_new = self.share(folder, facts, path, is_kept=is_kept, is_git=is_git) or is_new
            if path.count("/") > MOST_DEPTH:
                self.too_deep(folder, facts, path)
                return
            for name in names:
                below = f"{path}/{name}" if path else name
                if is_git or is_new or not self.is_settled(found.get(name), name, below):
                    self.entry(folder, below, name, is_kept=is_kept, is_git=is_git, is_new=is_new)
        finally:
            os.close(folder)

    def too_deep(self, folder: int, facts: os.stat_result, path: str) -> None:
        """A folder that is too deep is not checked. If an agent can have made it, close it to the user's Git too."""
        is_closed = facts.st_uid == self.agent or self.is_doubtful
        if is_closed:
            close_to_others(folder)
            os.fchmod(folder, 0o700 if facts.st_uid == self.agent else 0)
        why = "access to it was removed (chmod)" if is_closed else "an agent can write there"
        self.checked.messages.append(f"{plain(path)} was not checked, because it is nested too deeply; {why}")

    def is_settled(self, entry: os.DirEntry[str] | None, name: str, path: str) -> bool:
        """Whether it is a plain file that has not changed since the last walk; most are, so this must be fast."""
        self.seen += 1
        if entry is None or name in GUARDED or path in self.named or not entry.is_file(follow_symlinks=False):
            return False
        try:
            return entry.stat(follow_symlinks=False).st_ctime_ns < self.since
        except OSError:
            return True  # deleted in the meantime

    def share(self, folder: int, facts: os.stat_result, path: str, *, is_kept: bool, is_git: bool) -> bool:
        """Set the ACLs of a folder; true if it had not been shared before."""
        place = f"/proc/self/fd/{folder}/."
        wanted = self.rights.access(acl_at(place, ACCESS), facts, is_kept=is_kept, is_top=not path)
        if wanted:
            os.setxattr(place, ACCESS, wanted)
        # An agent can replace what the user's Git creates next to HEAD (its config!), but not change it unnoticed.
        is_kept = is_kept or is_git or bool(GIT_MAKES.search(path))
        wanted = self.rights.default(facts, is_kept=is_kept, is_top=not path)
        if not wanted or wanted == acl_at(place, DEFAULT):
            return False
        os.setxattr(place, DEFAULT, wanted)
        return True

    def entry(self, folder: int, path: str, name: str, *, is_kept: bool, is_git: bool, is_new: bool) -> None:
        if self.seen > MOST_ENTRIES:
            raise Refused("The project has too many files to check.")
        try:
            facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return  # deleted in the meantime
        is_folder, is_file = stat.S_ISDIR(facts.st_mode), stat.S_ISREG(facts.st_mode)
        if not is_folder and not is_file:
            return
        is_guarded = facts.st_uid != self.agent and (
            (name in GUARDED and name != ".git")
            or (is_file and name == ".git")
            or (is_git and name in (*RUNS, *LEADS))
            or path in self.named
        )
        if is_guarded:
            self.checked.read_only.append(path)
        if is_folder:
            inner = self.opened(folder, path, name, facts)
            if inner is not None:
                self.folder(inner, path, is_kept=is_kept or is_guarded, is_new=is_new)
        else:
            is_kept = is_kept or (is_guarded and path not in self.still_open)
            self.share_file(folder, name, facts, is_kept=is_kept)

    def opened(self, folder: int, path: str, name: str, facts: os.stat_result) -> int | None:
        try:
            inner = os.open(name, O_FOLDER, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
                return None  # replaced in the meantime
            raise Refused(f"{plain(path)} cannot be read ({error.strerror}).") from None
        if os.fstat(inner).st_dev == facts.st_dev and os.fstat(inner).st_ino == facts.st_ino:
            return inner
        os.close(inner)  # another file system; the sandbox does not contain it
        return None

    def share_file(self, folder: int, name: str, facts: os.stat_result, *, is_kept: bool) -> None:
        if not self.rights.access(acl_at(f"/proc/self/fd/{folder}/{name}", ACCESS), facts, is_kept=is_kept):
            return
        with contextlib.suppress(FileNotFoundError):
            file = os.open(name, O_PATH, dir_fd=folder)
            try:
                # It may have been replaced, for example with a private file of the user.
                facts, place = os.fstat(file), f"/proc/self/fd/{file}"
                if stat.S_ISREG(facts.st_mode):
                    with contextlib.suppress(OSError):
                        raw = os.getxattr(place, ACCESS)
                        wanted = self.rights.access(raw, facts, is_kept=is_kept)
                        if wanted:
                            os.setxattr(place, ACCESS, wanted)
                        return
                    wanted = self.rights.access(None, facts, is_kept=is_kept)
                    if wanted:
                        os.setxattr(place, ACCESS, wanted)
            finally:
                os.close(file)

    def repository(self, folder: int, facts: os.stat_result, path: str, names: list[str]) -> bool:
        """Keep the agent's files in a repository from steering the user's Git. False: the user's access was removed."""
        if facts.st_uid == self.agent:
            why = trouble(folder, path, names)
            if why:
                close_to_others(folder)
                self.checked.messages.append(
                    f"the agent's repository {plain(path)} has {why}: your access to it was removed"
                )
            return not why
        self.fix(path)
        for name in (*RUNS, *LEADS):
            if name in names and self.is_agents(folder, path, name):
                aside = f"{name}.from-agent-{time.time_ns()}"
                os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
                names[names.index(name)] = aside
                self.checked.messages.append(f"{plain(path)}/{name} came from the agent: it was renamed to {aside}")
        if {"HEAD", "objects"}.issubset(names) and "hooks" not in names and facts.st_uid == self.main:
            self.make_hooks(folder, names)
        self.named |= linked_from(folder, path, self.root)
        if ".git" in path.split("/"):
            for name in ("config", "config.worktree"):
                self.named |= named_by(folder, path, name, self.root, self.home)
        return True

    def is_agents(self, folder: int, path: str, name: str) -> bool:
        """Whether an agent may have put it there: it can also write to a file of the user and move it."""
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if facts.st_uid == self.agent or not self.is_doubtful:
            return facts.st_uid == self.agent
        here = f"/proc/self/fd/{folder}"
        if stat.S_ISLNK(facts.st_mode):  # has no permissions; a checked repository keeps agents out
            kept = acl_at(f"{here}/.", DEFAULT)
            return not kept or self.rights.can_write(kept, facts)
        if not self.rights.can_write(acl_at(f"{here}/{name}", ACCESS), facts):
            return False
        self.still_open.add(f"{path}/{name}" if path else name)
        return not is_harmless(folder, path, name)

    def fix(self, path: str) -> None:
        """Keep the agent from moving a repository, and inside a .git also its parents."""
        parts = path.split("/")
        first = parts.index(".git") if ".git" in parts else len(parts) - 1
        if path:
            self.checked.fixed.extend("/".join(parts[:end]) for end in range(first + 1, len(parts) + 1))

    def make_hooks(self, folder: int, names: list[str]) -> None:
        """Create the hooks folder: the agent could create a missing one."""
        with contextlib.suppress(FileExistsError):
            os.mkdir("hooks", 0o700, dir_fd=folder)
            hooks = os.open("hooks", O_FOLDER, dir_fd=folder)
            # It may have been replaced, for example with a private folder of the user; only we make one that is root's.
            if os.fstat(hooks).st_uid == 0 and not os.listdir(hooks):
                for kind in (ACCESS, DEFAULT):
                    with contextlib.suppress(OSError):
                        os.removexattr(f"/proc/self/fd/{hooks}", kind)
                os.fchmod(hooks, 0o755)
                os.fchown(hooks, self.main, -1)
            os.close(hooks)
        names.append("hooks")
