"""`limactl`: parses the command line, runs the command and returns its exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from dvmweb.demo import effective, listing, options, store
from dvmweb.demo.faults import with_fault
from dvmweb.demo.logs import Fatal, Log, Plain
from dvmweb.demo.options import Call

_USAGE = "limactl of the demo engine of dvmweb. Commands: " + " ".join(options.COMMANDS)
_HIDDEN = [
    "BASH*",
    "DISPLAY",
    "DYLD_*",
    "EUID",
    "FPATH",
    "GID",
    "GROUP",
    "HOME",
    "HOSTNAME",
    "LD_*",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "SSH_*",
    "TERM",
    "TERMINFO",
    "TMPDIR",
    "UID",
    "USER",
    "XAUTHORITY",
    "XDG_*",
    "ZDOTDIR",
    "ZSH*",
    "_*",
]


def run(arguments: tuple[str, ...]) -> int:
    """Run one limactl call and return its exit code."""
    log = Log()
    try:
        call = options.parse(arguments)
        style = call.value("log-format", "text")
        if style not in ("text", "json"):
            raise Fatal(f"unsupported log-format: `{style}`")
        log.style = style
        return _command(call, log)
    except Fatal as error:
        log.line("fatal", error.message)
        return 1
    except Plain as error:
        print(error.message, file=sys.stderr)
        return error.code


def _command(call: Call, log: Log) -> int:
    if call.has("version"):
        print(f"limactl version {store.VERSION}")
        return 0
    if call.has("help") or not call.command:
        print(_USAGE)
        return 0
    home = store.lima_home()
    return with_fault(home, call.command, _work(call, home, log))


def _work(call: Call, home: Path, log: Log) -> Callable[[], int]:
    # Each command loads only what it needs: `list` and `shell` are called very often.
    match call.command:
        case "list":
            return lambda: listing.list_instances(call, home, log)
        case "info":
            return lambda: info(home)
        case "shell":
            from dvmweb.demo.guest import shell

            return lambda: shell.shell(call, home, log)
        case "copy":
            from dvmweb.demo import copying

            return lambda: copying.copy(call, home, log)
        case "validate":
            from dvmweb.demo import validation

            return lambda: validation.validate(call.words, log)
    return _changing(call, home, log)


def _changing(call: Call, home: Path, log: Log) -> Callable[[], int]:
    from dvmweb.demo import creating, lifecycle

    creating.check_writable(home)
    commands: dict[str, Callable[[], int]] = {
        "create": lambda: creating.create(call, home, log),
        "edit": lambda: creating.edit(call, home, log),
        "clone": lambda: creating.clone(call, home),
        "rename": lambda: creating.rename(call, home),
        "protect": lambda: creating.protect(call, home, log, on=True),
        "unprotect": lambda: creating.protect(call, home, log, on=False),
        "start": lambda: lifecycle.start(call, home, log),
        "stop": lambda: lifecycle.stop(call, home, log),
        "restart": lambda: lifecycle.restart(call, home, log),
        "delete": lambda: lifecycle.delete(call, home, log),
        "factory-reset": lambda: lifecycle.factory_reset(call, home, log),
    }
    return commands[call.command]


def info(home: Path) -> int:
    """`limactl info`."""
    template = effective.fill(effective.merge({}, {}, {}), home / "default")
    facts = {
        "version": f"v{store.VERSION}",
        "templates": [{"name": name, "location": f"demo:{name}"} for name in ("_images/debian", "_images/fedora")],
        "defaultTemplate": template,
        "limaHome": str(home),
        "vmTypes": [effective.vm_type()],
        "vmTypesEx": {effective.vm_type(): {"location": "internal"}},
        "guestAgents": {effective.host_arch(): {"location": "demo:none"}},
        "shellEnvBlock": _HIDDEN,
        "hostOS": "darwin" if sys.platform == "darwin" else "linux",
        "hostArch": effective.host_arch(),
        "identityFile": f"{home}/_config/user",
        "plugins": None,
        "libexecPaths": None,
        "sharePaths": ["demo"],
    }
    print(json.dumps(facts, indent=4, ensure_ascii=False))
    return 0
