"""The rights on a project: both users read and write what either makes, by ACLs that are set on what is open."""

from __future__ import annotations

import contextlib
import errno
import os
import struct

from _agent_kernel import Refused

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
    """The ACLs that a project gets. A file that is the user's alone (chmod 600) stays so."""

    def __init__(self, agent: int, group: int, main: int) -> None:
        self.agent, self.group, self.main = agent, group, main

    def can_write(self, raw: bytes | None, facts: os.stat_result) -> bool:
        """Whether the agent has the right to write, so that what is the user's by name may say what the agent wrote."""
        acl = read_acl(raw) if raw else acl_of_mode(facts.st_mode)
        rights = acl.get((USER, self.agent), 0) | (acl[GROUP_OBJ, NOBODY] if facts.st_gid == self.group else 0)
        return bool((rights & acl.get((MASK, NOBODY), 7) | acl[OTHER, NOBODY]) & 2)

    def access(self, raw: bytes | None, facts: os.stat_result, *, is_kept: bool, is_top: bool = False) -> bytes | None:
        """The ACL that something should have, None where it should stay; `is_kept`: the agent only reads it.

        `is_top`: the code dir itself is shared also where it is the user's alone; else no agent could work there.
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
        """What everything gets that is made in a folder."""
        if facts.st_uid not in (self.agent, self.main) or not (is_top or facts.st_mode & 0o070):
            return None
        acl = acl_of_mode(0o755 if facts.st_mode & 0o007 else 0o750)
        return pack_acl(acl | {(USER, self.main): 7, (USER, self.agent): 5 if is_kept else 7, (MASK, NOBODY): 7})


def acl_at(place: str, kind: str) -> bytes | None:
    """The ACL of what lies at a place, which is no link; None for none."""
    try:
        return os.getxattr(place, kind, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise Refused("The file system of the code dir knows no ACLs.") from None
        return None


def close_to_others(folder: int) -> None:
    """Only its owner, the agent, gets in from now on; nothing is lost."""
    for name in (ACCESS, DEFAULT):
        with contextlib.suppress(OSError):
            os.removexattr(f"/proc/self/fd/{folder}", name)
    os.fchmod(folder, 0o700)
