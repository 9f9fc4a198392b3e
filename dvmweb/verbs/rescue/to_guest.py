"""Sends a rescue into a running VM, which restores it in `rescued/NAME` of its code folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from dvmweb import plans
from dvmweb.errors import UsageError
from dvmweb.guest.copies.tally import CHUNK, FILE, Tally
from dvmweb.guest_text import visible
from dvmweb.records import guest_status, last_use
from dvmweb.verbs.copies import transfer
from dvmweb.verbs.copies.to_guest import PIECE, Answer, Sending, Source
from dvmweb.verbs.uploads.messages import RESERVE
from dvmweb.verbs.uploads.pipe import Patience
from dvmweb.verbs.vms import Vms


@dataclass(frozen=True)
class Restored:
    """Where a rescue was restored, and what could not be."""

    place: str  # safe to show
    problem_count: int
    problems: tuple[tuple[str, str], ...]  # place and reason, safe to show


def check_target(vms: Vms, other: str) -> None:
    """Raise the error that fits a VM into which nothing can be restored now."""
    vms.running(other)


def restore(
    vms: Vms, file: BinaryIO, other: str, name: str, on_progress: Callable[[int], None] = lambda _: None
) -> Restored:
    """Restore the rescue in `file` in a running VM, as `rescued/name`.

    Raises UsageError, NotFound, NotNow, CheckFailed.
    """
    plan_input, lima = vms.running(other)
    size = os.fstat(file.fileno()).st_size
    what = Source(FILE, "", size, lambda out, _tally: _send(file, out))
    with last_use.session(vms.paths, other):
        patience = Patience(guest_status.pace_now(vms.paths, other))
        script = plans.rescuing_in(plan_input, name=name, size=str(size), reserve=str(RESERVE), piece=str(PIECE))
        answer = Answer(plan_input, patience, on_progress, kind="rescue_in")
        sending = Sending(lima, plan_input, script, answer, patience)
        sending.send(what)
    if answer.refused is not None:
        if answer.refused[:1] == (b"exists",):
            detail = visible(b"".join(answer.refused[1:2]).decode("utf-8", "replace"), 200)
            raise UsageError(f"{other}:{detail} exists already.", "Rename or remove it there, then try again.")
        raise transfer.refused(answer.refused, plan_input, f"rescued/{name}")
    if sending.trouble is not None:
        raise sending.trouble
    if answer.place is None:
        raise transfer.failure(vms, other, sending.finished, patience)
    tally: Tally = answer.tally
    problems = tuple((visible(place, 500), why) for place, why in tally.skipped)
    return Restored(f"{other}:{answer.place}", tally.skipped_count, problems)


def _send(file: BinaryIO, out: BinaryIO) -> None:
    while data := file.read(CHUNK):
        out.write(data)
