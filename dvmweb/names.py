"""The rules for every name that reaches a command line, a path or a page."""

from __future__ import annotations

import re
import secrets

from dvmweb.errors import UsageError

VM_PATTERN = re.compile(r"[a-z](?:-?[a-z0-9])*")
VM_LENGTH = 30  # characters
INSTANCE_PREFIX = "dvm-"
RECIPE_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
PARAM_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
JOB_PATTERN = re.compile(r"[0-9a-f]{32}")
# Lima: LIMA_HOME/NAME/ssh.sock.1234567890123456 must be shorter than UNIX_PATH_MAX
# (108 on Linux, 104 on macOS; shared/lima.md 1.5). The smaller one holds everywhere.
SOCKET_PATH_LENGTH = 104
SOCKET_SUFFIX = "/ssh.sock.1234567890123456"


def vm_name(text: str) -> str:
    """Return `text` when it is a VM name; raise UsageError with the rule otherwise."""
    if len(text) > VM_LENGTH or not VM_PATTERN.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a VM name.",
            "Use a lowercase letter first, then lowercase letters, digits and single hyphens, "
            f"{VM_LENGTH} characters at most.",
        )
    return text


def is_recipe_name(text: str) -> bool:
    """Say whether `text` may name a recipe (and so a file on the shelf)."""
    return len(text) <= 40 and RECIPE_PATTERN.fullmatch(text) is not None


def is_param_name(text: str) -> bool:
    """Say whether `text` may name a recipe param."""
    return len(text) <= 40 and PARAM_PATTERN.fullmatch(text) is not None


def instance_name(vm: str) -> str:
    """The Lima instance of a VM."""
    return INSTANCE_PREFIX + vm_name(vm)


def vm_of_instance(instance: str) -> str | None:
    """The VM behind a Lima instance, or None where the instance is not ours."""
    name = instance.removeprefix(INSTANCE_PREFIX)
    is_ours = instance.startswith(INSTANCE_PREFIX) and len(name) <= VM_LENGTH
    return name if is_ours and VM_PATTERN.fullmatch(name) else None


def check_socket_path(lima_home: str, vm: str) -> None:
    """Raise UsageError when Lima's ssh socket for this VM would not fit into a Unix socket address."""
    length = len(f"{lima_home}/{instance_name(vm)}{SOCKET_SUFFIX}".encode())
    if length >= SOCKET_PATH_LENGTH:
        raise UsageError(
            f"The VM name {vm} is {length - SOCKET_PATH_LENGTH + 1} characters too long for LIMA_HOME {lima_home}: "
            f"Lima's ssh socket path must stay below {SOCKET_PATH_LENGTH} bytes.",
            "Use a shorter name, or set LIMA_HOME to a shorter folder.",
        )


def new_id() -> str:
    """A fresh 128-bit id in hex: jobs, nonces, instance ids."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Say whether `text` is an id as `new_id` makes them."""
    return JOB_PATTERN.fullmatch(text) is not None
