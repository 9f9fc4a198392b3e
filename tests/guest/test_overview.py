"""What a guest reports of itself for the page of its VM: the script run for real, and its reader against lies."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import CheckFailed
from dvmweb.guest.overview import Commit, GuestOverview, parse_overview
from tests.guest.conftest import NONCE, Guest
from tests.guest.test_scripts import git
from tests.guest.test_state import answer

COMMIT = ("commit", "a1b2c3d", "1700000000", "Round half to even", "main")
PROCESS = ("process", "node", "dev", "1500", "2048")
GOOD = (("boot", "3600"), ("system", "Debian GNU/Linux 13"), ("address", "eth0", "192.168.5.15"), COMMIT, PROCESS)


def overview(*records: tuple[str | bytes, ...]) -> bytes:
    return answer(*records, kind="overview")


def asked(guest: Guest) -> GuestOverview:
    done = guest.run("overview", {})
    assert done.returncode == 0, done.stderr
    return parse_overview(done.stdout, NONCE)


def test_a_guest_reports_what_is_true(guest: Guest) -> None:
    git("init", "-q", "-b", "main", str(guest.code), cwd=guest.home)
    git("commit", "-q", "--allow-empty", "-m", "Round half\tto even", cwd=guest.code)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        subprocess.Popen(("sh", "-c", "while :; do :; done")) as busy,
    ):
        try:
            found = asked(guest)
        finally:
            busy.kill()
        mine = next(one for one in found.listeners if one.port == server.getsockname()[1])
    assert found.uptime is not None
    assert abs(found.uptime - (time.time() - psutil.Process(1).create_time())) < 60
    assert found.commit is not None
    assert (found.commit.subject, found.commit.branch) == ("Round half\tto even", "main")
    assert git("rev-parse", "HEAD", cwd=guest.code).startswith(found.commit.hash)
    assert abs(found.commit.at - time.time()) < 600
    assert (mine.is_loopback, mine.program) == (True, psutil.Process().name()[:15])
    assert len(found.processes) == 5
    assert found.processes[0].cpus > 0
    assert all(one.memory > 0 for one in found.processes)


def test_a_demo_guest_reports_nothing_of_its_host(guest: Guest) -> None:
    guest.make_demo()
    found = asked(guest)
    assert found.is_demo
    assert (found.system, found.addresses) == ("", ())
    assert (found.commit, found.no_commit) == (None, "none")


def test_the_settings_of_a_repository_run_nothing(guest: Guest, tmp_path: Path) -> None:
    git("init", "-q", "-b", "main", str(guest.code), cwd=guest.home)
    git("commit", "-q", "--allow-empty", "-m", "one", cwd=guest.code)
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\nexit 1\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "gpg.program", "core.editor", "diff.external"):
        git("config", key, str(trap), cwd=guest.code)
    git("config", "log.showSignature", "true", cwd=guest.code)
    git("config", "alias.log", f"!{trap}", cwd=guest.code)
    assert asked(guest).commit is not None
    assert not (tmp_path / "sprung").exists()


def test_a_repository_without_a_commit_is_not_one_with_an_empty_commit(guest: Guest) -> None:
    git("init", "-q", str(guest.code), cwd=guest.home)
    assert asked(guest).no_commit == "unreadable"


def test_arguments_of_processes_are_never_reported(guest: Guest) -> None:
    with subprocess.Popen(
        ("sh", "-c", "while :; do :; done", "canary-5531"), env={**os.environ, "K": "canary-5532"}
    ) as busy:
        try:
            done = guest.run("overview", {})
        finally:
            busy.kill()
    assert b"canary" not in done.stdout


def test_a_good_answer() -> None:
    found = parse_overview(b"motd" + overview(*GOOD, ("listener", "22", "", "root", "")), NONCE)
    assert found.commit == Commit("a1b2c3d", 1700000000.0, "Round half to even", "main")
    assert (found.uptime, found.addresses) == (3600, (("eth0", "192.168.5.15"),))
    assert (found.processes[0].cpus, found.processes[0].memory) == (1.5, 2 << 20)
    assert (found.listeners[0].port, found.listeners[0].is_loopback) == (22, False)


@pytest.mark.parametrize(
    "records",
    [
        (),
        (COMMIT, COMMIT),
        (COMMIT, ("no-commit", "none")),
        (("no-commit", "maybe"),),
        (("commit", "xyz", "1", "s", ""),),
        (("commit", "a1b2c3d", "-1", "s", ""),),
        (("commit", "a1b2c3d", "1", "s" * 201, ""),),
        (COMMIT, ("boot", "1e9")),
        (COMMIT, ("boot", "9" * 14)),
        (COMMIT, ("surprise", "1")),
        (COMMIT, *(PROCESS,) * 6),
        (COMMIT, ("process", "n" * 33, "dev", "1", "1")),
        (COMMIT, ("process", "n", "dev", "9" * 9, "1")),
        (COMMIT, ("listener", "65536", "", "dev", "n")),
        (COMMIT, ("listener", "1", "yes", "dev", "n")),
        (COMMIT, *(("listener", str(port), "", "dev", "n") for port in range(1, 42))),
        (COMMIT, ("address", "eth0", "1.2.3.4.5")),
        (COMMIT, ("address", "eth0", "javascript:1")),
        (COMMIT, ("system", "x" * 101)),
    ],
)
def test_what_cannot_be_is_refused(records: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(CheckFailed):
        parse_overview(overview(*records), NONCE)


WHOLE = overview(*GOOD, ("listener", "3000", "1", "dev", "node"))


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=4), st.integers(0, 6))
def test_a_bent_answer_never_crashes(at: int, put: bytes, cut: int) -> None:
    try:
        found = parse_overview(WHOLE[:at] + put + WHOLE[at + cut :], NONCE)
    except CheckFailed:
        return
    assert len(found.processes) <= 5
    assert all(0 <= one.port <= 65_535 for one in found.listeners)
