"""Lists a folder of a running VM, as the guest reports it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from dvmweb import plans
from dvmweb.errors import NotFound
from dvmweb.guest import protocol
from dvmweb.guest.copies.tally import FILE, FOLDER
from dvmweb.guest.protocol import Record
from dvmweb.guest_text import visible
from dvmweb.verbs.copies import transfer
from dvmweb.verbs.copies.endpoints import GuestPath
from dvmweb.verbs.copies.transfer import MOST_COUNT
from dvmweb.verbs.vms import Vms

OTHER = "other"  # neither a file nor a folder
KINDS = (FOLDER, FILE, OTHER)


@dataclass(frozen=True)
class FolderEntry:
    """One entry of a folder; text of the guest, not escaped. Bytes of a name that are not UTF-8 are surrogates."""

    name: str
    kind: str  # of KINDS
    size: int  # bytes, of a file
    changed: int  # seconds since the epoch
    is_link: bool  # then the other fields describe its target


@dataclass(frozen=True)
class Folder:
    """A folder and its entries: folders first, each by name."""

    path: str  # absolute, links resolved; text of the guest
    entries: tuple[FolderEntry, ...]
    count: int  # of all entries; `entries` has the first ones

    def inside(self, name: str) -> str:
        """The path of an entry."""
        return str(PurePosixPath(self.path) / name)


def list_folder(vms: Vms, place: GuestPath) -> Folder:
    """Ask the guest. Raises NotFound for a path that is no folder, NotNow, CheckFailed."""
    plan_input, lima = vms.running(place.vm, is_quiet=True)
    finished = lima.query(plan_input.desired.instance, plans.listing_folder(plan_input, place.path))
    ready, *records = protocol.parse(finished.stdout, "list_folder", plan_input.nonce) or (Record("", ()),)
    if ready.tag == "refused":
        raise transfer.refused(ready.fields, plan_input, place.path)
    if ready.tag != "ready" or not records:
        raise transfer.odd_answer()
    transfer.check_guest(ready, plan_input)
    if records[0].tag == "refused" and records[0].fields[:1] == (b"folder",):
        todo = f"Its folder: `dvm ssh {place.vm} -- ls -la`"
        raise NotFound(f"{place.vm}:{visible(place.path, 300)} is not a folder.", todo)
    if records[0].tag == "refused":
        raise transfer.refused(records[0].fields, plan_input, place.path)
    return _folder(records)


def _folder(records: list[Record]) -> Folder:
    first, *entries, last = records if len(records) > 1 else (records[0], records[0])
    path = first.fields[0].decode("utf-8", "surrogateescape") if len(first.fields) == 1 else ""
    if (first.tag, last.tag, len(last.fields)) != ("folder", "done", 1) or not path.startswith("/"):
        raise transfer.odd_answer()
    return Folder(path, tuple(map(_entry, entries)), max(protocol.number(last.fields[0], MOST_COUNT), len(entries)))


def _entry(record: Record) -> FolderEntry:
    if record.tag != "entry" or len(record.fields) != 5:
        raise transfer.odd_answer()
    name, kind, size, changed, link = record.fields
    word = kind.decode("ascii", "replace")
    if word not in KINDS or name in (b"", b".", b"..") or b"/" in name or len(name) > 255:
        raise transfer.odd_answer()
    return FolderEntry(
        name.decode("utf-8", "surrogateescape"),
        word,
        protocol.number(size, MOST_COUNT),
        protocol.number(changed, MOST_COUNT),
        link == b"1",
    )
