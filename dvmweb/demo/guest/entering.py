"""Enters a running guest: joins its namespaces and runs one command as its user."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.demo.guest import (  # before root is dropped: what lies below /root is not readable then
    account,
    carrying,
    linux,
)
from dvmweb.demo.guest.carrying import Ends
from dvmweb.demo.guest.sandbox import PATH, GuestUser
from dvmweb.demo.logs import Plain
from dvmweb.demo.store import Agent

NETWORK = "DVM_GUEST_NETWORK"  # "1" in the caller's environment: the command uses the host's network
LOST = 255  # ssh's own code: connection lost, or the remote command ended by a signal
MEMORY_BYTES = 4 << 30  # at most for one process in a guest
_OWN_SIGNALS = (signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN, signal.SIGPIPE, signal.SIGXFSZ)


@dataclass(frozen=True)
class Order:
    """One command for a guest."""

    argv: tuple[str, ...]
    program: str = "/bin/bash"
    has_terminal: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Guest:
    """A running guest."""

    folder: Path  # the instance's
    agent: Agent
    user: GuestUser


def environment(user: GuestUser, order: Order) -> dict[str, str]:
    """The environment of the command: nothing from the host."""
    clean = {
        "HOME": user.home,
        "USER": user.name,
        "LOGNAME": user.name,
        "SHELL": user.shell,
        "PATH": PATH,
        "LANG": "C.UTF-8",
    }
    terminal = {"TERM": os.environ.get("TERM", "xterm-256color")} if order.has_terminal else {}
    return {**clean, **terminal, **order.variables}


def run(guest: Guest, order: Order) -> int:
    """Run a command in the guest on our stdin, stdout and stderr; return its exit code, 255 if a signal ended it.

    This process stays in the guest's namespaces, so it must end afterwards. Raises Plain (code 1) if the namespaces
    cannot be joined.
    """
    owner = account.ordinary(guest.folder / "guest")
    outer = carrying.outer_descriptors()
    _hand_over_pipes(owner)
    account.become(owner)
    try:
        inner = _join(guest.agent.driver_pid, with_network=os.environ.get(NETWORK) == "1")
        ends = carrying.terminal_ends(outer) if order.has_terminal else carrying.plain_ends(outer)
    except FileNotFoundError:
        return LOST
    except OSError as error:
        raise Plain(
            f"The demo engine cannot enter its guest on this machine ({error}); install Lima instead.", 1
        ) from error
    signals = carrying.watch_signals()
    variables = environment(guest.user, order)
    child = os.fork()
    if child == 0:
        _become_command(guest, order, inner, ends, variables)
    return _wait(child, ends, signals)


def _join(pid: int, *, with_network: bool) -> int:
    """Join all namespaces of `pid` except its inner user namespace; return a descriptor of that one."""
    kinds = ("ipc", "uts", "pid", "mnt") if with_network else ("ipc", "uts", "net", "pid", "mnt")
    opened = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
    inner = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    # Bubblewrap makes the mounts in an outer user namespace and the guest's uid in an inner one.
    linux.enter(linux.owner(opened[-1]))
    for descriptor in opened:
        linux.enter(descriptor)
        os.close(descriptor)
    return inner


def _hand_over_pipes(owner: account.Account) -> None:
    # Root's pipes are root's files: without this `echo x >/dev/stderr` fails in the guest.
    if os.geteuid() != 0:
        return
    for descriptor in (0, 1, 2):
        # Only pipes without a name: a named one is a file of the caller's, which he keeps.
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("pipe:["):
            os.fchown(descriptor, owner.uid, owner.gid)


def _become_command(guest: Guest, order: Order, inner: int, ends: Ends, variables: dict[str, str]) -> None:
    try:
        os.setsid()  # never the caller's controlling terminal
        for number, descriptor in enumerate(ends.inside):
            os.dup2(descriptor, number)
        inner = os.dup2(inner, 3)
        os.closerange(4, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
        if order.has_terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        linux.enter(inner)
        os.close(inner)
        linux.die_with_parent(signal.SIGHUP)
        for number in (*_OWN_SIGNALS, *carrying.ENDING):
            signal.signal(number, signal.SIG_DFL)
        _bound()
        os.umask(0o022)
        with suppress(OSError):
            os.chdir("/")
            os.chdir(guest.user.home)
        os.execve(order.program, order.argv, variables)  # noqa: S606
    except OSError as error:
        os.write(2, f"{order.program}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _bound() -> None:
    """Limit the memory of a guest's process, as a VM would, and disable core files."""
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    for what, bound in ((resource.RLIMIT_DATA, min(MEMORY_BYTES, half)), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(what, (least, least))


def _wait(child: int, ends: Ends, signals: int) -> int:
    try:
        status = carrying.carry(ends, child, signals)
    except carrying.Ended as ended:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)
        return LOST
    return LOST if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def run_apart(guest: Guest, order: Order, stdin: int, stdout: int) -> int:
    """Run a command in the guest in a child process, on the given descriptors; return its exit code."""
    child = os.fork()
    if child == 0:
        code = LOST
        try:
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            code = run(guest, order)
        except Plain as error:
            sys.stderr.write(f"{error.message}\n")
            sys.stderr.flush()
            code = error.code
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
