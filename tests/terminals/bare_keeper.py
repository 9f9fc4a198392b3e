"""A keeper whose terminals are plain shells of this machine; words: STALLED SILENT LINGER, in seconds.

`ends=0.3`, `patience=0.3` and `why=0.3` shorten other waits, see SHORTER.

The "VM" is the name of a program below, so that a test can choose what runs.
"""

from __future__ import annotations

import os
import sys

from dvmweb.terminals import __main__ as entry
from dvmweb.terminals.keeper import daemon, flow, terminal
from dvmweb.terminals.keeper.daemon import keep
from dvmweb.terminals.keeper.flow import Size
from dvmweb.terminals.keeper.loop import Waits
from dvmweb.terminals.keeper.pty_child import PtyChild
from dvmweb.terminals.launch import LaunchRequest

TELL = r"tell() { printf '\033]777;dvm;%s\007' $1; }"
PROGRAMS = {
    "app": ("/bin/bash", "--norc", "--noprofile", "-i"),
    "stubborn": ("/bin/bash", "-c", "trap '' HUP INT TERM; echo up; while :; do sleep 1; done"),
    "short": ("/bin/bash", "-c", "echo bye; exit 7"),
    "deaf": ("/bin/bash", "-c", "stty raw -echo; echo up; exec sleep 1000"),
    "agent": (
        "/bin/bash",
        "-c",
        r"tell() { printf '\033]777;dvm;%s\007' $1; }; tell waits; read; tell works; read; exit 3",
    ),
    "busy": ("/bin/bash", "-c", "while sleep 0.5; do echo working; done"),
    "daemon": ("/bin/bash", "-c", "sleep 1000 & echo left; disown; exit 0"),
}
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/", "PS1": "$ ", "TERM": "xterm", "LANG": "C.UTF-8"}


def start(launch: LaunchRequest, size: Size) -> PtyChild:
    return PtyChild(PROGRAMS.get(launch.vm, ("/nowhere/program",)), ENVIRONMENT, size)


SHORTER = {"ends": (daemon, "OTHER_ENDS"), "patience": (terminal, "PATIENCE"), "why": (terminal, "WHY")}


def main() -> int:
    os.umask(0o077)
    numbers = [word for word in sys.argv[1:] if "=" not in word]
    for name, seconds in (word.split("=") for word in sys.argv[1:] if "=" in word):
        setattr(*SHORTER[name], float(seconds))
    stalled, silent, linger = [*map(float, numbers), *(10.0, 30.0, 60.0)[len(numbers) :]]
    flow.STALLED, flow.SILENT, flow.PING = stalled, silent, silent / 3
    return keep(os.environ, entry._report_ready, start, Waits(linger=linger))


if __name__ == "__main__":
    sys.exit(main())
