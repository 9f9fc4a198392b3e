"""Become the shell of a guest: what runs on the pty first. A VM's name comes in, never an argv."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

from dvmweb import names, paths
from dvmweb.errors import UsageError
from dvmweb.lima import entering, ledger
from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.paths import Paths

TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
# What finds our folders and the engine again; named one by one, so that no secret of a caller is among them.
HANDED_DOWN = ("DVM_ENGINE", "DVM_LIMACTL", "DVM_CONFIG_DIR", "DVM_STATE_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
DEMO_FAULTS = "DVM_DEMO_"


def argv_and_environment(environ: Mapping[str, str], vm: str, command: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """What the named command means for a VM now: the command line, and an environment that is an allow-list.

    Raises UsageError for an unknown name, NotFound and ConfigError for the VM's config, NoEngine.
    """
    make = COMMANDS.get(command)
    if make is None:
        raise UsageError(f"There is no terminal command {command!r}.", f"Use one of: {', '.join(sorted(COMMANDS))}.")
    places = paths.from_environment(environ)
    lima = Lima(find_engine(environ, places), places, environ, vm=names.vm_name(vm))
    argv = lima.resolve(make(places, vm))
    ledger.append(places, ledger.Entry(argv, vm, ended="terminal"))
    return argv, {**lima.environment(network=True), **TERMINAL}


def become(environ: Mapping[str, str], vm: str, command: str) -> None:
    """Turn this process into the command. Returns only by an error: those of above, and OSError."""
    argv, env = argv_and_environment(environ, vm, command)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a program would inherit that
        signal.signal(number, signal.SIG_DFL)
    os.execve(argv[0], argv, env)  # noqa: S606


def keeper_environment(environ: Mapping[str, str], places: Paths) -> dict[str, str]:
    """The environment of the keeper: nothing but what `become` needs; no session, no agent socket."""
    kept = {name: value for name, value in environ.items() if name in HANDED_DOWN or name.startswith(DEMO_FAULTS)}
    return paths.child_environment(environ, places, kept)


def _shell(places: Paths, vm: str) -> tuple[str, ...]:
    from dvmweb.config.store import ConfigStore

    return entering.enter(names.instance_name(vm), ConfigStore(places).read(vm).guest_code_dir)


COMMANDS: dict[str, Callable[[Paths, str], tuple[str, ...]]] = {"shell": _shell}
