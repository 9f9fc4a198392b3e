"""The recipe `example`: a project with a running server and a commit that is not pushed; made once."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from urllib.request import urlopen

from dvmweb.host_ports import listeners
from tests.guest.conftest import Guest
from tests.journey.test_ports import free_port


def git(guest: Guest, *words: str) -> str:
    argv = ("git", "-c", "safe.directory=*", "-C", str(guest.code), *words)
    return subprocess.run(argv, capture_output=True, check=True, text=True, env=guest.environment()).stdout


def test_the_example_is_made_once_and_its_server_answers(guest: Guest) -> None:
    port = free_port()
    try:
        first = guest.apply("example", {"DVM_EXAMPLE_PORT": str(port)})
        assert first.returncode == 0, first.stdout + first.stderr
        commits = git(guest, "log", "--format=%s").splitlines()
        assert git(guest, "rev-list", "--count", "origin/main..HEAD") == "1\n"
        (guest.code / "mine").write_text("kept")
        second = guest.apply("example", {"DVM_EXAMPLE_PORT": str(port)})
        assert second.returncode == 0, second.stdout + second.stderr
        assert git(guest, "log", "--format=%s").splitlines() == commits
        assert (guest.code / "mine").read_text() == "kept"
        with urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            assert b"<html" in answer.read()
    finally:
        for one in listeners([port]).values():
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGTERM)


def test_a_port_that_is_none_is_refused(guest: Guest) -> None:
    for port in ("80", "x", "99999", ""):
        done = guest.apply("example", {"DVM_EXAMPLE_PORT": port})
        assert done.returncode != 0, port
        assert b"is not a valid port" in done.stdout + done.stderr
