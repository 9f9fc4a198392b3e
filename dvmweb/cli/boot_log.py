"""`dvm log NAME --boot`: print the guest's console and the files of Lima's host agent, and follow them."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator

from dvmweb.errors import ExitCode, UsageError
from dvmweb.guest_text import log_lines, visible
from dvmweb.verbs import logs
from dvmweb.verbs.vms import Vms

TITLES = {
    "serial.log": "the guest's console",
    "serialv.log": "the guest's virtio console",
    "serialp.log": "the guest's PCI console",
    "ha.stdout.log": "events of Lima's host agent",
    "ha.stderr.log": "log of Lima's host agent",
}
GUEST = "  "  # before each line of a file, so that none looks like a title
CURSOR = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]")  # moves of the cursor and colours; a boot loader prints hundreds
LONGEST = 64_000  # bytes of a line before it is printed unfinished
INTERVAL = 0.3  # seconds


def show(vms: Vms, name: str, count: int, *, is_followed: bool) -> int:
    """Print the last `count` lines of each file, then, if they are followed, new ones until Ctrl-C; the exit code."""
    if not 1 <= count <= logs.MOST_LINES:
        raise UsageError(f"{count} lines cannot be shown.", f"Use 1 to {logs.MOST_LINES}.")
    with logs.boot_files(vms, name) as files:
        is_empty = True
        for end in files.ends():
            lines = list(_lines(end.name, end.data))
            cut = f", the last {count} lines" if len(lines) > count else ""
            print(f"{end.name}: {TITLES[end.name]} ({end.size} bytes{cut})")
            for line in lines[-count:]:
                print(f"{GUEST}{line}")
            is_empty = False
        sys.stdout.flush()
        if is_empty and not is_followed:
            print(f"{name} has not been started yet: Lima has no console and no log of it.", file=sys.stderr)
        if not is_followed:
            return 0
        rest: dict[str, bytes] = {}
        try:
            while not files.is_deleted():
                for file, data in files.more():
                    whole, _, rest[file] = (rest.get(file, b"") + data).rpartition(b"\n")
                    if len(rest[file]) > LONGEST:
                        whole, rest[file] = whole + b"\n" + rest[file], b""
                    for line in _lines(file, whole):
                        print(f"{file.removesuffix('.log')}: {line}")
                sys.stdout.flush()
                time.sleep(INTERVAL)
        except KeyboardInterrupt:
            print(f"\n-- stopped following the boot of {name}", file=sys.stderr)
            return int(ExitCode.CANCELLED)
    print(f"-- {name} was deleted", file=sys.stderr)
    return 0


def _lines(name: str, data: bytes) -> Iterator[str]:
    """The lines of a file, safe to show, without empty ones."""
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
