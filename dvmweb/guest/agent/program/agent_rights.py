"""ACLs for a project: the user and the agent can read and write each other's files. Set on open descriptors."""

from __future__ import annotations

import contextlib
import errno
import os
import struct

from agent_kernel import Refused

USER_OBJ, USER, GROUP_OBJ, MASK, OTHER, NOBODY = 1, 2, 4, 16, 32, 0xFFFFFFFF
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
Acl = dict[tuple[int, int], int]


def read_acl(raw: bytes) -> Acl:
    return {(tag, who): rights for tag, rights, who in struct.iter_unpack("<HHI", raw[4:])}


def pack_acl(acl: Acl) -> bytes:
    entries = (struct.pack("<HHI", tag, rights, who) for (tag, who), rights in sorted(acl.items()))
    return struct.pack("<I", 2) + b"".join(entries)


def acl_of_mode(mode: int) -> Acl:
    return {(USER_OBJ, NOBODY): mode >> 6 & 7, (GROUP_OBJ, NOBODY): mode >> 3 & 7, (OTHER, NOBODY): mode & 7}


class Rights:
    """The ACLs of a project. A private file of the user (chmod 600) stays private."""

    def __init__(self, agent: int, group: int, main: int) -> None:
        self.agent, self.group, self.main = agent, group, main

    def can_write(self, raw: bytes | None, facts: os.stat_result) -> bool:
        """Whether the agent can write it, so that a file of the user may have content of the agent."""
        acl = read_acl(raw) if raw else acl_of_mode(facts.st_mode)
        rights = acl.get((USER, self.agent), 0) | (acl[GROUP_OBJ, NOBODY] if facts.st_gid == self.group else 0)
        return bool((rights & acl.get((MASK, NOBODY), 7) | acl[OTHER, NOBODY]) & 2)

    def access(self, raw: bytes | None, facts: os.stat_result, *, is_kept: bool, is_top: bool = False) -> bytes | None:
        """The ACL to set, None if there is nothing to change. `is_kept`: the agent can only read it.

        `is_top`: the code folder is shared even if it is private; otherwise no agent could work there.
        """
        if facts.st_uid not in (self.agent, self.main):
            return None
        acl = read_acl(raw) if raw else acl_of_mode(facts.st_mode)
        rights, group = acl[USER_OBJ, NOBODY], acl[GROUP_OBJ, NOBODY]
        if facts.st_uid == self.main:
            if not is_top and not acl.get((MASK, NOBODY), group):
                return None
            acl[USER, self.agent] = rights & 5 if is_kept else rights
        else:
            acl[USER, self.main] = rights
        acl[MASK, NOBODY] = rights | group
        wanted = pack_acl(acl)
        return wanted if wanted != raw else None

    def default(self, facts: os.stat_result, *, is_kept: bool, is_top: bool = False) -> bytes | None:
        """The default ACL of a folder, None if there is nothing to set."""
        if facts.st_uid not in (self.agent, self.main) or not (is_top or facts.st_mode & 0o070):
            return None
        acl = acl_of_mode(0o755 if facts.st_mode & 0o007 else 0o750)
        return pack_acl(acl | {(USER, self.main): 7, (USER, self.agent): 5 if is_kept else 7, (MASK, NOBODY): 7})


def acl_at(place: str, kind: str) -> bytes | None:
    """The ACL of a path that is not a link; None for none."""
    try:
        return os.getxattr(place, kind, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise Refused("The file system of the code folder does not support ACLs.") from None
        return None


def close_to_others(folder: int) -> None:
    """Make a folder accessible only to its owner, the agent. Nothing is deleted."""
    for name in (ACCESS, DEFAULT):
        with contextlib.suppress(OSError):
            os.removexattr(f"/proc/self/fd/{folder}", name)
    os.fchmod(folder, 0o700)
