"""Every command line for limactl and ssh, as tuples; the client replaces `limactl` by the engine's program."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvmweb.errors import UsageError
from dvmweb.lima.engine import Engine

LIMACTL = "limactl"
NO_QUESTIONS = "--tty=false"  # the default is "stdout is a terminal", and then limactl asks questions and opens editors
CONNECT_SECONDS = 10
# Lima's rule (pkg/identifiers), for unmanaged instances; the rule in dvmweb.names is narrower.
INSTANCE_PATTERN = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
KEY_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)*")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def version() -> tuple[str, ...]:
    """Print the version."""
    return (LIMACTL, "--version")


def list_all() -> tuple[str, ...]:
    """List all instances, one JSON object per line; faster than `--json`, which runs yq."""
    return (LIMACTL, "list", NO_QUESTIONS, "--format", "{{json .}}")


def create(file: str, instance: str) -> tuple[str, ...]:
    """Create `instance` from the lima.yaml at the absolute path `file`."""
    return (LIMACTL, "create", NO_QUESTIONS, f"--name={_checked(instance)}", _absolute(file))


def start(instance: str, timeout_seconds: int) -> tuple[str, ...]:
    """Start an instance and wait for READY. It must exist: Lima would create an unknown one with the home mounted."""
    return (LIMACTL, "start", NO_QUESTIONS, f"--timeout={timeout_seconds}s", _checked(instance))


def stop(instance: str) -> tuple[str, ...]:
    """Shut down; can take three minutes while the guest boots."""
    return (LIMACTL, "stop", NO_QUESTIONS, _checked(instance))


def stop_force(instance: str) -> tuple[str, ...]:
    """Kill. Unwritten data in the guest is lost; the caller must end terminals and the SSH master."""
    return (LIMACTL, "stop", NO_QUESTIONS, "-f", _checked(instance))


def edit(instance: str, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Set keys of the instance's lima.yaml: dotted key -> plain data, which reaches yq as JSON."""
    for key in changes:
        if not KEY_PATTERN.fullmatch(key):
            raise UsageError(f"{key!r} is not a key of lima.yaml.", "Use a dotted name such as firmware.legacyBIOS.")
    assignments = [f".{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in changes.items()]
    return (LIMACTL, "edit", NO_QUESTIONS, "--set", " | ".join(assignments), _checked(instance))


def delete(instance: str) -> tuple[str, ...]:
    """Delete a stopped instance."""
    return (LIMACTL, "delete", NO_QUESTIONS, _checked(instance))


def delete_force(instance: str) -> tuple[str, ...]:
    """Delete an instance in any state."""
    return (LIMACTL, "delete", NO_QUESTIONS, "-f", _checked(instance))


def clone(instance: str, new: str) -> tuple[str, ...]:
    """Copy a stopped instance; the copy's ssh.config points at its origin until its first start."""
    return (LIMACTL, "clone", NO_QUESTIONS, _checked(instance), _checked(new))


def rename(instance: str, new: str) -> tuple[str, ...]:
    """Rename a stopped instance."""
    return (LIMACTL, "rename", NO_QUESTIONS, _checked(instance), _checked(new))


def protect(instance: str) -> tuple[str, ...]:
    """Make Lima refuse to delete it."""
    return (LIMACTL, "protect", NO_QUESTIONS, _checked(instance))


def unprotect(instance: str) -> tuple[str, ...]:
    """Remove the protection."""
    return (LIMACTL, "unprotect", NO_QUESTIONS, _checked(instance))


def shell(instance: str, command: Sequence[str] = (), workdir: str = "") -> tuple[str, ...]:
    """Run `command` in a login shell of the guest, or open one; `workdir` is a guest path.

    The command runs through `env`, because limactl treats leading words with `=` as assignments, unquoted.
    """
    options = (NO_QUESTIONS, f"--workdir={_guest_path(workdir)}") if workdir else (NO_QUESTIONS,)
    return (LIMACTL, "shell", *options, _checked(instance), *(("--", "env", *_command(command)) if command else ()))


def ssh(
    engine: Engine, lima_home: Path, instance: str, command: Sequence[str], *, fresh: bool = False
) -> tuple[str, ...]:
    """Run `command` over plain ssh, in a third of the time of `limactl shell`; not in a login shell.

    `fresh` opens a new connection, because a shared one can be dead unnoticed.
    """
    options = ("-o", "LogLevel=ERROR", "-o", f"ConnectTimeout={CONNECT_SECONDS}")
    own = ("-o", "ControlPath=none") if fresh else ()
    checked = _command(command)
    words = shlex.join(("env", *checked) if "=" in checked[0] else checked)  # else the shell reads it as an assignment
    return (*_ssh(engine, lima_home, instance), *options, *own, ssh_alias(instance), "--", words)


def ssh_exit(engine: Engine, lima_home: Path, instance: str) -> tuple[str, ...]:
    """End the shared connection of an instance."""
    options = ("-o", "LogLevel=ERROR", "-O", "exit")
    return (*_ssh(engine, lima_home, instance), *options, ssh_alias(instance))


def ssh_forward(
    engine: Engine, lima_home: Path, instance: str, verb: str, host_port: int, guest_port: int
) -> tuple[str, ...]:
    """Open (`forward`) or close (`cancel`) a port on the shared connection: 127.0.0.1 here to 127.0.0.1 there."""
    ports = f"127.0.0.1:{host_port:d}:127.0.0.1:{guest_port:d}"
    options = ("-o", "LogLevel=ERROR", "-O", verb, "-L", ports)
    return (*_ssh(engine, lima_home, instance), *options, ssh_alias(instance))


def ssh_alias(instance: str) -> str:
    """The Host of an instance in its ssh.config, which is also the guest's host name."""
    return "lima-" + re.sub(r"[._]", "-", _checked(instance))


def ssh_config(lima_home: Path, instance: str) -> Path:
    """The path of its ssh.config, which Lima writes at each start. A clone has its origin's until its first start."""
    return lima_home / _checked(instance) / "ssh.config"


def _ssh(engine: Engine, lima_home: Path, instance: str) -> tuple[str, ...]:
    return (*engine.ssh, "-F", str(ssh_config(lima_home, instance)))


def _checked(instance: str) -> str:
    if len(instance) > 76 or not INSTANCE_PATTERN.fullmatch(instance) or instance.lower().endswith((".yml", ".yaml")):
        raise UsageError(f"{instance!r} is not the name of a Lima instance.", "List the names with `limactl list`.")
    return instance


def _command(command: Sequence[str]) -> tuple[str, ...]:
    if not command or not command[0] or command[0].startswith("-"):
        first = repr(command[0]) if command else "nothing"
        raise UsageError(f"The command begins with {first}.", "Begin with the name of a program.")
    for word in command:
        if "\0" in word:
            raise UsageError("The command contains a NUL byte.", "Remove it; no program accepts one.")
    return tuple(command)


def _absolute(path: str) -> str:
    if not path.startswith("/") or CONTROL.search(path):
        raise UsageError(
            f"{path!r} is not an absolute path.", "Write the whole path, from `/`, without odd characters."
        )
    return path


def _guest_path(path: str) -> str:
    if not path.startswith("/") or CONTROL.search(path):
        raise UsageError(
            f"{path!r} is not an absolute path in the guest.", "Write the whole path, such as /home/dev/x."
        )
    return path
