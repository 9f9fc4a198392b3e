"""What a check gets and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dvmweb.paths import Paths
from dvmweb.plans import Options, PlanInput
from dvmweb.records.last_use import Use


@dataclass(frozen=True)
class Outcome:
    """What a check found: the plan input from now on, a word for the step, sentences for the user."""

    plan_input: PlanInput
    reason: str = ""
    notices: tuple[str, ...] = ()
    is_blind: bool = False  # it asked the guest, and the check failed
    once_done: tuple[str, ...] = ()  # sentences that are true only once the whole job has succeeded


class Tools(Protocol):
    """What a running job gives to a check."""

    paths: Paths
    options: Options
    job_id: str
    use: Use  # the last use of the VM, from before the step's command

    def end_connections(self) -> None: ...
