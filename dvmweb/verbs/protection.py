"""Protects a VM from its deletion, by the mark that Lima keeps in the instance; Lima itself refuses too."""

from __future__ import annotations

from dvmweb import states
from dvmweb.errors import DvmError, NotFound
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import LIST
from dvmweb.lima.instances import has_protection
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.verbs import configs
from dvmweb.verbs.vms import Vms


def protect(vms: Vms, name: str, *, on: bool) -> bool:
    """Protect a VM, or remove its protection; return whether that was necessary.

    Raises NotFound for a VM that is not created, LimaError, and DvmError if Lima does not report the change.
    """
    configs.must_have_config(vms.paths, name)
    lima, instance = vms.lima(name), instance_name(name)
    if _is_protected(lima, name) == on:
        return False
    lima.must(commands.protect(instance) if on else commands.unprotect(instance), LIST)
    if _is_protected(lima, name) != on:
        state = "not protected" if on else "still protected"
        raise DvmError(f"{name} is {state} after the command succeeded.", f"Check the folder of {instance} in Lima.")
    return True


def refuse_protected(paths: Paths, name: str) -> None:
    """Raise the error of a delete if the VM is protected, by the folder of its instance; asks no engine."""
    if is_marked(paths, name):
        raise states.protected(name)


def is_marked(paths: Paths, name: str) -> bool:
    """Whether the folder of the instance has Lima's mark of protection; asks no engine."""
    return has_protection(paths.lima_home / instance_name(name))


def _is_protected(lima: Lima, name: str) -> bool:
    found = lima.find(instance_name(name))
    if found is None:
        raise NotFound(f"{name} is not created, so there is nothing to protect.", f"Create it with `dvm sync {name}`.")
    return found.protected
