"""Finds files beside the configs that are not read, and what a name without a config can mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dvmweb import names
from dvmweb.errors import DvmError, NotFound, Problem, UsageError
from dvmweb.guest_text import visible
from dvmweb.paths import Paths

SUFFIX = ".yaml"
# Backups and temporary files. They are mentioned only if the user asks for that name.
KEPT = re.compile(r"#?(?P<stem>.+?)\.ya?ml(?:~|#|\.(?!txt$)[^/]*)", re.IGNORECASE | re.DOTALL)
MEANT = re.compile(r"(?P<stem>.+?)\.ya?ml(?:\.txt)?", re.IGNORECASE | re.DOTALL)
SHARED = ("config", "lima")  # files of the parent folder


@dataclass(frozen=True)
class Unread:
    """A file that is not read: the VM that it seems to be for, why it is not read, and what to do."""

    path: Path
    name: str  # "" if it is for no VM
    what: str
    todo: str
    is_quiet: bool = False  # mention it only if the user asks for that VM


def files(paths: Paths) -> tuple[Unread, ...]:
    """Files that are not read in the folder of configs and its parent, sorted. Raises UsageError if one is closed."""
    above = (_above(paths, path) for path in _entries(paths.config) if path.is_file())
    configs = (_config(path) for path in entries(paths))
    return tuple(sorted((one for one in (*above, *configs) if one is not None), key=lambda one: one.path))


def problems(paths: Paths) -> tuple[Problem, ...]:
    """The files to report always, as problems."""
    return tuple(Problem("", one.what, one.todo, visible(str(one.path))) for one in files(paths) if not one.is_quiet)


def entries(paths: Paths) -> tuple[Path, ...]:
    """The entries of the folder of configs, except hidden files. Raises UsageError if it cannot be read."""
    return _entries(paths.config / "vms")


def is_config(path: Path) -> bool:
    """Whether a file of that folder is the config of a VM, by its name."""
    return path.suffix == SUFFIX and _is_name(path.stem)


def no_config(paths: Paths, name: str) -> DvmError:
    """The error for a name without a config: what it is instead, and what to do. `name` can be any text."""
    if error := meant(paths, name):
        return error
    return _nothing(name) if _is_name(name) else _bad_name(name)


def meant(paths: Paths, name: str) -> DvmError | None:
    """The error for a name that is a file that is not read, or a Lima instance; None for neither."""
    if not _is_name(name):
        return _lima_instance(paths, name)
    path = paths.vm_config(name)
    if path.is_symlink():
        return UsageError(f"{path} is a link that leads nowhere.", f"Fix the link, or remove it: rm {path}")
    if found := _of_name(paths, name):
        return NotFound(f"There is no VM {name}: {found.path} {found.what}.", found.todo)
    return _lima_instance(paths, name) or _other_engine(paths, name)


def why_not_new(paths: Paths, name: str) -> UsageError | None:
    """Why a new config cannot have this name: a file that is not read or a Lima instance has it; None if it can."""
    found = _of_name(paths, name)
    if found is not None and not found.is_quiet:
        return UsageError(f"{found.path} already exists, and it {found.what}.", found.todo)
    error = _lima_instance(paths, name) if name.startswith(names.INSTANCE_PREFIX) else None
    return UsageError(error.what, error.todo) if error else None


def _entries(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}.", "Make it a readable folder.") from error


def _of_name(paths: Paths, name: str) -> Unread | None:
    """The file that is most likely meant for this VM, None for none."""
    found = [one for one in files(paths) if one.name == name]
    return min(found, key=lambda one: one.is_quiet, default=None)


def _config(path: Path) -> Unread | None:
    """Why a file in the folder of configs is not read; None for a config and for names that no config can have."""
    if is_config(path):
        return None
    kept = KEPT.fullmatch(path.name)
    match = kept or MEANT.fullmatch(path.name)
    if match is None:
        is_bare = _is_name(path.name)
        return _renamed(path, path.name, is_quiet=True) if is_bare else None
    return _renamed(path, match["stem"], is_quiet=kept is not None)


def _renamed(path: Path, stem: str, *, is_quiet: bool) -> Unread:
    name = next((one for one in (stem, stem.lower()) if _is_name(one)), "")
    what = "is a folder and not read" if path.is_dir() else "is not read"
    if not name:
        rule = _bad_name(stem)
        return Unread(path, "", f"{what}: {visible(rule.what.rstrip('.'))}", rule.todo, is_quiet)
    right = path.with_name(name + SUFFIX)
    if right.exists() and not right.samefile(path):
        return Unread(path, name, what, f"{right.name} is read. Delete this one, or move it elsewhere.", is_quiet)
    if path.is_dir():
        return Unread(path, name, what, f"A config is a file: move the folder away, then write {right}.", is_quiet)
    return Unread(path, name, what, f"Rename it to {right.name}.", is_quiet)


def _above(paths: Paths, path: Path) -> Unread | None:
    """Why a file in the parent folder is not read; config.yaml and lima.yaml are read there, configs of VMs are not."""
    match = MEANT.fullmatch(path.name)
    if match is None or (path.suffix == SUFFIX and path.stem in SHARED):
        return None
    stem = match["stem"].lower()
    if stem in SHARED:
        right = path.with_name(stem + SUFFIX)
        is_taken = right.exists() and not right.samefile(path)
        todo = f"{right.name} is read. Delete this one." if is_taken else f"Rename it to {right.name}."
        return Unread(path, "", "is not read", todo)
    if not _is_name(stem):
        return None
    right = paths.vm_config(stem)
    todo = f"{right} is read. Delete this one." if right.exists() else f"Move it to {right}."
    return Unread(path, stem, "is not read there", todo)


def _is_name(text: str) -> bool:
    return len(text) <= names.VM_LENGTH and names.VM_PATTERN.fullmatch(text) is not None


def _bad_name(text: str) -> UsageError:
    try:
        names.vm_name(text)
    except UsageError as error:
        return error
    raise AssertionError(text)


def _lima_instance(paths: Paths, name: str) -> DvmError | None:
    """The error for a name that is that of a Lima instance, or whose instance exists without a config."""
    try:
        made = {path.name for path in paths.lima_home.iterdir() if path.is_dir()}
    except OSError:
        return None
    if name in made and not name.startswith(("_", ".")):
        return _instance(paths, name)
    if names.INSTANCE_PREFIX + name in made:
        what = f"There is no config of {name}, but its Lima instance {names.INSTANCE_PREFIX}{name} exists."
        return NotFound(what, f"Write its config with `dvm init {name}`, then run `dvm sync {name}`.")
    return None


def _instance(paths: Paths, instance: str) -> NotFound:
    vm = names.vm_of_instance(instance)
    if vm is None:
        what = f"{instance} is a Lima instance that dvm did not create, so dvm does not touch it."
        return NotFound(what, f"Use limactl for it, for example: limactl shell {instance}")
    if paths.vm_config(vm).exists():
        return NotFound(f"{instance} is the Lima instance of the VM {vm}.", f"Use the name of the VM: {vm}")
    what = f"{instance} is a Lima instance without a dvm config, so dvm does not touch it."
    return NotFound(
        what, f"Write one with `dvm init {vm}`, then use the name {vm}; or use limactl: limactl shell {instance}"
    )


def _other_engine(paths: Paths, name: str) -> NotFound | None:
    real = paths.config.parent / "vms" / f"{name}{SUFFIX}"
    if not paths.is_demo or not real.exists():
        return None
    what = f"There is no VM {name} in the demo. {real} is read with Lima only."
    return NotFound(what, f"Install Lima, or create a demo VM with `dvm init {name}`.")


def _nothing(name: str) -> NotFound:
    return NotFound(f"There is no VM {name}.", f"Write its config with `dvm init {name}`. `dvm ls` lists all VMs.")
