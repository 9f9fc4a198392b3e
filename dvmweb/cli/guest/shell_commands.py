"""`dvm sh` and `dvm ssh`: offer to start a stopped VM; hints for shell syntax and lost connections."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import click

from dvmweb.cli.follow import follow, report_end
from dvmweb.errors import DvmError, NotRunning
from dvmweb.lima.command_display import shown
from dvmweb.paths import from_environment
from dvmweb.verbs.vms import Vms

NO_SUCH_PROGRAM = (126, 127)  # exit codes of `env` in the guest
SHELL_SYNTAX = re.compile(r"[\s;&|<>()$`\"'*?\[\]{}~#!\\]")
BUILTINS = frozenset(
    ("cd", "export", "source", ".", "alias", "set", "unset", "ulimit", "umask", "exec", "eval", "type")
)


def opened(vms: Vms, name: str, enter: Callable[[], int]) -> int:
    """Run `enter` and return its exit code; on a terminal offer to start a stopped VM first."""
    try:
        return enter()
    except NotRunning as error:
        is_interactive = error.status == "Stopped" and sys.stdin.isatty() and sys.stdout.isatty()
        if not is_interactive or not click.confirm(f"{name} is stopped. Start it now?", default=True, err=True):
            raise
    code = report_end(vms, follow(vms, vms.start_job(name, "start")))
    return code or enter()


def offer_checkpoint(vms: Vms, name: str) -> None:
    """On a terminal, print once for each VM with an agent how to keep a checkpoint. Never raises."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    from dvmweb.verbs.checkpoint_offer import offer

    with suppress(DvmError, OSError):
        if line := offer(vms, name):
            click.echo(line, err=True)


def run(vms: Vms, name: str, command: Sequence[str]) -> int:
    """Run a command in the VM; its exit code."""
    code = vms.enter(name, tuple(command))
    hint(name, command, code)
    return code


def lost(environ: Mapping[str, str], name: str, code: int) -> int:
    """Explain exit code 255 of ssh: for a guest that does not respond print what helps; the exit code."""
    try:
        Vms(from_environment(environ), environ).explain_lost(name)
    except DvmError as error:
        click.echo(str(error), err=True)
        return int(error.exit_code)
    return code


def hint(name: str, command: Sequence[str], code: int) -> None:
    """If there is no such program, print how to run the command in a shell."""
    if code in NO_SUCH_PROGRAM and (line := line_for_a_shell(command)):
        click.echo(f"dvm ssh runs one program, without a shell. To use a shell: dvm ssh {name} -- {line}", err=True)


def line_for_a_shell(command: Sequence[str]) -> str:
    """The command for `bash -c` if its first word is a builtin or shell syntax, else ""."""
    first, *more = command
    if first not in BUILTINS and not SHELL_SYNTAX.search(first):
        return ""
    return shown(("bash", "-c", " ".join((first, shlex.join(more))).strip()))
