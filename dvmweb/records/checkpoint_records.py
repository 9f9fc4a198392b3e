"""Stores what is known of each checkpoint: its VM, when it was made, the user's note, its config and its records."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from dvmweb import files
from dvmweb.errors import DvmError, UsageError
from dvmweb.names import vm_name, vm_of_entry
from dvmweb.paths import Paths
from dvmweb.records import kept_records
from dvmweb.records.trash_records import MOST, Work, parsed_work

VERSION = 1
FILE = "checkpoint.json"
NOTE_LENGTH = 200  # characters


@dataclass(frozen=True)
class CheckpointRecord:
    """One checkpoint as it is recorded."""

    name: str  # "app-1a2b3c4d"; its instance is "dvmcheck-app-1a2b3c4d"
    vm: str = ""  # the name that its VM has now, "" if not known
    made_as: str = ""  # the name that its VM had; its config is of that name
    at: float = 0.0  # when it was made, seconds since the epoch; 0 if not known
    note: str = ""  # the user's; untrusted text
    work: Work | None = None  # what was known of the VM's unsaved work; None if not known
    identity: str = ""  # of its guest
    has_key: bool = False  # an SSH key of its guest is known
    copy: str = ""  # the instance that is being copied; "" for a checkpoint that is complete


def checked_note(text: str) -> str:
    """`text` if it can be the note of a checkpoint. Raises UsageError otherwise."""
    note = text.strip()
    if len(note) > NOTE_LENGTH:
        raise UsageError(f"The note has {len(note)} characters.", f"Use at most {NOTE_LENGTH}.")
    if not note.isprintable():
        raise UsageError("The note contains characters that cannot be printed.", "Use one line of plain text.")
    return note


def write(paths: Paths, record: CheckpointRecord, config: bytes) -> None:
    """Record a checkpoint with the config and the records of its VM; checkpoint.json comes last."""
    folder = files.private_folder(files.private_folder(paths.checkpoints) / record.name)
    kept_records.keep(paths, record.vm, folder, config)
    rewrite(paths, record)


def rewrite(paths: Paths, record: CheckpointRecord) -> None:
    """Replace checkpoint.json."""
    kept_records.rewrite(paths.checkpoints / record.name / FILE, {"version": VERSION, **asdict(record)})


def read(paths: Paths, name: str) -> CheckpointRecord:
    """What is recorded of a checkpoint; if nothing is, only its name."""
    with suppress(FileNotFoundError, DvmError, ValueError, KeyError, TypeError, AttributeError):
        facts = json.loads(files.read_bounded(paths.checkpoints / name / FILE, MOST))
        if facts.pop("version") == VERSION and facts["name"] == name:
            found = CheckpointRecord(**facts | {"work": parsed_work(facts["work"])})
            vm, made_as = (vm_name(str(one)) if one else "" for one in (found.vm, found.made_as))
            return replace(
                found, at=float(found.at), vm=vm, made_as=made_as, note=str(found.note), copy=str(found.copy)
            )
    return CheckpointRecord(name, vm_of_entry(name), vm_of_entry(name))


def names(paths: Paths) -> tuple[str, ...]:
    """The names of all recorded checkpoints, also of those whose instance does not exist."""
    return kept_records.names(paths.checkpoints)


def of_vm(paths: Paths, vm: str) -> tuple[CheckpointRecord, ...]:
    """The complete checkpoints of a VM as they are recorded, the newest first; asks no engine."""
    found = [read(paths, name) for name in names(paths)]
    ours = [one for one in found if one.vm == vm and not one.copy]
    return tuple(sorted(ours, key=lambda one: one.at, reverse=True))


def newest(paths: Paths) -> dict[str, str]:
    """The newest complete checkpoint of each VM, as they are recorded; asks no engine."""
    found = sorted((read(paths, name) for name in names(paths)), key=lambda one: one.at)
    return {one.vm: one.name for one in found if one.vm and not one.copy}


def rename(paths: Paths, old: str, new: str) -> None:
    """Record that the VM `old` is `new` now."""
    for name in names(paths):
        record = read(paths, name)
        if record.vm == old and (paths.checkpoints / name / FILE).exists():
            rewrite(paths, replace(record, vm=new))


def config_of(paths: Paths, name: str) -> bytes | None:
    """The text of the config when the checkpoint was made, None if it is not known."""
    return kept_records.config_of(paths.checkpoints / name)


def put_back(paths: Paths, name: str, vm: str) -> str:
    """Put the records of the VM back: see `kept_records.put_back`."""
    return kept_records.put_back(paths, paths.checkpoints / name, vm)


def forget(paths: Paths, name: str) -> None:
    """Remove what is recorded of a checkpoint; checkpoint.json goes first, so that no half record is read."""
    kept_records.forget(paths.checkpoints / name / FILE)
