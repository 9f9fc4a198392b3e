"""Restores an entry of the trash: under the name it had, or another one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from dvmweb import files
from dvmweb.config.store import ConfigStore
from dvmweb.config.validate import port_conflicts
from dvmweb.errors import ConfigError, DvmError, NotNow, UsageError
from dvmweb.guest_text import in_prose
from dvmweb.jobs import engine_lock, removing, starting
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import EDIT
from dvmweb.names import VM_LENGTH, check_socket_path, instance_name, vm_name
from dvmweb.paths import Paths
from dvmweb.records import trash_records
from dvmweb.verbs.trash.listing import Entry, entries_of, find
from dvmweb.verbs.vms import Vms


class NameTaken(NotNow):
    """Another VM has the name, or a config of it."""


@dataclass(frozen=True)
class Restored:
    """A VM that was restored."""

    vm: str
    notes: tuple[str, ...]  # what is different from before


def restore(vms: Vms, word: str, new: str = "") -> Restored:
    """Restore the entry `word`, as VM `new` or under its old name. The VM is stopped afterwards.

    Raises NotFound, NotNow if the name is taken or the entry is not stopped, UsageError if a name or a config is
    needed, VmBusy, LimaError. Then nothing was changed.
    """
    lima = vms.lima()
    with engine_lock.moves(vms.paths):
        listing = lima.list()
        entry = find(entries_of(vms.paths, listing), word)
        name = vm_name(new or entry.record.vm) if new or entry.record.vm else ""
        if not name:
            raise UsageError(
                f"The name that {entry.name} had is not known.",
                f"Choose one: `dvm trash restore {entry.name} --as NAME`",
            )
        check_socket_path(str(vms.paths.lima_home), name)
        lock = starting.take(vms.paths, name, even_half=True)  # a restore also ends a rewind that was interrupted
        try:
            if listing.find(instance_name(name)) is not None or removing.has_instance(vms.paths, name):
                raise NameTaken(
                    f"There is a VM {name}, so {entry.name} is not restored under this name.",
                    f"Choose another name: `dvm trash restore {entry.name} --as NAME`",
                )
            _must_be_stopped(entry)
            return _restore(vms.paths, lima, entry, name)
        finally:
            lock.release()


def free_name(paths: Paths, vm: str) -> str:
    """A name under which an entry can be restored: that of its `vm` if no other has it, else with a number; asks no
    engine. "" stays "".
    """
    if not vm or not removing.has_instance(paths, vm):
        return vm  # its own config may still exist
    for number in count(2):
        end = f"-{number}"
        name = vm[: VM_LENGTH - len(end)].rstrip("-") + end
        if not paths.vm_config(name).exists() and not removing.has_instance(paths, name):
            return name
    raise AssertionError


def _must_be_stopped(entry: Entry) -> None:
    if entry.instance.status != "Stopped":
        status = in_prose(entry.instance.status or "not readable", 40)
        why = f": {'; '.join(entry.instance.errors)}" if entry.instance.errors else ""
        raise NotNow(
            f"{entry.name} is {status}, and only a stopped VM can be restored{why}",
            f"If it is Running, stop it: `limactl stop {entry.instance.name}`",
        )


def _restore(paths: Paths, lima: Lima, entry: Entry, name: str) -> Restored:
    """Write the config, rename, put the records back; the locks of the trash and of the VM are held."""
    written, notes = _write_config(paths, entry, name)
    record = replace(entry.record, restored_as=name)
    is_recorded = bool(record.at)
    try:
        if is_recorded:
            trash_records.rewrite(paths, record)
        engine_lock.run(paths, lima, commands.rename(entry.instance.name, instance_name(name)), EDIT)
    except BaseException:
        if written is not None:
            written.unlink(missing_ok=True)
        raise
    removing.forget(paths, name)  # the records of an earlier VM of this name
    other = trash_records.put_back(paths, entry.name, name)
    trash_records.forget(paths, entry.name)
    changed = _about_copy(name, other) if other else _about_name(entry, name)
    return Restored(name, (*notes, *_about_ports(paths, name), *changed))


def _write_config(paths: Paths, entry: Entry, name: str) -> tuple[Path | None, tuple[str, ...]]:
    """Write the config of the entry if the VM has none; the written file, and notes. Raises UsageError, NotNow."""
    path, kept, old = paths.vm_config(name), trash_records.config_of(paths, entry.name), entry.record.vm
    text = kept if kept is None or old == name else ConfigStore(paths).text_for(old, name, kept)
    if not path.exists():
        if text is None:
            raise UsageError(
                f"The config of {entry.name} is not known: its record in the state folder is gone.",
                f"Write one first, then restore: `dvm init {name}`, `dvm trash restore {entry.name} --as {name}`",
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_whole(path, text, expected="")
        return path, (f"Its config is that of the day it was deleted: {path}",)
    if text is None:
        code_dir = ConfigStore(paths).read(name).code_dir
        return None, (
            f"Its config of that day is not known. Checks for unsaved work cover {code_dir}, as {path} says: "
            "if its work is elsewhere, change `code_dir` there.",
        )
    if text == ConfigStore(paths).source(name)[0]:
        return None, ()
    if name != old:
        raise NameTaken(
            f"There is a config {path} of another VM, so {entry.name} is not restored under this name.",
            f"Choose another name: `dvm trash restore {entry.name} --as NAME`",
        )
    place = files.private_folder(paths.state / "removed-configs") / f"{entry.name}.yaml"
    files.write_whole(place, text)
    return None, (f"Its config has changed since it was deleted. The text of that day is kept in {place}",)


def _about_ports(paths: Paths, name: str) -> tuple[str, ...]:
    store = ConfigStore(paths)
    try:
        config = store.read(name)
    except ConfigError as error:
        return (f"Its config has errors: {error.what}",)
    others = []
    for other in store.names():
        if other != name:
            try:
                others.append(store.read(other))
            except DvmError:  # a broken config of another VM is reported by `dvm ls`
                continue
    found = port_conflicts(config, others)
    return tuple(f"Its config must be changed before it starts: {what}. {todo}" for _, what, todo in found)


def _about_name(entry: Entry, name: str) -> tuple[str, ...]:
    if name == entry.record.vm:
        return ()
    old = entry.record.vm or "before"
    return (
        f"Its host name becomes lima-{instance_name(name)} at the next start. Its code folder and its SSH key stay "
        f"those of {old}. A sync writes the new name into it; until then it cannot be checked for unsaved work.",
    )


def _about_copy(name: str, other: str) -> tuple[str, ...]:
    return (
        f"{other} has the same identity and SSH key, because one of them is a copy. `dvm sync {name}` gives {name} an "
        "identity, a machine id and an SSH key of its own; until then it cannot be checked for unsaved work.",
        f"The key of {other} stays in ~/.ssh/id_ed25519.copied there; to remove it: "
        f"`dvm ssh {name} -- rm .ssh/id_ed25519.copied`",
    )
