"""Reads the progress of a boot from the output of `limactl start` and from the guest's serial console."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dvmweb.guest_text import in_prose, log_lines, visible

SERIALS = ("serial.log", "serialv.log", "serialp.log")  # kernel and boot loader, virtio console, ARM
SERIAL_BYTES = 16_000  # of the end of each file
EVENT_BYTES = 16_000  # of the beginning of the event file, which grows with a long run
REASON_BYTES = 32_000  # of the end of the host agent's log
MOST_STAGES = 20
_WAITING = re.compile(
    r"Waiting for the (?:(\w{1,12}) requirement (\d{1,2}) of \d{1,2}: [`\\\"]{0,4}([^`\\\"]{1,80})|guest agent)"
)
_MET = re.compile(r"The (\w{1,12}) requirement (\d{1,2}) of \d{1,2} is satisfied|Guest agent is running")
_BEGUN = re.compile(r"\[hostagent\] Starting (\w{1,12})|Starting the instance")
_OVER = re.compile(rb'"(?:running|degraded|exiting)":true')  # an event that ends a boot
_CAUSES = ("qemu[stderr]", "QEMU has exited", "Driver stopped", "vz driver")  # the start of a line about how it ended
_READY = re.compile(r'msg="READY\.')


@dataclass(frozen=True)
class Stage:
    """A stage of a boot."""

    text: str
    is_met: bool


def stages(log: bytes) -> tuple[Stage, ...]:
    """The stages of a boot in order; the last one that is not done is the current one. Pure."""
    found: dict[tuple[str, str], Stage] = {}
    for line in log.decode("utf-8", "replace").splitlines():
        if _BEGUN.search(line):
            found.setdefault(("begin", ""), Stage("virtual machine started", True))
        elif waiting := _WAITING.search(line):
            key = (waiting[1] or "agent", waiting[2] or "")
            found.setdefault(key, Stage(visible((waiting[3] or "guest agent").strip()), False))
        elif met := _MET.search(line):
            key = (met[1] or "agent", met[2] or "")
            if key in found:
                found[key] = Stage(found[key].text, True)
        elif _READY.search(line):
            found[("ready", "")] = Stage("ready", True)
        if len(found) >= MOST_STAGES:
            break
    return tuple(found.values())


def boot_mark(directory: str) -> str:
    """A value that identifies the last boot of an instance, running or not; "" if it never ran.

    Each start truncates the host agent's event file and writes an event with the time.
    """
    first = _first_event(directory)
    return hashlib.sha256(first).hexdigest()[:16] if first else ""


def _first_event(directory: str) -> bytes:
    """The first line of the event file, which a start writes; b"" if there is none."""
    return part_of(Path(directory) / "ha.stdout.log", EVENT_BYTES).partition(b"\n")[0] if directory else b""


def is_booting(directory: str) -> bool:
    """Whether the current boot has not become ready yet, which the host agent reports once, by an event.

    False also after a reboot inside the guest, which is not reported, and if the events cannot be read.
    """
    file = Path(directory) / "ha.stdout.log"
    if not directory or not file.is_file():
        return False
    return not _OVER.search(part_of(file, EVENT_BYTES, of_end=True))  # each event repeats the earlier states


def booting_since(directory: str) -> float:
    """When the current boot began, in seconds since the epoch; 0 if not known."""
    with suppress(ValueError, TypeError, AttributeError):
        text = str(json.loads(_first_event(directory))["time"])[:19]
        return datetime.strptime(f"{text}+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
    return 0.0


def last_reasons(directory: str, count: int = 3) -> tuple[str, ...]:
    """The last warnings and errors of the host agent, which say why a VM ended; safe to show."""
    found = []
    for line in part_of(Path(directory) / "ha.stderr.log", REASON_BYTES, of_end=True).splitlines():
        with suppress(ValueError, AttributeError):
            facts = json.loads(line)
            if facts.get("level") in ("error", "fatal") or str(facts.get("msg", "")).startswith(_CAUSES):
                found.append(in_prose(f"{facts.get('msg', '')} {facts.get('error', '')}".strip(), 300))
    return tuple(dict.fromkeys(found))[-count:] if directory else ()


def serial_tail(folder: Path, count: int = 20) -> tuple[str, ...]:
    """The last lines of the console file that was written last, safe to show; () if there is none."""
    newest = max((path for path in map(folder.joinpath, SERIALS) if path.is_file()), key=_written, default=None)
    if newest is None:
        return ()
    lines = [line.rstrip() for line in log_lines(part_of(newest, SERIAL_BYTES, of_end=True), 300).split("\n")]
    return tuple([line for line in lines if line][-count:])


def _written(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def part_of(path: Path, most: int, *, of_end: bool = False) -> bytes:
    """The first or the last `most` bytes of a plain file; b"" for anything else."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if stat.S_ISREG(facts.st_mode):
                file.seek(max(0, facts.st_size - most) if of_end else 0)
                return file.read(most)
    return b""
