"""The note of a VM's last use: another mark after each use, and a session that was killed does not go on for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dvmweb import vm_use_marks
from dvmweb.paths import Paths, from_environment
from dvmweb.records import last_use


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = from_environment({"HOME": str(tmp_path), "PATH": "", "DVM_ENGINE": "demo"})
    found.vm_state("app").mkdir(parents=True, mode=0o700)
    return found


def test_each_use_has_another_mark(paths: Paths) -> None:
    assert last_use.read(paths, "app") == last_use.Use()
    marks = []
    for _ in range(50):
        last_use.touch(paths, "app")
        marks.append(last_use.read(paths, "app").mark)
    assert len(set(marks)) == 50
    assert last_use.read(paths, "app").at == pytest.approx(time.time(), abs=60)
    assert last_use.read(paths, "other") == last_use.Use()


def test_a_vm_that_is_gone_is_not_noted_anew(paths: Paths) -> None:
    last_use.touch(paths, "gone")
    assert not paths.vm_state("gone").exists()


def test_a_link_in_the_place_of_the_note_is_not_followed(paths: Paths, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x")
    before = other.stat().st_mtime_ns
    (paths.vm_state("app") / vm_use_marks.USED).symlink_to(other)
    last_use.touch(paths, "app")
    assert other.stat().st_mtime_ns == before


def test_two_sessions_of_one_process_are_two(paths: Paths) -> None:
    with last_use.session(paths, "app"):
        with last_use.session(paths, "app"):
            inside = last_use.read(paths, "app")
        between = last_use.read(paths, "app")
        assert between.is_now
        assert between.mark != inside.mark
    after = last_use.read(paths, "app")
    assert not after.is_now
    assert after.mark != between.mark
    assert list((paths.vm_state("app") / vm_use_marks.FOLDER).iterdir()) == []


def test_a_session_that_was_killed_is_a_use_of_unknown_time(paths: Paths) -> None:
    program = "import sys; from dvmweb import paths; from dvmweb.records import last_use; import os\n"
    program += "p = paths.from_environment(os.environ)\n"
    program += "with last_use.session(p, 'app'):\n    print('in', flush=True); sys.stdin.read()\n"
    environ = {"HOME": str(paths.home), "PATH": "", "DVM_ENGINE": "demo"}
    child = subprocess.Popen(
        (sys.executable, "-c", program), env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "in\n"
        during = last_use.read(paths, "app")
        assert during.is_now
        child.kill()
        child.wait()
    after = last_use.read(paths, "app")
    assert not after.is_now
    assert after.mark != during.mark
    assert last_use.read(paths, "app") == after


def test_odd_files_among_the_sessions_are_no_session(paths: Paths) -> None:
    folder = paths.vm_state("app") / vm_use_marks.FOLDER
    folder.mkdir()
    for name in ("1", "x", "0-" + "a" * 16, ".1-" + "a" * 16):
        (folder / name).write_text("")
    (folder / ("1-" + "a" * 16)).write_bytes(b"\xff" * 100_000)
    assert not last_use.read(paths, "app").is_now
