"""One walk through the project: who may read and write, what is guarded, what an agent left for the user's Git.

Root goes through files that an agent made, so nothing is run or followed, and no path is used twice: each folder is
held open while it is looked at, and rights are set on what is open.
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

from _agent_git import LEADS, O_FOLDER, RUNS, is_git_folder, is_harmless, linked_from, named_by, trouble
from _agent_kernel import O_PATH, Refused
from _agent_rights import ACCESS, DEFAULT, Rights, acl_at, close_to_others

GUARDED = (".envrc", ".dvm", ".git")
GIT_MAKES = re.compile(r"(^|/)\.git/(modules|worktrees)$")  # there it makes repositories, with a config each
MOST_PLACES, MOST_DEPTH, MOST_ENTRIES = 1000, 200, 5_000_000


def plain(path: str) -> str:
    """A path of the project as one line of plain characters."""
    return re.sub(r"[^ -~]", "?", path)[:120] or "."


class Look(NamedTuple):
    """What a walk through the project came to."""

    read_only: list[str]  # places that the agent may neither change nor move away; paths below the code dir
    fixed: list[str]  # these it may change inside, but not move away
    told: list[str]  # what was found and done
    refused: list[str]  # why no agent may run here


class Walk:
    """Goes through the project once: rights, places to guard, and what an agent left that Git would obey."""

    def __init__(self, agent: int, group: int, main: int, since: int, *, is_doubtful: bool) -> None:
        """`since`: what has not changed after this time has its rights already; nanoseconds, 0 for "never".

        `is_doubtful`: an agent runs or ran, so that what it could write may be its work, whoever it belongs to.
        """
        self.since, self.is_doubtful = since, is_doubtful
        self.rights = Rights(agent, group, main)
        self.agent, self.main = agent, main
        self.root, self.home = "", pwd.getpwuid(main).pw_dir  # where the project and the user's home lie
        self.still_open: set[str] = set()  # harmless by now, but an agent may hold it open
        self.look = Look([], [], [], [])
        self.named: set[str] = set()
        self.seen = 0

    def go(self, code: int) -> Look:
        if os.fstat(code).st_uid not in (self.agent, self.main):
            raise Refused("The code dir belongs neither to the user nor to the agent. Give it back with chown.")
        self.root = os.readlink(f"/proc/self/fd/{code}")
        with contextlib.suppress(OSError):
            git = os.open(".git", O_FOLDER, dir_fd=code)
            self.named |= named_by(git, ".git", "config", self.root, self.home)
            os.close(git)
        self.folder(os.dup(code), "", is_kept=False, is_new=False)
        self.names(code)
        if len(self.look.read_only) + len(self.look.fixed) > MOST_PLACES:
            raise Refused(f"The project holds more than {MOST_PLACES} places to guard, so there is no wall.")
        for places in (self.look.read_only, self.look.fixed):
            places[:] = sorted(set(places), key=lambda path: path.count("/"))  # a mount hides those below it
        return self.look

    def names(self, code: int) -> None:
        """Where the user's Git is sent for hooks, an agent may not be the one who puts them there."""
        for path in self.named:  # who moves a folder above it away can put another in its place
            parts = path.split("/")
            self.look.fixed.extend("/".join(parts[:end]) for end in range(1, len(parts)))
        for path in sorted(self.named - set(self.look.read_only)):
            try:
                facts = os.stat(path, dir_fd=code, follow_symlinks=False)
            except OSError:
                why = "is not there"
            else:
                why = "is the agent's" if facts.st_uid == self.agent else "is a link"
                if why == "is a link" and not stat.S_ISLNK(facts.st_mode):
                    self.look.read_only.append(path)
                    continue
            todo = "Make it, or take the setting or the link away." if why == "is not there" else "Look at it; when"
            todo += "" if why == "is not there" else " it is good, make it yours with chown."
            self.look.refused.append(
                f"Git's config or a link names {plain(path)} for hooks or settings, and that {why}. {todo}"
            )

    def folder(self, folder: int, path: str, *, is_kept: bool, is_new: bool) -> None:
        """Takes over the descriptor. `is_new`: it came from elsewhere, so nothing in it has its rights yet."""
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
        """Nobody looks inside, so the user's Git may not, either, where an agent can have put it there."""
        is_closed = facts.st_uid == self.agent or self.is_doubtful
        if is_closed:
            close_to_others(folder)
            os.fchmod(folder, 0o700 if facts.st_uid == self.agent else 0)
        why = "so it is closed (chmod)" if is_closed else "and an agent can write there"
        self.look.told.append(f"{plain(path)} is too deep: nobody looked inside, {why}")

    def is_settled(self, entry: os.DirEntry[str] | None, name: str, path: str) -> bool:
        """A plain file that has not changed since the last walk: most are, and this is the walk's whole cost."""
        self.seen += 1
        if entry is None or name in GUARDED or path in self.named or not entry.is_file(follow_symlinks=False):
            return False
        try:
            return entry.stat(follow_symlinks=False).st_ctime_ns < self.since
        except OSError:
            return True  # gone since

    def share(self, folder: int, facts: os.stat_result, path: str, *, is_kept: bool, is_git: bool) -> bool:
        """True: it had not been shared before."""
        place = f"/proc/self/fd/{folder}/."
        wanted = self.rights.access(acl_at(place, ACCESS), facts, is_kept=is_kept, is_top=not path)
        if wanted:
            os.setxattr(place, ACCESS, wanted)
        # What the user's Git writes anew beside HEAD (its config!) an agent can replace, but not change unseen.
        is_kept = is_kept or is_git or bool(GIT_MAKES.search(path))
        wanted = self.rights.default(facts, is_kept=is_kept, is_top=not path)
        if not wanted or wanted == acl_at(place, DEFAULT):
            return False
        os.setxattr(place, DEFAULT, wanted)
        return True

    def entry(self, folder: int, path: str, name: str, *, is_kept: bool, is_git: bool, is_new: bool) -> None:
        if self.seen > MOST_ENTRIES:
            raise Refused("The project holds too many files to look through, so there is no wall.")
        try:
            facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return  # gone since
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
            self.look.read_only.append(path)
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
                return None  # another by now
            raise Refused(f"{plain(path)} cannot be read ({error.strerror}).") from None
        if os.fstat(inner).st_dev == facts.st_dev and os.fstat(inner).st_ino == facts.st_ino:
            return inner
        os.close(inner)  # another file system is not in the sandbox
        return None

    def share_file(self, folder: int, name: str, facts: os.stat_result, *, is_kept: bool) -> None:
        if not self.rights.access(acl_at(f"/proc/self/fd/{folder}/{name}", ACCESS), facts, is_kept=is_kept):
            return
        with contextlib.suppress(FileNotFoundError):
            file = os.open(name, O_PATH, dir_fd=folder)
            try:
                # By now it may be another one, such as a file that is the user's alone.
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
        """What is the agent's in a repository may not steer the user's Git. False: it is closed to the user."""
        if facts.st_uid == self.agent:
            why = trouble(folder, path, names)
            if why:
                close_to_others(folder)
                self.look.told.append(f"the agent's repository {plain(path)} has {why}: it is closed to you")
            return not why
        self.fix(path)
        for name in (*RUNS, *LEADS):
            if name in names and self.is_agents(folder, path, name):
                aside = f"{name}.from-agent-{time.time_ns()}"
                os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
                names[names.index(name)] = aside
                self.look.told.append(f"{plain(path)}/{name} was the agent's: it is now {aside}")
        if {"HEAD", "objects"}.issubset(names) and "hooks" not in names and facts.st_uid == self.main:
            self.make_hooks(folder, names)
        self.named |= linked_from(folder, path, self.root)
        if ".git" in path.split("/"):
            for name in ("config", "config.worktree"):
                self.named |= named_by(folder, path, name, self.root, self.home)
        return True

    def is_agents(self, folder: int, path: str, name: str) -> bool:
        """Whether an agent put it there: a file of the user's that it wrote in and moved is as good as its own."""
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if facts.st_uid == self.agent or not self.is_doubtful:
            return facts.st_uid == self.agent
        here = f"/proc/self/fd/{folder}"
        if stat.S_ISLNK(facts.st_mode):  # has no rights of its own; a repository that was looked at keeps agents off
            kept = acl_at(f"{here}/.", DEFAULT)
            return not kept or self.rights.can_write(kept, facts)
        if not self.rights.can_write(acl_at(f"{here}/{name}", ACCESS), facts):
            return False
        self.still_open.add(f"{path}/{name}" if path else name)
        return not is_harmless(folder, path, name)

    def fix(self, path: str) -> None:
        """A repository, and in a .git all that is above it, cannot be moved away."""
        parts = path.split("/")
        first = parts.index(".git") if ".git" in parts else len(parts) - 1
        if path:
            self.look.fixed.extend("/".join(parts[:end]) for end in range(first + 1, len(parts) + 1))

    def make_hooks(self, folder: int, names: list[str]) -> None:
        """An absent hooks folder could be made by the agent."""
        with contextlib.suppress(FileExistsError):
            os.mkdir("hooks", 0o700, dir_fd=folder)
            hooks = os.open("hooks", O_FOLDER, dir_fd=folder)
            # By now it may be another, such as a private folder of the user's. Nobody else can have made one of root's.
            if os.fstat(hooks).st_uid == 0 and not os.listdir(hooks):
                for kind in (ACCESS, DEFAULT):
                    with contextlib.suppress(OSError):
                        os.removexattr(f"/proc/self/fd/{hooks}", kind)
                os.fchmod(hooks, 0o755)
                os.fchown(hooks, self.main, -1)
            os.close(hooks)
        names.append("hooks")
