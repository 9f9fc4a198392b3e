"""A scripted evening of use: `evening.sh` beside this file, on the demo engine; tests/lima/real runs it on Lima."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.journey.cli.home import DvmHome
from tests.journey.driver import User
from tests.needs import needs
from tests.places import TOP

SCRIPT = Path(__file__).with_name("evening.sh")


def runs(home: DvmHome, seconds: float) -> None:
    """Run the script with the `dvm` of this checkout; what it printed is shown if it fails."""
    programs = home.home / "bin"
    programs.mkdir()
    (programs / "dvm").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m dvmweb "$@"\n')
    (programs / "dvm").chmod(0o755)
    environ = {**home.environ, "PATH": f"{programs}:{home.environ['PATH']}"}
    done = subprocess.run(
        ("bash", str(SCRIPT)), cwd=TOP, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    assert done.stdout.endswith("the evening is over\n")


@pytest.mark.slow
@needs("jq")
@pytest.mark.usefixtures("guests_work")
def test_an_evening_on_the_demo_engine(user: User) -> None:
    runs(user.home, 300)
