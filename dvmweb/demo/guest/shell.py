"""`limactl shell`: runs the command line that Lima would build in the guest."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from dvmweb.demo import faults, store
from dvmweb.demo.guest import entering
from dvmweb.demo.guest.entering import Guest, Order
from dvmweb.demo.guest.sandbox import user_of
from dvmweb.demo.logs import Fatal, Log, Plain
from dvmweb.demo.options import Call
from dvmweb.demo.store import Instance

BOOTING = "kex_exchange_identification: read: Connection reset by peer"


def shell(call: Call, home: Path, log: Log) -> int:
    """`limactl shell [flags] NAME [--] [COMMAND...]`; the exit code is the command's."""
    words = call.words
    name = call.value("instance")
    if not name:
        if not words:
            raise Fatal("requires instance name as first argument")
        name, words = words[0], words[1:]
    if words[:1] == ("--",):
        words = words[1:]
    guest = guest_of(instance_for(home, name), log)
    has_terminal = os.isatty(0) and os.isatty(1)
    script = remote_script(words, call.value("shell") or guest.user.shell, call.value("workdir"))
    return entering.run(guest, Order(("bash", "-c", script), has_terminal=has_terminal))


def remote_script(words: tuple[str, ...], shell_path: str, workdir: str) -> str:
    """The shell command line for a login shell, with quoted arguments, so that argv arrives unchanged.

    Leading arguments with `=` are assignments, whose names are not quoted, as in Lima.
    """
    change = f"cd {shlex.quote(workdir)} || exit 1" if workdir else "false"
    start = f"{change} ; exec {shlex.quote(shell_path)} -l"
    if not words:
        return start
    assignments = 0
    while assignments < len(words) and "=" in words[assignments]:
        assignments += 1
    pairs = (word.partition("=") for word in words[:assignments])
    parts = [*(f"{name}={shlex.quote(value)}" for name, _, value in pairs), *map(shlex.quote, words[assignments:])]
    return f"{start} -c {shlex.quote(' '.join(parts))}"


def instance_for(home: Path, name: str) -> Instance:
    """The instance to enter. Raises Fatal if it does not exist or is stopped."""
    if not (home / store.check_name(name) / "lima.yaml").exists():
        raise Fatal(f"instance `{name}` does not exist, run `limactl create {name}` to create a new instance")
    instance = store.inspect(home, name)
    if instance.status == "Stopped":
        raise Fatal(f"instance `{name}` is stopped, run `limactl start {name}` to start the instance")
    return instance


def guest_of(instance: Instance, log: Log) -> Guest:
    """The guest of an instance. Raises Plain if ssh would not reach it."""
    if instance.errors:
        log.line("error", f"Instance `{instance.name}` has configuration errors", error=instance.errors[0])
    is_silent = bool(faults.of_instance(instance.folder).get("silent"))
    if instance.config is None or instance.status != "Running" or not instance.agent.is_ready or is_silent:
        raise Plain(BOOTING, entering.LOST)
    if instance.agent.no_guest:
        raise Plain(instance.agent.no_guest, 1)
    return Guest(instance.folder, instance.agent, user_of(instance.config))
