"""What terminals cost beside their speed: memory of idle ones, Ctrl-C and others under a flood, a hundred at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import psutil

from tests.bench.wires import Wire, until

MARK = b"QQ8Q"
FLOOD = b"stty -echo; PS1=QQ'8'Q; echo REA''DY; yes\n"


class Host(Protocol):
    """The dashboard's processes and pages."""

    def processes(self) -> tuple[int, ...]: ...

    def ask(self, path: str, **form: str) -> str: ...


def own_memory(pids: tuple[int, ...]) -> float:
    """MB that these processes alone hold (USS)."""
    total = 0
    for pid in pids:
        with suppress(psutil.Error):
            total += psutil.Process(pid).memory_full_info().uss
    return total / 1e6


def tree(pids: tuple[int, ...]) -> tuple[int, ...]:
    """These processes and all that they started."""
    found = set(pids)
    for pid in pids:
        with suppress(psutil.Error):
            found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return tuple(found)


def settle(wire: Wire) -> None:
    """Wait until its shell is there."""
    wire.send(b"echo REA''DY\n")
    until(wire, b"READY")


def idle_memory(servers: Callable[[], tuple[int, ...]], connect: Callable[[], Wire], count: int) -> tuple[float, float]:
    """MB for each of `count` idle terminals: of the serving processes, and of the whole tree of processes."""
    first = connect()  # what is started once does not count
    settle(first)
    own, whole = own_memory(servers()), own_memory(tree(servers()))
    opened = [connect() for _ in range(count)]
    for one in opened:
        settle(one)
    grown = own_memory(servers()) - own, own_memory(tree(servers())) - whole
    for one in (first, *opened):
        one.close()
    return grown[0] / count, grown[1] / count


def interrupted(wire: Wire, times: int) -> list[float]:
    """Milliseconds from Ctrl-C to the prompt in the middle of `yes`."""
    found = []
    for _ in range(times):
        wire.send(FLOOD)
        until(wire, b"READY")
        drain(wire, 0.5)
        began = time.perf_counter()
        wire.send(b"\x03")
        until(wire, MARK)
        found.append(1000 * (time.perf_counter() - began))
    return sorted(found)


def drain(wire: Wire, seconds: float) -> int:
    """Read a flood for so long; bytes that came."""
    total, ends = 0, time.perf_counter() + seconds
    while time.perf_counter() < ends:
        total += len(wire.receive())
    return total


def flood(host: Host, connect: Callable[[], Wire], seconds: float) -> Mapping[str, float]:
    """`yes` in one terminal: memory before and after, the page and the echo of another terminal meanwhile."""
    loud, quiet = connect(), connect()
    settle(quiet)
    quiet.send(b"stty raw -echo; echo RA''W; exec cat\n")
    until(quiet, b"RAW")
    before = own_memory(host.processes())
    loud.send(FLOOD)
    until(loud, b"READY")
    total, pages, echoes, ends = 0, [], [], time.perf_counter() + seconds
    while time.perf_counter() < ends:
        total += drain(loud, 0.2)
        pages.append(_timed(lambda: host.ask("/terminals")))
        quiet.send(b"k")
        echoes.append(_timed(lambda: until(quiet, b"k")))
    after = own_memory(host.processes())
    loud.send(b"\x03")
    until(loud, MARK)
    for one in (loud, quiet):
        one.close()
    return {
        "MB shown": total / 1e6,
        "MB of server and keeper before": before,
        "after": after,
        "page ms": statistics.median(pages),
        "echo ms": statistics.median(echoes),
    }


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began)
