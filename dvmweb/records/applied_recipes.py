"""Stores what guests reported about their recipes: which are applied, with which hash, and when."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest.state import Applied
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.lima.script_payload import GuestScript
from dvmweb.names import is_recipe_name
from dvmweb.paths import Paths

FILE = "applied.json"
VERSION = 1
MOST = 1_000_000  # bytes
MOST_RECIPES = 1000
RESULTS = ("done", "not-run")
LATE = "late"  # the recipe succeeded, its probe did not end in time; the guest has recorded "done"
RECIPE, HASH = "DVM_RECIPE", "DVM_RECIPE_HASH"  # variables of the script that runs a recipe


@dataclass(frozen=True)
class RecipeReport:
    """The last report of a guest about one recipe."""

    at: float  # seconds since the epoch
    applied: Applied | None  # None: not applied
    is_of_this_run: bool  # reported in the current run of the VM
    is_late: bool = False  # its last probe did not end in time, so whether it works is not known


def keep(
    paths: Paths,
    vm: str,
    instance: Instance | None,
    found: Mapping[str, Applied | None],
    probes: Mapping[str, str] = {},
) -> None:
    """Store what this instance reported now about these recipes; the stored reports about others stay.

    `probes`: the results of probes that were run; a recipe stays late until its probe is run again.
    """
    if instance is None:
        return
    kept = _entries(paths, vm, instance)
    for name, applied in found.items():
        run = instance.host_agent_pid
        is_late = probes[name] == LATE if name in probes else _was_late(kept.get(name), applied)
        facts = asdict(applied) if applied is not None else None
        kept[name] = {"at": time.time(), "run": run, "applied": facts, "late": is_late}
    _write(paths, vm, instance, kept)


def _was_late(entry: object, applied: Applied | None) -> bool:
    if not isinstance(entry, dict) or entry.get("late") is not True or applied is None:
        return False
    known = _applied(entry.get("applied"))
    return known is not None and (known.hash, known.result) == (applied.hash, applied.result)


def begins(paths: Paths, vm: str, instance: Instance | None, script: GuestScript | None) -> None:
    """If the step runs a recipe, discard its stored report until the step has ended."""
    name = script.variables.get(RECIPE, "") if script else ""
    if instance is None or name not in (kept := _entries(paths, vm, instance)):
        return
    del kept[name]
    _write(paths, vm, instance, kept)


def ended(paths: Paths, vm: str, instance: Instance | None, script: GuestScript | None, result: str) -> None:
    """If the step ran a recipe, store the result, which the guest has also recorded."""
    if script is not None and RECIPE in script.variables:
        name, probe = script.variables[RECIPE], LATE if result == LATE else "ok"
        known = Applied(script.variables[HASH], "done" if result == LATE else result, int(time.time()))
        keep(paths, vm, instance, {name: known}, {name: probe})


def _write(paths: Paths, vm: str, instance: Instance, entries: Mapping[str, object]) -> None:
    facts = {"version": VERSION, "mark": birth_mark(instance), "recipes": entries}
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(facts).encode())


def read(paths: Paths, vm: str, instance: Instance | None) -> Mapping[str, RecipeReport]:
    """The last report of this instance about each recipe that it was asked for."""
    if instance is None:
        return {}
    run = instance.host_agent_pid if instance.status == "Running" else -1
    return dict(_parsed(_entries(paths, vm, instance), run))


def _parsed(entries: Mapping[str, object], run: int) -> Iterator[tuple[str, RecipeReport]]:
    for name, entry in entries.items():
        if not is_recipe_name(name) or not isinstance(entry, dict):
            continue
        at, applied = entry.get("at"), entry.get("applied")
        known = None if applied is None else _applied(applied)
        if isinstance(at, int | float) and 0 <= at < 1e12 and (applied is None or known is not None):
            yield name, RecipeReport(float(at), known, entry.get("run") == run, entry.get("late") is True)


def _applied(facts: object) -> Applied | None:
    """Parse a stored applied recipe, None if it is invalid."""
    if not isinstance(facts, dict) or facts.get("result") not in RESULTS or not isinstance(facts.get("seconds"), int):
        return None
    digest = facts.get("hash")
    is_hash = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
    return Applied(str(digest), facts["result"], facts["seconds"]) if is_hash else None


def _entries(paths: Paths, vm: str, instance: Instance) -> dict[str, object]:
    """The stored reports of this instance."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST))
    except (FileNotFoundError, DvmError, ValueError, RecursionError):
        return {}
    if not isinstance(facts, dict) or facts.get("version") != VERSION or facts.get("mark") != birth_mark(instance):
        return {}
    entries = facts.get("recipes")
    return dict(list(entries.items())[-MOST_RECIPES:]) if isinstance(entries, dict) else {}
