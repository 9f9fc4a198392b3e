"""The unprivileged account that a guest runs as: the caller, or for root the user of sudo, or nobody."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """An account of the host."""

    uid: int
    gid: int


def ordinary(guest: Path) -> Account:
    """The account of a guest: the owner of its folder `guest`, once that exists."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        facts = guest.stat()
    except OSError:
        return _behind_root()
    return Account(facts.st_uid, facts.st_gid) if facts.st_uid != 0 else _behind_root()


def _behind_root() -> Account:
    sudo_uid = os.environ.get("SUDO_UID", "")
    if sudo_uid.isdigit() and int(sudo_uid) > 0:
        group = os.environ.get("SUDO_GID", "")
        return Account(int(sudo_uid), int(group) if group.isdigit() and int(group) > 0 else int(sudo_uid))
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY, NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)


def become(account: Account) -> None:
    """Drop root permanently; does nothing if not root."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
