"""Stores the last exposure test of each VM."""

from __future__ import annotations

import json
from contextlib import suppress

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.guest.exposure import ExposureReport, from_json, to_json
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.paths import Paths

FILE = "exposure.json"
MOST_BYTES = 200_000


def write(paths: Paths, vm: str, instance: Instance | None, report: ExposureReport) -> None:
    """Store a report on this instance."""
    facts = {"instance": birth_mark(instance) if instance else "", "report": to_json(report)}
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(facts).encode())


def read(paths: Paths, vm: str, instance: Instance | None) -> ExposureReport | None:
    """The last report on this instance; None if there is none, it is of an earlier instance, or it cannot be read."""
    if instance is None:
        return None
    with suppress(OSError, DvmError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST_BYTES))
        if facts["instance"] == birth_mark(instance):
            return from_json(facts["report"])
    return None
