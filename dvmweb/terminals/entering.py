"""Become the shell of a guest: what runs on the pty first. A VM's name comes in, never an argv."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from dvmweb import names, paths
from dvmweb.errors import UsageError
from dvmweb.lima import connections, entering, ledger
from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.paths import Paths
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.order import SHELL, Order
from dvmweb.terminals.place import line_path

TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
# What would be inherited although a shell and its programs need it: Python ignores SIGPIPE and SIGXFSZ, and whoever
# starts the dashboard by `nohup dvm web &` has SIGHUP and SIGINT ignored: then no Ctrl-C would end anything in a guest.
INHERITED = (
    *(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD),
)
# What finds our folders and the engine again; named one by one, so that no secret of a caller is among them.
HANDED_DOWN = ("DVM_ENGINE", "DVM_LIMACTL", "DVM_CONFIG_DIR", "DVM_STATE_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
DEMO_FAULTS = "DVM_DEMO_"


def argv_and_environment(environ: Mapping[str, str], order: Order) -> tuple[tuple[str, ...], dict[str, str]]:
    """What the named command means for a VM now: the command line, and an environment that is an allow-list.

    Raises UsageError for an unknown name, NotFound and ConfigError for the VM's config, NoEngine.
    """
    places = paths.from_environment(environ)
    lima = Lima(find_engine(environ, places), places, environ, vm=names.vm_name(order.vm))
    argv = lima.resolve(_command(places, order))
    ledger.append(places, ledger.Entry(argv, order.vm, ended="terminal"))
    line = connections.own_line(line_path(places, order)) if order.line else {}
    return argv, {**lima.environment(network=True), **TERMINAL, **line}


def become(environ: Mapping[str, str], order: Order) -> None:
    """Turn this process into the command. Returns only by an error: those of above, and OSError."""
    argv, env = argv_and_environment(environ, order)
    for number in INHERITED:
        signal.signal(number, signal.SIG_DFL)
    os.execve(argv[0], argv, env)  # noqa: S606


def keeper_environment(environ: Mapping[str, str], places: Paths) -> dict[str, str]:
    """The environment of the keeper: nothing but what `become` needs; no session, no agent socket."""
    kept = {name: value for name, value in environ.items() if name in HANDED_DOWN or name.startswith(DEMO_FAULTS)}
    return paths.child_environment(environ, places, kept)


def _command(places: Paths, order: Order) -> tuple[str, ...]:
    from dvmweb.config.store import ConfigStore

    if order.command != SHELL and order.command not in AGENTS:
        raise UsageError(
            f"There is no terminal command {order.command!r}.", f"Use {SHELL}, or one of: {', '.join(AGENTS)}."
        )
    instance, code_dir = names.instance_name(order.vm), ConfigStore(places).read(order.vm).guest_code_dir
    if order.command == SHELL:
        return entering.enter(instance, code_dir, terminal=order.id)
    return entering.enter_agent(instance, code_dir, AGENTS[order.command].words, order.id)
