"""Clones a stopped VM: a copy of its disk, with a config, ports and an identity of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from dvmweb import files, names
from dvmweb.config.fields import DASHBOARD_PORTS
from dvmweb.config.model import VmConfig
from dvmweb.config.store import ConfigStore
from dvmweb.config.stray_files import no_config
from dvmweb.errors import DvmError, NotFound
from dvmweb.jobs import copy_ends, engine_lock, removing, starting
from dvmweb.jobs.bases import copying
from dvmweb.jobs.inputs import write_note
from dvmweb.lima import commands
from dvmweb.lima.client import Lima
from dvmweb.lima.deadlines import CREATE, EDIT
from dvmweb.lima.disk_use import must_fit
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.records.kept_records import COPY_OF
from dvmweb.verbs.renaming import stopped_with_free_name
from dvmweb.verbs.vms import Vms

FILE = "clone.json"  # in the state folder while a clone is made, or after that was interrupted


@dataclass(frozen=True)
class Begun:
    """A clone that has begun: its new VM, its temporary instance, and the digest of the config that was written."""

    new: str
    instance: str
    config: str = ""


def clone(vms: Vms, old: str, new: str) -> tuple[str, ...]:
    """Clone the stopped VM `old` as `new`; return what is different, as sentences.

    Raises NotFound, UsageError for a name, NotNow if the name is taken, the VM is not stopped or the disk is too small,
    ConfigError, VmBusy, LimaError; then there is no clone.
    """
    paths, lima = vms.paths, vms.lima(new)
    names.check_socket_path(str(paths.lima_home), names.vm_name(new))
    if not vms.has_config(old):
        raise no_config(paths, old)
    with engine_lock.moves(paths), ExitStack() as held:
        for name in (old, new):
            held.callback(starting.take(paths, name).release)
        left = _remove_left(paths, lima)
        _check(paths, lima, old, new)
        text, ports = _config(paths, old, new)
        begun = Begun(new, names.new_clone())
        _record(paths, begun)
        try:
            _make(paths, lima, old, begun, text)
        except BaseException:
            with suppress(DvmError):
                _remove_left(paths, lima)
            raise
        _forget(paths)
    return (*left, *_notes(old, new), *ports)


def note(paths: Paths) -> str:
    """A sentence about an interrupted clone, "" if there is none."""
    begun = _interrupted(paths)
    return f"The clone {begun.new} was interrupted. To remove what is left of it: `dvm trash ls`" if begun else ""


def copy_of_begun(paths: Paths) -> str:
    """The instance of a clone that runs or was interrupted, "" if there is none."""
    begun = _interrupted(paths)
    return begun.instance if begun else ""


def remove_left(vms: Vms) -> tuple[str, ...]:
    """Remove what an interrupted clone left; sentences about it. The lock of the trash must be held."""
    return _remove_left(vms.paths, vms.lima())


def _check(paths: Paths, lima: Lima, old: str, new: str) -> None:
    instance = stopped_with_free_name(paths, lima.list(), old, new, "cloned")
    if instance is None:
        raise NotFound(f"{old} is not created, so there is nothing to clone.", f"Create it with `dvm sync {old}`.")
    copying.refuse_half(paths, old, instance)
    must_fit("The clone", paths.lima_home / instance.name)


def _config(paths: Paths, old: str, new: str) -> tuple[bytes, tuple[str, ...]]:
    """The config of the clone, with other host ports than those of any VM; and sentences about them."""
    store = ConfigStore(paths)
    config = store.read(old)
    taken = {*DASHBOARD_PORTS, *(port.host_port for one in _configs(store) for port in one.ports)}
    chosen, notes = [], []
    for port in config.ports:
        free = next(number for number in range(port.host_port + 1, 65536) if number not in taken)
        taken.add(free)
        chosen.append(f"{free}:{port.guest_port}")
        notes.append(f"Port {port.guest_port} of {new} is host port {free}, because {old} has {port.host_port}.")
    text = store.text_for(old, new, store.source(old)[0], tuple(chosen) if chosen else None)
    return text, tuple(notes)


def _configs(store: ConfigStore) -> Iterator[VmConfig]:
    for name in store.names():
        with suppress(DvmError):  # a broken config of another VM must not prevent this
            yield store.read(name)


def _make(paths: Paths, lima: Lima, old: str, begun: Begun, text: bytes) -> None:
    """Copy to an instance that is not a VM yet, then give it config and name: a half copy is never a VM."""
    engine_lock.run(paths, lima, commands.clone(instance_name(old), begun.instance), CREATE)
    path = paths.vm_config(begun.new)
    _record(paths, Begun(begun.new, begun.instance, files.digest(text)))
    files.write_whole(path, text, expected="")
    removing.forget_all(paths, begun.new)
    write_note(paths, begun.new, COPY_OF, old)
    engine_lock.run(paths, lima, commands.rename(begun.instance, instance_name(begun.new)), EDIT)


def _remove_left(paths: Paths, lima: Lima) -> tuple[str, ...]:
    """Remove the instance and the config of a clone that was interrupted."""
    begun = _interrupted(paths)
    if begun is None:
        return ()
    if removing.has_instance(paths, begun.new) and not (paths.lima_home / begun.instance).exists():
        _forget(paths)
        return (f"The clone {begun.new} was interrupted after its last step: it is complete.",)
    copy_ends.remove_copy(paths, lima, begun.instance)
    path = paths.vm_config(begun.new)
    with suppress(FileNotFoundError, DvmError):
        if begun.config and files.digest(files.read_bounded(path, files.CONFIG_BYTES)) == begun.config:
            path.unlink()
    _forget(paths)
    return (f"An interrupted clone was removed: {begun.new}.",)


def _interrupted(paths: Paths) -> Begun | None:
    with suppress(FileNotFoundError, DvmError, ValueError, TypeError, KeyError):
        facts = json.loads(files.read_bounded(paths.state / FILE, 10_000))
        begun = Begun(names.vm_name(str(facts["new"])), str(facts["instance"]), str(facts["config"]))
        return begun if names.is_clone(begun.instance) else None
    return None


def _record(paths: Paths, begun: Begun) -> None:
    files.write_whole(files.private_folder(paths.state) / FILE, json.dumps(vars(begun)).encode())


def _forget(paths: Paths) -> None:
    (paths.state / FILE).unlink(missing_ok=True)


def _notes(old: str, new: str) -> tuple[str, ...]:
    return (
        f"It has everything that {old} has, also its logins, its secrets and its SSH key.",
        f"`dvm sync {new}` gives it an identity, a machine id and an SSH key of its own. The key of {old} stays in "
        f"~/.ssh/id_ed25519.copied there; to remove it: `dvm ssh {new} -- rm .ssh/id_ed25519.copied`",
    )
