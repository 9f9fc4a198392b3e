"""Lists checkpoints: their instances, as Lima reports them, with what is recorded of each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb.errors import NotFound
from dvmweb.guest_text import visible
from dvmweb.jobs.bases.copying import was_started
from dvmweb.lima.disk_use import disk_used, in_words
from dvmweb.lima.instances import Instance, Listing
from dvmweb.names import checkpoint_of_instance
from dvmweb.paths import Paths
from dvmweb.records import checkpoint_records
from dvmweb.records.checkpoint_records import NOTE_LENGTH, CheckpointRecord
from dvmweb.records.trash_records import Work
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint: its instance and what is recorded of it."""

    record: CheckpointRecord
    instance: Instance
    disk: int  # bytes on the host
    was_started: bool = False  # by another program since it was made: it can have changed

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def is_half(self) -> bool:
        """Whether its command was interrupted before it was recorded as complete and protected."""
        return bool(self.record.copy) or not self.instance.protected

    @property
    def note(self) -> str:
        """The user's note, safe to show."""
        return visible(self.record.note, NOTE_LENGTH)

    @property
    def work(self) -> Work | None:
        """What was known of the unsaved work in it; None if it is not known, or was started since."""
        return None if self.was_started else self.record.work

    @property
    def work_line(self) -> str:
        """The same in one line."""
        why = ": it was started since it was made" if self.was_started else ""
        return self.work.summary if self.work else f"not known{why}"

    @property
    def disk_in_words(self) -> str:
        return in_words(self.disk)


def list_checkpoints(vms: Vms, vm: str = "") -> tuple[Checkpoint, ...]:
    """All checkpoints, or those of one VM: by VM, the newest first. Changes nothing."""
    found = checkpoints_of(vms.paths, vms.lima().list())
    return tuple(one for one in found if vm in ("", one.record.vm))


def checkpoints_of(paths: Paths, listing: Listing) -> tuple[Checkpoint, ...]:
    """The checkpoints in a listing."""
    found = [
        Checkpoint(
            checkpoint_records.read(paths, name),
            instance,
            disk_used(Path(instance.directory)),
            was_started(paths, instance.name),
        )
        for instance in listing.instances
        if (name := checkpoint_of_instance(instance.name)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.record.vm, -one.record.at, one.name)))


def find(found: Sequence[Checkpoint], name: str) -> Checkpoint:
    """The checkpoint of this very name. Raises NotFound."""
    for one in found:
        if one.name == name:
            return one
    raise NotFound(f"There is no checkpoint {visible(name, 60)}.", "`dvm checkpoint ls` lists them.")


def chosen(found: Sequence[Checkpoint], vm: str, name: str = "") -> Checkpoint:
    """The checkpoint `name` of a VM, or its newest one. Raises NotFound."""
    ours = [one for one in found if one.record.vm == vm]
    if name:
        one = find(found, name)
        if one not in ours:
            whose = f"It is of {one.record.vm}." if one.record.vm else "Its VM is not known."
            raise NotFound(f"{name} is no checkpoint of {vm}.", f"{whose} `dvm checkpoint ls` lists all.")
        return one
    if not ours:
        todo = f"Make one while {vm} is stopped: `dvm checkpoint {vm}`"
        raise NotFound(f"There is no checkpoint of {visible(vm, 60)}.", todo)
    return ours[0]


def count(paths: Paths) -> int:
    """The number of checkpoints, by their folders; asks no engine."""
    with suppress(OSError):
        return sum(checkpoint_of_instance(path.name) is not None for path in paths.lima_home.iterdir())
    return 0
