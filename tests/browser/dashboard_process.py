"""`dvm` with its arguments, whose jobs and demo engines are forked from a helper that has their modules in memory."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

from dvmweb.__main__ import main
from dvmweb.jobs import starting
from dvmweb.lima import process
from tests.journey.cli import sibling

if __name__ == "__main__":
    with_popen = SimpleNamespace(**{**vars(subprocess), "Popen": sibling.Popen})
    for module in (starting, process):
        vars(module)["subprocess"] = with_popen
    main()
