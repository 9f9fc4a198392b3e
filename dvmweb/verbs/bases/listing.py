"""Lists bases: their instances, as Lima reports them, with what is recorded of each and why one is not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dvmweb.errors import NotFound
from dvmweb.guest_text import visible
from dvmweb.jobs import starting
from dvmweb.jobs.bases.matching import stale_reasons
from dvmweb.lima.disk_use import disk_used, in_words
from dvmweb.lima.instances import Instance, Listing
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.names import INSTANCE_PREFIX, base_instance, base_of_instance
from dvmweb.paths import Paths
from dvmweb.recipes.bases import Base
from dvmweb.records import bases as records
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class ListedBase:
    """One base: its instance and what is recorded of it."""

    name: str
    record: Base | None  # None: its record in the state folder is gone
    instance: Instance
    disk: int  # bytes on the host
    reasons: tuple[str, ...]  # why it is not used, as parts of a sentence; () if it is

    @property
    def recipes(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.record.recipes) if self.record else ()

    @property
    def disk_in_words(self) -> str:
        return in_words(self.disk)


def list_bases(vms: Vms) -> tuple[ListedBase, ...]:
    """All complete bases, the newest first. Changes nothing. Raises ConfigError for the user's own lima.yaml."""
    return bases_of(vms.paths, vms.lima().list())


def bases_of(paths: Paths, listing: Listing) -> tuple[ListedBase, ...]:
    """The bases in a listing."""
    overlay, found = read_overlay(paths.overlay_file), []
    for instance in listing.instances:
        name = base_of_instance(instance.name)
        record = records.read(paths, name) if name else None
        if name is None or (record is not None and not record.is_made):
            continue
        reasons = stale_reasons(paths, record, overlay) if record else ("it is not known what it was made from",)
        if instance.status != "Stopped":
            reasons = (f"it is {visible(instance.status or 'not readable', 40)}, not Stopped", *reasons)
        found.append(ListedBase(name, record, instance, disk_used(Path(instance.directory)), reasons))
    return tuple(sorted(found, key=lambda one: -(one.record.made if one.record else 0)))


def find(bases: Sequence[ListedBase], name: str) -> ListedBase:
    """The base of this name, or the only one whose name begins with it. Raises NotFound."""
    found = [one for one in bases if one.name == name] or [one for one in bases if name and one.name.startswith(name)]
    if len(found) != 1:
        what = f"There is no base {visible(name, 60)}." if not found else f"{len(found)} bases begin with {name}."
        raise NotFound(what, "`dvm base ls` lists them.")
    return found[0]


def interrupted(name: str) -> str:
    """A sentence about a base that `leftovers` has named."""
    return f"Base {name} is not complete: its build or deletion was interrupted."


def leftovers(paths: Paths) -> tuple[str, ...]:
    """The names of bases that were not built to their end and are not being built now; asks no engine."""
    names = {name for name in records.names(paths) if _is_left_over(paths, name)}
    if paths.lima_home.is_dir():
        folders = (path.name for path in paths.lima_home.glob(f"{INSTANCE_PREFIX}{base_instance('')}*"))
        names |= {name for folder in folders if (name := base_of_instance(folder.removeprefix(INSTANCE_PREFIX)))}
    return tuple(sorted(name for name in names if starting.open_job(paths, base_instance(name)) is None))


def _is_left_over(paths: Paths, name: str) -> bool:
    """Whether there is no complete base of a record; one whose record cannot be read can be complete."""
    known = records.read(paths, name)
    is_there = (paths.lima_home / base_instance(name) / "lima.yaml").exists()
    return not is_there or (known is not None and not known.is_made)
