"""Renames a VM: its instance, its config and its records. An interrupted rename is finished by the same command."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path

from dvmweb import files
from dvmweb.config.store import ConfigStore
from dvmweb.config.stray_files import no_config
from dvmweb.errors import DvmError, NotNow, UsageError
from dvmweb.guest_text import in_prose
from dvmweb.jobs import engine_lock, removing, starting
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import EDIT, LIST
from dvmweb.lima.instances import Instance, Listing
from dvmweb.names import check_socket_path, instance_name, vm_name
from dvmweb.paths import Paths
from dvmweb.records import checkpoint_records, renames
from dvmweb.records.renames import Renaming
from dvmweb.verbs.vms import Vms

LEFT = (*removing.LOCKS, "ssh-route", "sessions")  # in the state folder of a VM: belong to the name


def rename(vms: Vms, old: str, new: str) -> tuple[str, ...]:
    """Rename a stopped VM, or one that is not created; return what is different, as sentences.

    Raises NotFound, UsageError for a name, NotNow if the new name is taken or the VM is not stopped, VmBusy, LimaError;
    then nothing was changed.
    """
    paths, lima = vms.paths, vms.lima(old)
    with engine_lock.moves(paths), ExitStack() as held:
        begun = renames.interrupted(paths)
        if begun is not None and (begun.old, begun.new) != (old, new):
            raise renames.half(begun)
        if begun is None and not vms.has_config(old):
            raise no_config(paths, old)
        check_socket_path(str(paths.lima_home), vm_name(new))
        last = {}
        for name in (old, new):
            last[name] = starting.take(paths, name)
            held.callback(last[name].release)
        if begun is None:
            begun = _checked(paths, lima, old, new)
            renames.write(paths, begun)
        is_created = _finish(paths, lima, begun)
        os.ftruncate(last[old].descriptor, 0)  # the last job was about the VM that is gone from this name
    return _notes(old, new) if is_created else ()


def _checked(paths: Paths, lima: Lima, old: str, new: str) -> Renaming:
    """The rename, if it can be made."""
    instance = stopped_with_free_name(paths, lima.list(), old, new, "renamed")
    ConfigStore(paths).text_for(old, new, ConfigStore(paths).source(old)[0])  # raises for a config with errors
    return Renaming(old, new, instance is not None and instance.protected)


def stopped_with_free_name(paths: Paths, listing: Listing, old: str, new: str, done: str) -> Instance | None:
    """The instance of `old`, None if it is not created. Raises NotNow if it runs or the name `new` is taken."""
    if paths.vm_config(new).exists() or removing.has_instance(paths, new) or listing.find(instance_name(new)):
        raise NotNow(f"There is a VM {new}.", "Choose another name. Nothing was changed.")
    instance = listing.find(instance_name(old))
    if instance is not None and instance.status != "Stopped":
        status = in_prose(instance.status or "not readable", 40)
        raise NotNow(f"{old} is {status}, and only a stopped VM can be {done}.", f"Stop it first: `dvm stop {old}`")
    return instance


def _finish(paths: Paths, lima: Lima, begun: Renaming) -> bool:
    """Do what is left of a rename; return whether the VM is created."""
    old, new, store = begun.old, begun.new, ConfigStore(paths)
    if not paths.vm_config(new).exists():
        text = store.text_for(old, new, store.source(old)[0])
        paths.vm_config(new).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_whole(paths.vm_config(new), text, expected="")
    if removing.has_instance(paths, old):
        try:
            engine_lock.run(paths, lima, commands.rename(instance_name(old), instance_name(new)), EDIT)
        except DvmError:
            if removing.has_instance(paths, old) and not removing.has_instance(paths, new):  # nothing was renamed
                paths.vm_config(new).unlink(missing_ok=True)
                renames.forget(paths)
            raise
    is_created = removing.has_instance(paths, new)
    if begun.protected and is_created:
        engine_lock.run(paths, lima, commands.protect(instance_name(new)), LIST)
    _move_records(paths.vm_state(old), files.private_folder(paths.vm_state(new)))
    if paths.vm_config(old).is_symlink() or paths.vm_config(old).exists():
        store.delete(old)
    checkpoint_records.rename(paths, old, new)
    renames.forget(paths)
    return is_created


def _move_records(old: Path, new: Path) -> None:
    with suppress(FileNotFoundError):
        for path in old.iterdir():
            if path.name not in LEFT and not path.is_dir():
                path.replace(new / path.name)
    (old / "ssh-route").unlink(missing_ok=True)


def _notes(old: str, new: str) -> tuple[str, ...]:
    return (
        f"Its host name becomes lima-{instance_name(new)} at the next start. Not changed: its code folder, the comment "
        f"of its SSH key, and earlier jobs, which are listed under {old}.",
        f"The next `dvm sync {new}` writes the new name into it; until then it cannot be checked for unsaved work.",
    )


def must_differ(old: str, new: str) -> None:
    """Raise UsageError for a new name that is not valid, or is the old one."""
    if vm_name(new) == old:
        raise UsageError(f"{new} is its name already.", "Choose another name.")
