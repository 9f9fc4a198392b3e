"""Linux system calls that Python 3.11 lacks: namespaces, bind mounts, the parent-death signal."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
from pathlib import Path

NEW_MOUNT = 0x00020000  # CLONE_NEWNS
_BIND = 4096  # MS_BIND
_PLAIN_FILES = 2 | 4  # MS_NOSUID | MS_NODEV
_PRIVATE = 1 << 18 | 16384  # MS_PRIVATE | MS_REC
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_OWNER_OF = 0xB701  # ioctl NS_GET_USERNS
_OTHER_SIDE = 0x5441  # ioctl TIOCGPTPEER
_TERMINAL_MAKER = os.makedev(5, 2)  # what /dev/ptmx is

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter(descriptor: int) -> None:
    """Enter the namespace behind an open /proc/PID/ns file; raise OSError."""
    _check(_libc.setns(descriptor, 0), "setns")


def owner(descriptor: int) -> int:
    """Open the user namespace that owns another namespace; raise OSError."""
    return fcntl.ioctl(descriptor, _OWNER_OF)


def private_mounts() -> None:
    """Enter a new mount namespace; raise OSError."""
    _check(_libc.unshare(NEW_MOUNT), "unshare")
    _check(_libc.mount(b"none", b"/", None, ctypes.c_ulong(_PRIVATE), None), "mount --make-rprivate /")


def bind(source: Path, target: Path) -> None:
    """Bind-mount `source` at `target`; raise OSError."""
    code = _libc.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(_BIND), None)
    _check(code, f"mount --bind {source} {target}")


def memory(target: Path) -> None:
    """Mount a tmpfs at `target`, writable by root and readable by all; raise OSError."""
    code = _libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", ctypes.c_ulong(_PLAIN_FILES), b"mode=0755")
    _check(code, f"mount -t tmpfs {target}")


def die_with_parent(signal_number: int) -> None:
    """Have this process get a signal when its parent ends."""
    _check(_libc.prctl(_DEATH_SIGNAL, ctypes.c_ulong(signal_number), 0, 0, 0), "prctl")


def open_terminal() -> tuple[int, int]:
    """Open a new terminal in the current /dev; return both of its sides. Raises OSError."""
    flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
    ours = os.open("/dev/ptmx", flags | os.O_NONBLOCK)
    facts = os.fstat(ours)
    if not stat.S_ISCHR(facts.st_mode) or facts.st_rdev != _TERMINAL_MAKER:
        raise OSError(errno.ENODEV, "the guest's /dev/ptmx is not what it should be")
    _check(_libc.unlockpt(ours), "unlockpt")
    # By descriptor: a name below /dev/pts could belong to another terminal by now.
    return ours, fcntl.ioctl(ours, _OTHER_SIDE, flags)
