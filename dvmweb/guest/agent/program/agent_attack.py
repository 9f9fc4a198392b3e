"""The attacks of the sandbox test: runs as the agent inside the sandbox and reports each result through a pipe."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import operator
import os
import pty
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import agent_kernel as kernel

CLOSED = """/ /usr /usr/bin /usr/local/bin /usr/local/lib/dvm /usr/local/lib/dvm/agent /etc /etc/ssl /var /run /home
/dev/pts /proc/sys/kernel""".split()
SYSTEM_FILES = """/etc/passwd /etc/gitconfig /usr/bin/env /proc/sys/kernel/hostname /proc/sysrq-trigger""".split()


class Attack:
    """Tries each attack once and reports the result."""

    def __init__(self, pipe: int, task: dict[str, Any]) -> None:
        self.pipe, self.task = pipe, task
        self.token: str = task["token"]

    def report(self, kind: str, what: str) -> None:
        os.write(self.pipe, json.dumps([kind, what]).encode() + b"\n")

    def must_fail(self, what: str, attack: Callable[[], object]) -> None:
        """Report whether `attack` failed: it raises OSError or returns False. `what` describes its success."""
        try:
            worked = attack() is not False
        except OSError:
            worked = False
        except Exception as error:
            self.report("unknown", f"Could not check whether an agent {what} ({type(error).__name__}).")
            return
        self.report("failed" if worked else "pass", f"An agent {what}.")

    def must_work(self, what: str, attempt: Callable[[], object]) -> None:
        try:
            attempt()
        except Exception as error:
            self.report("unknown", f"The sandbox lacks what an agent needs: {what} ({type(error).__name__}: {error}).")
        else:
            self.report("pass", what)

    def canary(self, name: str, what: str, attack: Callable[[], object]) -> None:
        if name in self.task["planted"]:
            self.must_fail(what, attack)
        else:
            self.report("unknown", f"Could not check whether an agent {what}: there was no canary.")

    def all(self) -> None:
        for part in (self.sight, self.processes, self.sockets, self.rights, self.calls, self.outside, self.guarded):
            part()
        self.needs()
        self.report("end", "")

    # -- what the agent must not see --

    def sight(self) -> None:
        for name, path in self.task["canaries"].items():
            self.canary(name, f"sees {name}", partial(is_there, path))
        for path in self.task["there"]:
            self.must_fail(f"sees {path}", partial(has_any, path))

    def processes(self) -> None:
        def tokens(kind: str) -> bool:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/{kind}", "rb") as file:
                    if self.token.encode() in file.read():
                        return True
            return False

        self.canary("the user's process", "sees the user's processes", lambda: tokens("cmdline"))
        is_in = self.token in "".join(os.environ.values())
        self.canary("the user's environment", "sees the user's environment", lambda: is_in or tokens("environ"))
        for name in ("environ", "mem", "root/etc/shadow", "cwd/etc"):
            self.must_fail(f"opens /proc/1/{name}", partial(reads, f"/proc/1/{name}"))
        self.canary("shared memory", "reaches the user's shared memory", self.shared_memory)

    def shared_memory(self) -> bool:
        return int(kernel.libc.shmget(int(self.token[:7], 16), 0, 0)) >= 0

    def sockets(self) -> None:
        self.canary(
            "a socket of the user's",
            "reaches a socket in /tmp",
            lambda: connects(f"/tmp/dvm-sandbox-{self.token}.sock"),
        )
        if self.task["scopes"]:
            self.canary("an abstract socket", "reaches an abstract socket", lambda: connects(f"\0dvm-{self.token}"))
        self.must_fail("opens a vsock socket, which reaches the host", lambda: socket.socket(40, socket.SOCK_STREAM))

    # -- which rights the agent must not get --

    def rights(self) -> None:
        with open("/proc/self/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.must_fail(f"has capabilities ({name})", partial(operator.ne, int(status[name], 16), 0))
        self.must_fail("can gain privileges (no_new_privs is off)", lambda: status["NoNewPrivs"] != "1")
        self.must_fail("runs without a seccomp filter", lambda: status["Seccomp"] != "2")
        self.must_fail("runs as another user", lambda: set(status["Uid"].split()) != {str(self.task["user"])})
        self.must_fail("is a member of other groups", lambda: bool(status["Groups"].strip()))
        self.must_fail("becomes root with setuid", lambda: os.setuid(0))
        self.must_fail("becomes root with sudo", lambda: ran(("/usr/bin/sudo", "-n", "id", "-u")) == b"0")
        self.must_fail("can run setuid programs", lambda: not os.statvfs("/usr").f_flag & os.ST_NOSUID)

    def calls(self) -> None:
        libc = kernel.libc
        self.must_fail("creates a user namespace", lambda: forked(lambda: libc.unshare(0x10000000)))
        self.must_fail("creates a mount namespace", lambda: forked(lambda: libc.unshare(0x20000)))
        self.must_fail("mounts a file system", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0)
        self.must_fail("unmounts /usr", lambda: libc.umount2(b"/usr", 2) == 0)
        self.must_fail("changes the host name", lambda: libc.sethostname(b"x", 1) == 0)
        numbers = kernel.UNKNOWN, 1 if os.uname().machine == "aarch64" else 0
        for name in ("add_key", "keyctl", "io_uring_setup", "bpf"):
            call = numbers[0][name][numbers[1]]
            self.must_fail(f"can call {name}", partial(is_known, call))
        self.must_fail("injects input into its terminal", lambda: forked(types_into_terminal))

    # -- what the agent must not write --

    def outside(self) -> None:
        self.must_fail("has write access to /usr", lambda: not os.statvfs("/usr").f_flag & os.ST_RDONLY)
        for folder in filter(os.path.isdir, CLOSED):
            self.must_fail(f"writes in {folder}", partial(makes, f"{folder}/.dvm-sandbox-{self.token}"))
        wrapper = self.task["wrapper"]
        if not os.path.exists(wrapper):
            self.report("unknown", f"Could not check whether an agent writes {wrapper}: it does not exist.")
        for file in filter(os.path.exists, (wrapper, *SYSTEM_FILES)):
            self.must_fail(f"writes {file}", partial(opens, file))

    def guarded(self) -> None:
        for path in self.task["read_only"]:
            place = f"/workspace/{path}"
            for what, attack in self.writes(place):
                self.must_fail(f"{what} {path}", attack)
        for path in self.task["fixed"]:
            self.must_fail(f"moves {path}", partial(self.moves, f"/workspace/{path}"))

    def writes(self, place: str) -> Iterator[tuple[str, Callable[[], object]]]:
        """The attacks on a guarded path; one that succeeds changes nothing permanently."""
        yield "moves away", lambda: self.moves(place)
        yield "changes the permissions of", lambda: keeps_rights(place)
        yield "mounts over", lambda: kernel.libc.mount(None, place.encode(), None, 0x1020, None) == 0
        if os.path.isdir(place):
            yield "creates a file in", lambda: makes(f"{place}/.dvm-sandbox-{self.token}")
            yield "writes to a file in", lambda: any(opens(f"{place}/{name}") for name in os.listdir(place)[:20])
            return
        yield "writes", lambda: opens(place)
        yield "writes through a symbolic link to", lambda: self.links(os.symlink, place)
        yield "writes through a hard link to", lambda: self.links(os.link, place)
        yield "writes through a descriptor of", lambda: opens(f"/proc/self/fd/{os.open(place, os.O_PATH)}")

    def moves(self, place: str) -> bool:
        aside = f"{place}.dvm-sandbox-{self.token}"
        os.rename(place, aside)
        os.rename(aside, place)
        return True

    def links(self, link: Callable[[str, str], None], place: str) -> bool:
        name = f"/workspace/.dvm-sandbox-{self.token}"
        try:
            link(place, name)
            return opens(name)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)

    # -- what the agent needs --

    def needs(self) -> None:
        for place in ("/workspace", self.task["home"], "/tmp", "/dev/shm"):
            self.must_work(f"write access to {place}", partial(makes, f"{place}/.dvm-sandbox-{self.token}"))
        if ".git" in self.task["fixed"]:
            self.must_work(
                "Git in the project", lambda: subprocess.run(GIT, check=True, stdin=subprocess.DEVNULL, env=OURS)
            )
        self.must_work("its home folder as HOME", lambda: os.chdir(os.environ["HOME"]))


# An earlier agent may have put its own `sudo` or `git` first on PATH, which would fake the result of an attack.
OURS = {"PATH": "/usr/bin:/bin", "HOME": "/", "GIT_CONFIG_GLOBAL": "/dev/null"}
GIT = ("/usr/bin/git", "-C", "/workspace", "rev-parse", "--git-dir")


def ways(path: str) -> tuple[str, ...]:
    """Other paths to a place that a badly built sandbox would leave open."""
    return (path, f"/proc/1/root{path}", f"/proc/1/cwd{path}", f"/oldroot{path}", f"/run/dvm-agent/../..{path}")


def is_there(path: str) -> bool:
    return any(map(os.path.lexists, ways(path)))


def has_any(path: str) -> bool:
    """Whether something exists there, readable or not; an empty folder in its place does not count."""
    return any(os.path.lexists(way) and not is_empty(way) for way in ways(path))


def is_empty(path: str) -> bool:
    try:
        return os.path.isdir(path) and not os.listdir(path)
    except OSError:
        return False


def reads(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def keeps_rights(path: str) -> None:
    os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode))


def connects(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(address)
    return True


def ran(words: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(words, env=OURS, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout.strip()


def makes(path: str) -> bool:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)
    return True


def opens(path: str) -> bool:
    """Open for writing, without writing anything."""
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
    return True


def is_known(call: int) -> bool:
    """Whether a system call is available: with invalid arguments, one that is returns another error."""
    kernel.libc.syscall(call, -1, 0, 0, 0, 0)
    return ctypes.get_errno() not in (errno.ENOSYS, errno.EPERM, errno.EACCES)


def forked(attack: Callable[[], object]) -> bool:
    """Run the attack in a child process; true if it succeeds (returns 0 or None)."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(Exception):
            code = 1 if attack() else 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def types_into_terminal() -> None:
    _, terminal = pty.openpty()
    os.setsid()
    fcntl.ioctl(terminal, 0x540E, 0)  # TIOCSCTTY
    fcntl.ioctl(terminal, 0x5412, b"x")


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[2]), "rb") as file:
        Attack(int(sys.argv[1]), json.loads(file.read())).all()
