"""`dvm log NAME --boot`: print the guest's console and the files of Lima's host agent, and follow them."""

from __future__ import annotations

import sys
import time

from dvmweb.errors import ExitCode, UsageError
from dvmweb.verbs import logs
from dvmweb.verbs.vms import Vms

GUEST = "  "  # before each line of a file, so that none looks like a title
LONGEST = 64_000  # bytes of a line before it is printed unfinished
INTERVAL = 0.3  # seconds


def show(vms: Vms, name: str, count: int, *, is_followed: bool) -> int:
    """Print the last `count` lines of each file, then, if they are followed, new ones until Ctrl-C; the exit code."""
    if not 1 <= count <= logs.MOST_LINES:
        raise UsageError(f"{count} lines cannot be shown.", f"Use 1 to {logs.MOST_LINES}.")
    with logs.boot_files(vms, name) as files:
        is_empty = True
        for end in files.ends():
            lines = list(logs.readable(end.name, end.data))
            cut = f", the last {count} lines" if len(lines) > count else ""
            print(f"{end.name}: {logs.TITLES[end.name]} ({end.size} bytes{cut})")
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
                    for line in logs.readable(file, whole):
                        print(f"{file.removesuffix('.log')}: {line}")
                sys.stdout.flush()
                time.sleep(INTERVAL)
        except KeyboardInterrupt:
            print(f"\n-- stopped following the boot of {name}", file=sys.stderr)
            return int(ExitCode.CANCELLED)
    print(f"-- {name} was deleted", file=sys.stderr)
    return 0
