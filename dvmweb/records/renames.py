"""Records a rename of a VM while it runs, so that an interrupted one is named and finished."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from dvmweb import files
from dvmweb.errors import DvmError, NotNow
from dvmweb.names import vm_name
from dvmweb.paths import Paths

FILE = "rename.json"  # in the state folder
MOST = 10_000  # bytes


@dataclass(frozen=True)
class Renaming:
    """A rename that has begun."""

    old: str
    new: str
    protected: bool  # the instance was protected, which a rename removes


def write(paths: Paths, begun: Renaming) -> None:
    """Record that a rename begins."""
    files.write_whole(files.private_folder(paths.state) / FILE, json.dumps(asdict(begun)).encode())


def forget(paths: Paths) -> None:
    """Record that it has ended."""
    (paths.state / FILE).unlink(missing_ok=True)


def interrupted(paths: Paths) -> Renaming | None:
    """The rename that runs or was interrupted, None if there is none."""
    with suppress(FileNotFoundError, DvmError, ValueError, TypeError, KeyError):
        facts = json.loads(files.read_bounded(paths.state / FILE, MOST))
        return Renaming(vm_name(str(facts["old"])), vm_name(str(facts["new"])), bool(facts["protected"]))
    return None


def refuse_half(paths: Paths, vm: str) -> None:
    """Raise NotNow for a VM whose rename was interrupted: with half of it, a job would create another one."""
    found = interrupted(paths)
    if found is not None and vm in (found.old, found.new):
        raise half(found)


def note(paths: Paths) -> str:
    """A sentence about an interrupted rename, "" if there is none."""
    found = interrupted(paths)
    return f"{half(found)}" if found is not None else ""


def half(found: Renaming) -> NotNow:
    """The error for a VM whose rename was interrupted."""
    return NotNow(
        f"The rename of {found.old} to {found.new} was interrupted.",
        f"To finish it: `dvm rename {found.old} {found.new}`",
    )
