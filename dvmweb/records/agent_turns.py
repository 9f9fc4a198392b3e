"""Stores the turns of a VM's agents: from when to when each worked, as its own hooks reported it. A bounded file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.paths import Paths

FILE = "turns"
MOST_BYTES = 40_000  # about a thousand turns; then the older half is dropped
LONGEST = 7 * 86_400.0  # seconds
DAY = 86_400.0
_LINE = re.compile(rb"([0-9]{1,11}) ([0-9]{1,11}) ([a-z][a-z0-9-]{0,29})")


@dataclass(frozen=True)
class Turn:
    """One turn of an agent; times in seconds since the epoch."""

    agent: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it worked."""
        return self.ended - self.began


def add(paths: Paths, vm: str, turn: Turn) -> None:
    """Store a turn that has ended. Never raises: without the folder of the VM nothing is stored."""
    with suppress(OSError, DvmError):
        if not paths.vm_state(vm).is_dir():
            return
        path = paths.vm_state(vm) / FILE
        if path.exists() and path.stat().st_size > MOST_BYTES:
            last = files.read_bounded(path, 10 * MOST_BYTES)[-MOST_BYTES // 2 :]
            files.write_whole(path, last.partition(b"\n")[2])
        descriptor = files.open_own(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, f"{int(turn.began)} {int(turn.ended)} {turn.agent}\n".encode())
        finally:
            os.close(descriptor)


def read(paths: Paths, vm: str, since: float, now: float) -> tuple[Turn, ...]:
    """The turns that ended after `since`, the oldest first; what cannot be a turn is left out."""
    with suppress(OSError, DvmError):
        data = files.read_bounded(paths.vm_state(vm) / FILE, 10 * MOST_BYTES)
        return tuple(sorted(_turns(data, since, now), key=lambda turn: turn.ended))
    return ()


def with_open(paths: Paths, vm: str, now: float, going_on: Iterable[tuple[str, float]]) -> tuple[Turn, ...]:
    """The turns of the last day and those that go on now, each given as agent and seconds (0: in no turn)."""
    now_open = (Turn(agent, now - seconds, now) for agent, seconds in going_on if seconds > 0)
    return (*read(paths, vm, now - DAY, now), *now_open)


def _turns(data: bytes, since: float, now: float) -> Iterator[Turn]:
    for line in data.splitlines():
        if found := _LINE.fullmatch(line):
            began, ended = float(found[1]), float(found[2])
            if began <= ended <= now + 60 and ended > since and ended - began <= LONGEST:
                yield Turn(found[3].decode("ascii"), began, ended)
