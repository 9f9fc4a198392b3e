"""The lines of a guest's console and of the files of Lima's host agent, safe to show. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from dvmweb.guest_text import log_lines, visible

TITLES = {
    "serial.log": "the guest's console",
    "serialv.log": "the guest's virtio console",
    "serialp.log": "the guest's PCI console",
    "ha.stdout.log": "events of Lima's host agent",
    "ha.stderr.log": "log of Lima's host agent",
}
CURSOR = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]")  # moves of the cursor and colours; a boot loader prints hundreds


def readable(name: str, data: bytes) -> Iterator[str]:
    """The lines of the file `name`, safe to show, without empty ones."""
    if name.startswith("ha."):
        yield from (_of_agent(line) for line in data.split(b"\n") if line.strip())
    else:
        yield from (line for line in log_lines(CURSOR.sub(b"", data)).split("\n") if line.strip())


def _of_agent(line: bytes) -> str:
    """A JSON line of the host agent as time, level, message and the rest; any other line as it is."""
    try:
        facts = json.loads(line)
        when, level, message = (facts.pop(key, "") for key in ("time", "level", "msg"))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return log_lines(line)
    more = json.dumps(facts, ensure_ascii=False) if facts else ""
    return visible(" ".join(str(part) for part in (str(when)[:19], level, message, more) if part), 4096)
