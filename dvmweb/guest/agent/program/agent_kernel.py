"""Kernel calls of the agent launcher: mounts on descriptors, the seccomp filter, dropping privileges."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import struct
from typing import NamedTuple

# System calls added since 2019 have the same number on every architecture.
OPEN_TREE, MOVE_MOUNT, OPENAT2, MOUNT_SETATTR = 428, 429, 437, 442
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446
AT_EMPTY_PATH = 0x1000
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
O_PATH = getattr(os, "O_PATH", 0) | os.O_NOFOLLOW | os.O_CLOEXEC

libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The sandbox cannot be built, so nothing runs."""


def syscall(number: int, *words: object) -> int:
    done = int(libc.syscall(number, *words))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


# ---- mounts ----


def own_mounts() -> None:
    """Enter a new mount namespace: other processes do not see the mounts made from here on."""
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise Refused(f"A mount namespace could not be created ({os.strerror(ctypes.get_errno())}).")


def opened_below(folder: int, path: str) -> int:
    """Open a path below a folder without following any link."""
    how = struct.pack("<QQQ", O_PATH, 0, 0x02 | 0x04 | 0x08)  # no magic links, no links, beneath
    return syscall(OPENAT2, folder, os.fsencode(path), how, len(how))


def bind(source: int, target: int, *, read_only: bool) -> None:
    tree = syscall(OPEN_TREE, source, b"", AT_EMPTY_PATH | os.O_CLOEXEC | 1)
    try:
        if read_only:
            attributes = struct.pack("<QQQQ", 1, 0, 0, 0)
            syscall(MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attributes, len(attributes))
        syscall(MOVE_MOUNT, tree, b"", target, b"", 0x04 | 0x40)
    finally:
        os.close(tree)


# ---- system calls that agents do not need ----

PROCESSORS = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# Numbers on x86_64 and aarch64. These fail as on a kernel without them, so programs fall back to another call.
UNKNOWN = {
    "clone3": (435, 435),  # a filter cannot read its flags
    "io_uring_setup": (425, 425),  # bypasses every filter
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),  # the agent inherits the keyring of the user's session
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
}
DENIED = {"setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41)}
CLONE, UNSHARE, SOCKET, IOCTL = (56, 220), (272, 97), (41, 198), (16, 29)
NAMESPACES = 0x7E020080  # every CLONE_NEW*
SOCKETS = (1, 2, 10, 16)  # local, IPv4, IPv6, netlink; not vsock, which Lima's guest agent uses
TYPING = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: inject input into the user's terminal
LOAD, EQUAL, AT_LEAST, HAS_BITS, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x50000


class Line(NamedTuple):
    """One BPF instruction; a jump counts the instructions to skip."""

    code: int
    value: int
    when: int = 0
    otherwise: int = 0


def filter_program(machine: str) -> bytes:
    """A seccomp filter as BPF bytes."""
    architecture, column = PROCESSORS[machine]
    lines = [
        Line(LOAD, 4),
        Line(EQUAL, architecture, when=1),
        Line(ANSWER, REFUSE | errno.ENOSYS),  # 32-bit programs use other numbers
        Line(LOAD, 0),
        Line(AT_LEAST, 0x40000000, otherwise=1),
        Line(ANSWER, REFUSE | errno.ENOSYS),  # so does x32
    ]
    for calls, number in ((UNKNOWN, errno.ENOSYS), (DENIED, errno.EPERM)):
        for call in calls.values():
            lines += [Line(EQUAL, call[column], otherwise=1), Line(ANSWER, REFUSE | number)]
    refused = ALLOW, REFUSE | errno.EPERM
    lines += judged(CLONE[column], 0, HAS_BITS, (NAMESPACES,), *refused)
    lines += judged(UNSHARE[column], 0, HAS_BITS, (NAMESPACES,), *refused)
    lines += judged(IOCTL[column], 1, EQUAL, TYPING, *refused)
    lines += judged(SOCKET[column], 0, EQUAL, SOCKETS, REFUSE | errno.EAFNOSUPPORT, ALLOW)
    lines.append(Line(ANSWER, ALLOW))
    return b"".join(struct.pack("<HBBI", line.code, line.when, line.otherwise, line.value) for line in lines)


def judged(call: int, argument: int, test: int, values: tuple[int, ...], none: int, one: int) -> list[Line]:
    """Check one argument of a call: the result is `one` if a value matches, else `none`."""
    count = len(values)
    return [
        Line(EQUAL, call, otherwise=count + 3),
        Line(LOAD, 16 + 8 * argument),  # the kernel also reads only this half
        *(Line(test, value, when=count - index) for index, value in enumerate(values)),
        Line(ANSWER, none),
        Line(ANSWER, one),
    ]


# ---- dropping privileges ----


def default_signals() -> None:
    for number in range(1, signal.NSIG):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)


def become(uid: int, gid: int) -> None:
    """Drop root permanently: no capabilities, no groups, no way to gain privileges."""
    for capability in range(64):
        if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP; fails after the last one
            break
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    version_3, nothing = struct.pack("<Ii", 0x20080522, 0), bytes(24)
    if libc.capset(version_3, nothing) or libc.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise Refused("Root privileges could not be dropped.")


def can_scope() -> bool:
    """Whether Landlock can scope sockets and signals: Linux 6.12 or newer, with Landlock enabled."""
    return int(libc.syscall(LANDLOCK_CREATE, None, 0, 1)) >= 6


def scope() -> None:
    """Block abstract sockets of processes outside the sandbox, and signals to them."""
    if can_scope():
        rules = syscall(LANDLOCK_CREATE, struct.pack("<QQQ", 0, 0, 3), 24, 0)
        syscall(LANDLOCK_RESTRICT, rules, 0)
        os.close(rules)
