"""The first program on a pty: it becomes the shell or agent in a guest. It takes a VM and a named command, no argv."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from dvmweb import names
from dvmweb.errors import UsageError
from dvmweb.lima import connections, guest_shell, ledger
from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.paths import Paths, child_environment, from_environment
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.boot_wait import wait_for_guest
from dvmweb.terminals.launch import SHELL, LaunchRequest
from dvmweb.terminals.locations import connection_path

TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
# Ignored signals are inherited, but a shell and its programs need these: Python ignores SIGPIPE and SIGXFSZ, and
# `nohup dvm web &` ignores SIGHUP and SIGINT, so that Ctrl-C would end nothing in a guest.
INHERITED = (
    *(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD),
)
# What locates our folders and the engine; an allow-list, so that no secret of the caller is passed on.
HANDED_DOWN = ("DVM_ENGINE", "DVM_LIMACTL", "DVM_CONFIG_DIR", "DVM_STATE_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
DEMO_FAULTS = "DVM_DEMO_"


def argv_and_environment(environ: Mapping[str, str], launch: LaunchRequest) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command line of the named command in a VM, and its environment, which is an allow-list.

    Raises UsageError for an unknown name, NotFound and ConfigError for the VM's config, NoEngine.
    """
    paths = from_environment(environ)
    lima = Lima(find_engine(environ, paths), paths, environ, vm=names.vm_name(launch.vm))
    argv = lima.resolve(_command(paths, launch))
    ledger.append(paths, ledger.Entry(argv, launch.vm, ended="terminal"))
    own_connection = connections.own_line(connection_path(paths, launch)) if launch.connection else {}
    return argv, {**lima.environment(network=True), **TERMINAL, **own_connection}


def become(environ: Mapping[str, str], launch: LaunchRequest) -> None:
    """Replace this process by the command. Only returns by raising: the errors above, and OSError."""
    argv, env = argv_and_environment(environ, launch)
    for number in INHERITED:
        signal.signal(number, signal.SIG_DFL)  # also while it waits: Ctrl-C ends it
    wait(environ, launch)
    os.execve(argv[0], argv, env)  # noqa: S606


def wait(environ: Mapping[str, str], launch: LaunchRequest) -> None:
    """Return once the guest responds; a boot is shown on the terminal. Raises an error where the VM is not running."""
    paths = from_environment(environ)
    lima = Lima(find_engine(environ, paths), paths, environ, vm=names.vm_name(launch.vm), is_quiet=True)
    wait_for_guest(lima, launch.vm, _show_line)


def _show_line(line: str) -> None:
    os.write(1, f"{line}\r\n".encode())


def keeper_environment(environ: Mapping[str, str], paths: Paths) -> dict[str, str]:
    """The environment of the keeper: only what `become` needs, without session or SSH agent."""
    kept = {name: value for name, value in environ.items() if name in HANDED_DOWN or name.startswith(DEMO_FAULTS)}
    return child_environment(environ, paths, kept)


def _command(paths: Paths, launch: LaunchRequest) -> tuple[str, ...]:
    from dvmweb.config.store import ConfigStore

    if launch.command != SHELL and launch.command not in AGENTS:
        raise UsageError(
            f"There is no terminal command {launch.command!r}.", f"Use {SHELL}, or one of: {', '.join(AGENTS)}."
        )
    instance, code_dir = names.instance_name(launch.vm), ConfigStore(paths).read(launch.vm).guest_code_dir
    if launch.command == SHELL:
        return guest_shell.enter(instance, code_dir, terminal=launch.id)
    return guest_shell.enter_agent(instance, code_dir, AGENTS[launch.command].argv, launch.id)
