"""Lists the entries of the trash: their instances, as Lima reports them, with what is recorded of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb.errors import NotFound
from dvmweb.guest_text import visible
from dvmweb.lima.disk_use import disk_used, in_words
from dvmweb.lima.instances import Instance, Listing
from dvmweb.names import entry_instance, entry_of_instance, new_entry
from dvmweb.paths import Paths
from dvmweb.records import trash_records
from dvmweb.records.trash_records import TrashRecord
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class Entry:
    """One entry: its instance and what is recorded of it."""

    record: TrashRecord
    instance: Instance
    disk: int  # bytes on the host

    @property
    def name(self) -> str:
        return self.record.entry

    @property
    def is_half(self) -> bool:
        """Whether its move to the trash was interrupted before it was protected."""
        return not self.instance.protected

    @property
    def work_line(self) -> str:
        """What was known of its unsaved work, in one line."""
        return self.record.work.summary if self.record.work else "not known"

    @property
    def disk_in_words(self) -> str:
        return in_words(self.disk)

    @property
    def losses(self) -> tuple[str, ...]:
        """What is lost with it, line by line."""
        work = self.record.work
        lines = work.lines if work else ("Its unsaved work is not known.",)
        return (*lines, f"{self.disk_in_words} of disk, with packages, databases and keys in it.")


def entry_for(vms: Vms, name: str) -> str:
    """A new entry for a VM that is to be moved to the trash."""
    return new_entry(str(vms.paths.lima_home), name)


def list_entries(vms: Vms) -> tuple[Entry, ...]:
    """All entries, the one that expires first at first. Changes nothing."""
    return entries_of(vms.paths, vms.lima().list())


def entries_of(paths: Paths, listing: Listing) -> tuple[Entry, ...]:
    """The entries in a listing."""
    found = [
        Entry(trash_records.read(paths, entry), instance, disk_used(Path(instance.directory)))
        for instance in listing.instances
        if (entry := entry_of_instance(instance.name)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.record.at, one.name)))


def find(entries: Sequence[Entry], word: str) -> Entry:
    """The entry of this name, or of the VM of this name if it is the only one. Raises NotFound."""
    exact = [one for one in entries if one.name == word]
    found = exact or [one for one in entries if one.record.vm == word]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise NotFound(f"There are {len(found)} entries of {word} in the trash.", f"Name one of them: {names}")
    raise NotFound(f"There is no entry {visible(word, 60)} in the trash.", "`dvm trash ls` lists them.")


def count(vms: Vms) -> int:
    """The number of entries, by their folders; asks no engine."""
    with suppress(OSError):
        return sum(entry_of_instance(path.name) is not None for path in vms.paths.lima_home.iterdir())
    return 0


def expired_note(vms: Vms) -> str:
    """A sentence about expired entries and their disk, "" if there are none; asks no engine."""
    found = [
        folder
        for entry in trash_records.expired(vms.paths, time.time())
        if (folder := vms.paths.lima_home / entry_instance(entry)).is_dir()
    ]
    if not found:
        return ""
    entries = "1 entry of the trash has" if len(found) == 1 else f"{len(found)} entries of the trash have"
    used = in_words(sum(map(disk_used, found)))
    return f"{entries} expired and use {used} of disk. To delete: `dvm trash empty --expired --yes`"
