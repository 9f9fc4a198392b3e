"""What a check gets and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dvmweb.paths import Paths
from dvmweb.plans import Options, World


@dataclass(frozen=True)
class Outcome:
    """What a check found: the world from now on, a word for the step, sentences for the user."""

    world: World
    reason: str = ""
    notices: tuple[str, ...] = ()


class Tools(Protocol):
    """What the runner gives to a check."""

    paths: Paths
    options: Options
    job_id: str

    def end_connections(self) -> None: ...
