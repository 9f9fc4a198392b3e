"""A stand-in for `ssh -F DIR/ssh.config ALIAS [--] [COMMAND]` for demo guests."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.demo import faults, store
from dvmweb.demo.faults import with_fault
from dvmweb.demo.guest import entering, live_forwards
from dvmweb.demo.guest.entering import LOST, Guest, Order
from dvmweb.demo.guest.sandbox import user_of
from dvmweb.demo.guest.shell import BOOTING
from dvmweb.demo.logs import Plain

_WITH_VALUE = "FoOlpiSEJLRDWbcemIQBw"


@dataclass
class Request:
    """A parsed ssh command line."""

    config: str = ""
    control: str = ""  # check, exit, forward or cancel
    forward: str = ""  # of -L
    alias: str = ""
    command: str | None = None
    wants_terminal: bool | None = None
    options: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Host:
    """The settings of an alias in ssh.config."""

    control_path: Path
    port: int


def run_ssh(arguments: tuple[str, ...]) -> int:
    """Run one ssh call and return its exit code: the remote command's, or 255."""
    try:
        request = parse(arguments)
        host = resolve(request)
        home = host.control_path.parent.parent
        return with_fault(home, "ssh", lambda: _control(request, host) if request.control else _connect(request, host))
    except Plain as error:
        print(error.message, file=sys.stderr)
        return error.code


def parse(arguments: tuple[str, ...]) -> Request:
    """Parse the options of ssh that dvm uses. Raises Plain for others."""
    request = Request()
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "--":
        word = rest.pop(0)
        letter, value = word[1:2], word[2:]
        if letter in _WITH_VALUE:
            value = value or (rest.pop(0) if rest else "")
            request.config = value if letter == "F" else request.config
            request.control = value if letter == "O" else request.control
            request.forward = value if letter == "L" else request.forward
            request.options += [value] if letter == "o" else []
        elif letter in "tT":
            request.wants_terminal = letter == "t"
        elif letter not in "qvnxaCNk46":
            raise Plain(f"unknown option -- {letter}", LOST)
    if rest[:1] == ["--"]:
        rest.pop(0)
    if not rest:
        raise Plain("usage: ssh -F FILE [-o OPTION] [-O check|exit] ALIAS [--] [COMMAND]", LOST)
    request.alias = rest.pop(0)
    if rest[:1] == ["--"]:
        rest.pop(0)
    request.command = " ".join(rest) if rest else None
    return request


def resolve(request: Request) -> Host:
    """Find the alias in the config file. Raises Plain if it is missing, as ssh does."""
    try:
        lines = Path(request.config).read_text().splitlines()
    except OSError as error:
        raise Plain(f"Can't open user config file {request.config}: {error.strerror}", LOST) from error
    found: dict[str, str] = {}
    is_ours = False
    for line in lines:
        key, _, value = line.strip().partition(" ")
        if key == "Host":
            is_ours = value == request.alias
        elif is_ours:
            found.setdefault(key, value.strip().strip('"'))
    if "ControlPath" not in found or not found.get("Port", "").isdigit():
        raise Plain(f"ssh: Could not resolve hostname {request.alias}: Name or service not known", LOST)
    return Host(Path(found["ControlPath"]), int(found["Port"]))


def _has_own_connection(request: Request) -> bool:
    return any(re.fullmatch(r"(?i)ControlPath\s*[= ]\s*none", option) for option in request.options)


def _control(request: Request, host: Host) -> int:
    agent = store.read_agent(host.control_path.parent)
    if not host.control_path.exists() or not agent.is_up or _has_own_connection(request):
        raise Plain(f"Control socket connect({host.control_path}): No such file or directory", LOST)
    if request.control in ("forward", "cancel"):
        return live_forwards.control(host.control_path.parent, request.control, request.forward)
    if request.control == "exit":
        host.control_path.unlink(missing_ok=True)
        print("Exit request sent.", file=sys.stderr)
    else:
        print(f"Master running (pid={agent.pid})", file=sys.stderr)
    return 0


def _connect(request: Request, host: Host) -> int:
    folder = host.control_path.parent
    agent = store.read_agent(folder)
    # The port decides whom one reaches: a clone's config points at its origin until its first start.
    if not agent.is_up or not agent.is_driver_up or agent.port != host.port:
        raise Plain(f"ssh: connect to host 127.0.0.1 port {host.port}: Connection refused", LOST)
    if not agent.is_ready or faults.of_instance(folder).get("silent"):
        raise Plain(BOOTING, LOST)
    if agent.no_guest:
        raise Plain(agent.no_guest, 1)
    user = user_of(store.load_config(folder.parent, folder))
    if not _has_own_connection(request):
        host.control_path.touch()
    wants = request.command is None if request.wants_terminal is None else request.wants_terminal
    has_terminal = wants and os.isatty(0) and os.isatty(1)
    argv = ("-bash",) if request.command is None else ("bash", "-c", request.command)
    return entering.run(Guest(folder, agent, user), Order(argv, has_terminal=has_terminal))
