"""The tab *Commands*: how to do the common acts in a terminal, and the engine commands that dvm ran."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.lima import ledger
from dvmweb.lima.command_display import IS_CUT, ON_STDIN, shown
from dvmweb.lima.ledger import Entry
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui.formatting import duration

MOST_COMMANDS = 200
REASONS = {ON_STDIN: "its script was sent on stdin", IS_CUT: "only its start was kept"}


@dataclass(frozen=True)
class CommandRow:
    """One engine command that was run."""

    text: str
    age: str
    took: str
    code: str
    is_ok: bool
    job_id: str
    note: str = ""  # why it cannot be run as it is shown, "" if it can


@dataclass(frozen=True)
class Example:
    """One act and the command for it, which runs as it is shown."""

    what: str
    text: str


def tab(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    """The commands of jobs; with `all=1` also the status queries."""
    has_all = request.args.get("all") == "1"
    entries = [entry for entry in ledger.read(vms.paths, vm=vm.name, limit=100_000) if has_all or entry.job]
    rows = command_rows(entries[-MOST_COMMANDS:], now)
    return {"rows": rows, "has_all": has_all, "common": common(vms.paths, vm)}


def common(paths: Paths, vm: Vm) -> tuple[Example, ...]:
    """Return what is often done from a terminal; those of Lima only for an instance of Lima."""
    name, is_created = vm.name, vm.instance is not None
    found = [Example("Apply the config", f"dvm sync {name}")]
    if is_created:
        found = [
            Example("Open a shell", f"dvm ssh {name}"),
            Example("Run a command", f"dvm ssh {name} -- git status"),
            *found,
            Example("Check for unsaved work", f"dvm work {name}"),
            Example("Follow its journal", f"dvm log {name} --follow"),
            Example("List its ports", f"dvm port {name}"),
            Example("Restart", f"dvm restart {name}"),
        ]
    if is_created and not paths.is_demo:
        instance = instance_name(name)
        ssh_config = shlex.quote(str(paths.lima_home / instance / "ssh.config"))
        limas = "" if paths.lima_home == paths.home / ".lima" else f"LIMA_HOME={shlex.quote(str(paths.lima_home))} "
        found += [
            Example("ssh, scp or rsync without dvm", f"ssh -F {ssh_config} lima-{instance}"),
            Example("A shell by Lima", f"{limas}limactl shell {instance}"),
        ]
    engine = "DVM_ENGINE=demo " if paths.is_demo else ""  # with limactl installed, dvm would use that
    return tuple(Example(one.what, f"{engine}{one.text}") for one in found)


def command_rows(entries: Iterable[Entry], now: float) -> tuple[CommandRow, ...]:
    """Return the commands, newest first, each with why it cannot be copied if that is so."""
    return tuple(reversed([_row(entry, now) for entry in entries]))


def _row(entry: Entry, now: float) -> CommandRow:
    text, note = shown(entry.argv), ""
    for prefix, reason in REASONS.items():
        if text.startswith(prefix):
            text, note = text.removeprefix(prefix), reason
    return CommandRow(
        text=text,
        age=age(entry.time, now),
        took=f"{entry.seconds:.1f} s" if entry.seconds < 60 else duration(entry.seconds),
        code=str(entry.code) if entry.ended == "exit" else visible(entry.ended, 20),
        is_ok=entry.code == 0 and entry.ended == "exit",
        job_id=entry.job,
        note=note,
    )
