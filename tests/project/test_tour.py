"""`make tour` does the whole job, says where it cannot, and leaves nothing behind, also when it is stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.places import TOP

TOUR = TOP / "scripts" / "tour.sh"
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def dvm() -> None:
    if not (BIN / "dvm").exists():
        pytest.skip("dvm is not installed beside this Python (make setup does it)")


def start(**environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["/bin/sh", str(TOUR)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DVM_TOUR_BIN": str(BIN), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until(process: subprocess.Popen[str], words: str) -> str:
    """Read the tour's output up to a line with `words`."""
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return "".join(seen)
    pytest.fail("the tour ended too early:\n" + "".join(seen))


def home_of(text: str) -> Path:
    found = re.search(r"/tmp/dvm-tour\.\w+", text)
    assert found, text
    return Path(found[0])


def left_behind(home: Path) -> Iterator[str]:
    """Files and processes of a tour that is over."""
    if home.exists():
        yield str(home)
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(home) in word for word in process.info["cmdline"] or ()):
            yield f"{process.info['pid']} {process.info['cmdline']}"


@pytest.mark.slow
def test_the_whole_job() -> None:
    process = start()
    text, _ = process.communicate(timeout=110)
    assert process.returncode == 0, text
    if "has no guests" in text:
        assert "Left out here" in text
        pytest.skip("the demo has no guests on this machine; the tour said so")
    for said in ("commit not pushed", "dvm rm tour --yes --force", "That was the whole job", "not created"):
        assert said in text, text
    assert not list(left_behind(home_of(text)))


@pytest.mark.slow
def test_a_machine_without_guests_is_told_so(tmp_path: Path) -> None:
    """A hardened Linux: Bubblewrap is there and may not make a namespace."""
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    process = start(PATH=f"{tmp_path}:{os.environ['PATH']}")
    text, _ = process.communicate(timeout=110)
    assert process.returncode == 0, text
    assert "The demo has no guests on this host" in text
    assert "Left out here" in text
    assert not list(left_behind(home_of(text)))


def test_a_step_that_fails_stops_the_tour(tmp_path: Path) -> None:
    broken = tmp_path / "dvm"
    broken.write_text("#!/bin/sh\necho 'something broke' >&2\nexit 9\n")
    broken.chmod(0o755)
    process = start(DVM_TOUR_BIN=str(tmp_path))
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "something broke" in text
    assert "exit code 9 where 0 was expected" in text


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind() -> None:
    process = start()
    text = until(process, "done     Start VM")
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=110)
    assert process.returncode != 0, text + rest
    assert not list(left_behind(home_of(text)))
