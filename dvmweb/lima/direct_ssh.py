"""The short way into a running VM: plain ssh over the shared connection, by the route stored by an earlier call.

It reads only the instance's files, runs no limactl, and imports next to nothing (importing typing, re and dataclasses
would take longer than everything here). If anything has changed since the route was stored, the long way is used.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILE = "ssh-route"
VERSION = "1"
MOST = 64_000  # bytes of a stored route, and of an ssh.config
NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
# The variables that decide which engine, folders and programs are used.
DECIDES = (
    *("HOME", "PATH", "LIMA_HOME", "DVM_ENGINE", "DVM_LIMACTL", "DVM_CONFIG_DIR", "DVM_STATE_DIR"),
    *("XDG_CONFIG_HOME", "XDG_STATE_HOME"),
)
DRIVERS = ("qemu.pid", "vz.pid")
LONGEST = 60_000  # characters of a command that is sent twice; Linux takes 128 KiB in one argument
OPTIONS = ("-o", "LogLevel=ERROR", "-o", "ForwardAgent=no")


class SshRoute:
    """The stored route into a VM; a plain class, because a dataclass costs more than the route saves."""

    def __init__(self, fields: Sequence[Sequence[str]]) -> None:
        """Parse what `packed` wrote. Raises ValueError for anything else."""
        (version,), self.decided, self.stamps, self.place, self.ssh, self.remote, self.kept, self.fixed = fields
        self.kind, self.folder, self.alias = self.place
        self.here, self.apart, self.shell = self.remote
        if version != VERSION:
            raise ValueError(version)

    def argv(self, words: Sequence[str], *, has_terminal: bool) -> tuple[str, ...]:
        """The command line: a shell, or `words` in the code folder; with a tty if stdout is one, as limactl does."""
        remote = self.command(words) if words else self.shell
        terminal = ("-t",) if has_terminal else ()
        return (*self.ssh, "-F", f"{self.folder}/ssh.config", *OPTIONS, *terminal, self.alias, "--", remote)

    def command(self, words: Sequence[str]) -> str:
        """The command for the account's login shell: bash runs it, another shell starts bash for it."""
        command = " ".join(map(quoted, words))
        apart = f"exec {self.apart} {command}"
        if len(command) > LONGEST:
            return apart
        run = f"exec env -- {command}" if "=" in words[0] else f"exec {command}"
        return f'test "$BASH_VERSION" -a -z "$POSIXLY_CORRECT" || {apart}; {self.here}; {run}'

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment for ssh, an allow-list."""
        fixed = dict(pair.split("=", 1) for pair in self.fixed)
        return {name: environ[name] for name in self.kept if name in environ} | fixed

    def is_open(self) -> bool:
        """Whether the VM runs, its ssh.config is its own (a clone can have its origin's) and its connection is open."""
        pids = [f"{self.folder}/{name}" for name in ("ha.pid", *DRIVERS)]
        is_up = is_alive(pids[0]) and any(map(is_alive, pids[1:]))
        return is_up and is_own(self.folder, self.alias) and is_connected(self.folder, self.kind)


def quoted(word: str) -> str:
    """A word for a POSIX shell, as `shlex.quote` does it."""
    return "'" + word.replace("'", "'\"'\"'") + "'"


def packed(fields: Sequence[Sequence[str]]) -> bytes:
    """Lists of words as bytes. Raises ValueError for a word that contains a NUL."""
    words = [word for part in fields for word in (str(len(part)), *part)]
    if any("\0" in word for word in words):
        raise ValueError("a NUL byte")
    return "\0".join(words).encode("utf-8", "surrogateescape")


def unpacked(data: bytes) -> list[list[str]]:
    """Parse what `packed` wrote. Raises ValueError for anything else."""
    words = data.decode("utf-8", "surrogateescape").split("\0")
    fields, at = [], 0
    while at < len(words):
        count = int(words[at])
        if not 0 <= count < len(words) - at:
            raise ValueError("cut")
        fields.append(words[at + 1 : at + 1 + count])
        at += 1 + count
    return fields


def decided(environ: Mapping[str, str]) -> list[str]:
    """The current values of the variables on which the route depends."""
    return [f"{name}={environ[name]}" if name in environ else name for name in DECIDES]


def stamp(path: str) -> str:
    """A value that changes with a file, "-" if there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116  (pathlib is not imported here)
    except OSError:
        return "-"
    return f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"


def stamped(paths: Sequence[str]) -> list[str]:
    """Each file followed by its stamp."""
    return [word for path in paths for word in (path, stamp(path))]


def is_alive(pid_file: str) -> bool:
    """Whether the process of a PID file is running as this user."""
    try:
        os.kill(int(read(pid_file)), 0)
    except (OSError, ValueError, OverflowError):
        return False
    return True


def is_own(folder: str, alias: str) -> bool:
    """Whether the ssh.config in `folder` is that of this instance."""
    try:
        lines = [line.strip() for line in read(f"{folder}/ssh.config").decode().splitlines()]
    except (OSError, ValueError):
        return False
    hosts = [line for line in lines if line.startswith("Host ")]
    return hosts == [f"Host {alias}"] and f'ControlPath "{folder}/ssh.sock"' in lines


def is_connected(folder: str, kind: str) -> bool:
    """Whether the shared connection is open; without it, ssh would connect to a port that can belong to another VM."""
    path = f"{folder}/ssh.sock"
    if kind == "demo":
        return os.path.exists(path)  # noqa: PTH110
    from _socket import AF_UNIX, SOCK_STREAM, socket  # `socket` itself imports selectors and enum

    line = socket(AF_UNIX, SOCK_STREAM)
    try:
        line.settimeout(1.0)
        line.connect(path)
    except OSError:
        return False
    finally:
        line.close()
    return True


def read(path: str) -> bytes:
    """A plain file of at most MOST bytes. Raises OSError and ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no plain file")
        data = os.read(descriptor, MOST + 1)
    finally:
        os.close(descriptor)
    if len(data) > MOST:
        raise ValueError("too large")
    return data


def notes_folder(environ: Mapping[str, str], vm: str) -> str:
    """The state folder of a VM; "" if only `dvmweb.paths` can find it."""
    home, engine = environ.get("HOME", ""), environ.get("DVM_ENGINE", "")
    local = environ.get("XDG_STATE_HOME", "")
    state = environ.get("DVM_STATE_DIR", "") or f"{local if local.startswith('/') else home + '/.local/state'}/dvm"
    if not home.startswith("/") or not state.startswith("/") or engine not in ("", "lima", "demo"):
        return ""
    return f"{state}/demo/vms/{vm}" if engine == "demo" else f"{state}/vms/{vm}"


def stored_route(environ: Mapping[str, str], vm: str) -> SshRoute | None:
    """The stored route into a VM; None if there is none or something that it depends on has changed."""
    folder = notes_folder(environ, vm) if vm and NAME.issuperset(vm) else ""
    try:
        route = SshRoute(unpacked(read(f"{folder}/{FILE}"))) if folder else None
    except (OSError, ValueError):
        return None
    if route is None or route.decided != decided(environ) or route.stamps != stamped(route.stamps[::2]):
        return None
    return route if route.is_open() else None


def parsed(words: Sequence[str]) -> tuple[str, list[str]]:
    """VM and command of `ssh NAME [--] CMD` and `sh NAME`; ("", []) for other command lines."""
    if len(words) < 2 or words[1].startswith("-"):
        return "", []
    command = list(words[2:])
    if command[:1] == ["--"]:
        del command[0]
    if words[0] == "sh" and len(words) == 2:
        return words[1], []
    is_plain = words[0] == "ssh" and command and command[0] and command[0][0] != "-"
    return (words[1], command) if is_plain else ("", [])


def enter(words: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Run `dvm WORDS` on this terminal and return its exit code; None if it needs the long way."""
    vm, command = parsed(words)
    route = stored_route(environ, vm) if vm else None
    if route is None:
        return None
    from dvmweb import vm_use_marks

    folder = notes_folder(environ, vm)
    session = vm_use_marks.begin(folder)  # use during a session is not counted
    try:
        return follow(route, command, environ)
    finally:
        vm_use_marks.end(folder, session)


def follow(route: SshRoute, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run ssh on this terminal and return its exit code (128 + n for signal n)."""
    argv = route.argv(command, has_terminal=os.isatty(1))
    return attach(argv, route.environment(environ))


def attach(argv: tuple[str, ...], env: Mapping[str, str]) -> int:
    """Run a program in this process group: it gets Ctrl-C, and signals that end dvm end it."""
    import signal

    started: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        for pid in started:
            os.kill(pid, number)

    # A handler, not SIG_IGN: an ignored signal would stay ignored in the child.
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    kept |= {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        started.append(os.posix_spawn(argv[0], argv, env, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ)))
        code = os.waitstatus_to_exitcode(os.waitpid(started[0], 0)[1])
        started.clear()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def store_route(environ: Mapping[str, str], notes: Path, fields: Sequence[Sequence[str]]) -> SshRoute | None:
    """Store the route into a VM; return it if it is open now, else None."""
    from dvmweb.files import private_folder, write_whole

    whole = [[VERSION], decided(environ), *fields]
    try:
        route, data = SshRoute(whole), packed(whole)
    except ValueError:  # an argument with a NUL byte; limactl reports it
        return None
    path = private_folder(notes) / FILE
    try:
        is_kept = read(str(path)) == data
    except (OSError, ValueError):
        is_kept = False
    if not is_kept:
        write_whole(path, data)
    return route if route.is_open() else None
