"""Stores samples of a VM's load in one file of fixed size: the last hour, and the last day in steps of 5 minutes.

Each sample has its own place in the file, given by its time, so a sample is one small write and nothing has to be
removed. A place that was not written in this hour or day is a gap.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dvmweb import files
from dvmweb.errors import DvmError
from dvmweb.paths import Paths

FILE = "load"
STEP, STEPS = 15, 240  # seconds of one place, and the number of places: an hour
LONG_STEP, LONG_STEPS = 300, 288  # a day
FAR = 60.0  # most seconds between two samples that a rate is made of; more is a gap
MAGIC = b"dvmload1"
_HEAD = struct.Struct("<8sQdQQQQ8x")  # magic, boot, time, busy, ticks, received, sent
_PLACE = struct.Struct("<IHHQQQQ")  # time, CPU, highest CPU, memory, disk, received, sent
SIZE = _HEAD.size + (STEPS + LONG_STEPS) * _PLACE.size  # bytes of the file
_NONE, _NO_CPU = (1 << 64) - 1, 0xFFFF  # not known
MOST = 1 << 53  # of any number: bytes, or bytes each second
WHOLE = 10_000  # how the file has 100 % of all processors
_KEPT = 200  # files whose content is kept in memory


class Sample(NamedTuple):
    """The load at one time. What is not known is None. A tuple: a list of 50 VMs makes 12,000 of them."""

    at: float  # seconds since the epoch
    cpu: float | None = None  # share of all processors since the sample before, 0 to 1
    memory: int | None = None  # bytes in use
    disk: int | None = None  # bytes in use
    received: int | None = None  # bytes each second
    sent: int | None = None
    cpu_most: float | None = None  # the highest share, where several samples were made one


@dataclass(frozen=True)
class Reading:
    """What was read of a running VM. Counters begin with its boot; what is not known is None."""

    at: float  # seconds since the epoch
    boot: int  # identifies the boot; counters of two boots are never compared
    busy: int | None = None  # ticks of all processors
    ticks: int | None = None
    memory: int | None = None  # bytes
    disk: int | None = None
    received: int | None = None  # bytes since the boot
    sent: int | None = None


@dataclass(frozen=True)
class History:
    """The samples of the last hour and of the last day, each the oldest first."""

    hour: tuple[Sample, ...] = ()
    day: tuple[Sample, ...] = ()


def path(paths: Paths, vm: str) -> Path:
    """The file of a VM."""
    return paths.vm_state(vm) / FILE


def add(paths: Paths, vm: str, reading: Reading) -> None:
    """Store a sample. Without the folder of the VM, or with a link in place of the file, nothing is stored."""
    with suppress(OSError, DvmError):
        if not paths.vm_state(vm).is_dir():
            return
        descriptor = files.open_own(path(paths, vm), os.O_RDWR)
        try:
            _add(descriptor, reading)
        finally:
            os.close(descriptor)


def _add(descriptor: int, reading: Reading) -> None:
    data = os.pread(descriptor, SIZE + 1, 0)
    if len(data) != SIZE or not data.startswith(MAGIC):  # new, cut, or of another version
        data = MAGIC.ljust(SIZE, b"\0")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, 0)
    sample = _sample(reading, _last(data))
    place = _HEAD.size + int(reading.at) // STEP % STEPS * _PLACE.size
    os.pwrite(descriptor, _pack(sample), place)
    data = b"".join((data[:place], _pack(sample), data[place + _PLACE.size :]))
    begun = int(reading.at) // LONG_STEP * LONG_STEP
    inside = [one for one in _samples(data, 0, STEPS) if begun <= one.at < begun + LONG_STEP]
    long_place = _HEAD.size + (STEPS + int(reading.at) // LONG_STEP % LONG_STEPS) * _PLACE.size
    os.pwrite(descriptor, _pack(merged(inside, begun)), long_place)
    os.pwrite(descriptor, _head(reading), 0)


def read(paths: Paths, vm: str, now: float) -> History:
    """The samples of the last hour and day at `now`; a file that cannot be read has none."""
    every, every_long = _content(path(paths, vm))
    return History(_since(every, now - STEP * STEPS, now), _since(every_long, now - LONG_STEP * LONG_STEPS, now))


def merged(samples: Iterable[Sample], at: float) -> Sample:
    """One sample of several: averages, and the highest CPU."""
    every = tuple(samples)
    highest = [most for one in every if (most := one.cpu if one.cpu_most is None else one.cpu_most) is not None]
    cpus = [one.cpu for one in every if one.cpu is not None]
    return Sample(
        at,
        sum(cpus) / len(cpus) if cpus else None,
        _mean(one.memory for one in every),
        _mean(one.disk for one in every),
        _mean(one.received for one in every),
        _mean(one.sent for one in every),
        max(highest, default=None),
    )


def _mean(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) // len(known) if known else None


def _sample(now: Reading, before: Reading | None) -> Sample:
    """The sample of a reading; rates only where the reading before is of the same boot and not too old."""
    sample = Sample(now.at, None, now.memory, now.disk)
    seconds = now.at - before.at if before is not None else 0.0
    if before is None or before.boot != now.boot or not 1.0 <= seconds <= FAR:
        return sample
    ticks, busy = _more(before.ticks, now.ticks), _more(before.busy, now.busy)
    received, sent = _more(before.received, now.received), _more(before.sent, now.sent)
    return sample._replace(
        cpu=min(1.0, busy / ticks) if ticks and busy is not None else None,
        received=None if received is None else int(received / seconds),
        sent=None if sent is None else int(sent / seconds),
    )


def _more(before: int | None, now: int | None) -> int | None:
    """How much a counter has grown; None if that is not known, or if it was reset."""
    return now - before if before is not None and now is not None and before <= now <= MOST else None


# -- the file ------------------------------------------------------------------------------------------------------

_Content = tuple[tuple[Sample, ...], tuple[Sample, ...]]
_contents: dict[Path, tuple[tuple[int, int, int], _Content]] = {}


def _content(file: Path) -> _Content:
    """Everything in the file, read again only when it has changed."""
    try:
        facts = os.stat(file, follow_symlinks=False)  # noqa: PTH116
    except OSError:
        return (), ()
    stamp = facts.st_ino, facts.st_mtime_ns, facts.st_size
    known = _contents.get(file)
    if known is not None and known[0] == stamp:
        return known[1]
    found: _Content = (), ()
    with suppress(OSError, DvmError):
        data = files.read_bounded(file, SIZE)
        if len(data) == SIZE and data.startswith(MAGIC):
            found = tuple(_samples(data, 0, STEPS)), tuple(_samples(data, STEPS, LONG_STEPS))
    if len(_contents) >= _KEPT:
        _contents.clear()
    _contents[file] = stamp, found
    return found


def _since(samples: tuple[Sample, ...], begun: float, now: float) -> tuple[Sample, ...]:
    return tuple(one for one in samples if begun < one.at <= now + STEP)


def _samples(data: bytes, first: int, count: int) -> Iterator[Sample]:
    """The samples in `count` places from the place `first` on, the oldest first."""
    start = _HEAD.size + first * _PLACE.size
    places = _PLACE.iter_unpack(data[start : start + count * _PLACE.size])
    for at, cpu, most, memory, disk, received, sent in sorted(places):
        if at:
            yield Sample(
                float(at), _share(cpu), _number(memory), _number(disk), _number(received), _number(sent), _share(most)
            )


def _share(stored: int) -> float | None:
    return stored / WHOLE if stored <= WHOLE else None


def _number(stored: int) -> int | None:
    return stored if stored <= MOST else None


def _pack(one: Sample) -> bytes:
    shares = (_NO_CPU if share is None else round(share * WHOLE) for share in (one.cpu, one.cpu_most))
    numbers = (_stored(number) for number in (one.memory, one.disk, one.received, one.sent))
    return _PLACE.pack(int(one.at) & 0xFFFFFFFF, *shares, *numbers)


def _stored(number: int | None) -> int:
    return number if number is not None and 0 <= number <= MOST else _NONE


def _head(reading: Reading) -> bytes:
    counters = (_stored(number) for number in (reading.busy, reading.ticks, reading.received, reading.sent))
    return _HEAD.pack(MAGIC, reading.boot & _NONE, reading.at, *counters)


def _last(data: bytes) -> Reading | None:
    """The reading before, None if there is none."""
    _, boot, at, *counters = _HEAD.unpack_from(data)
    if not 0 < at < 1e12:  # also not a number
        return None
    busy, ticks, received, sent = map(_number, counters)
    return Reading(at, boot, busy, ticks, None, None, received, sent)
