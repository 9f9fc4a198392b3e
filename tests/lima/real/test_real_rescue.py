"""Rescue and live ports on real Lima: a port opens without a restart, and work outlives its VM."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path

from dvmweb.process_identity import is_alive
from tests.journey.conftest import until
from tests.journey.guest.test_rescue import SEEN, WORK
from tests.journey.test_ports import free_port, taken
from tests.lima.real.conftest import BOOT, RealDvmHome

PORT = free_port()


def states(real: RealDvmHome) -> list[tuple[int, str]]:
    return [(one["guest_port"], one["state"]) for one in json.loads(real.ok("port", "app", "ls", "--json"))]


def runs(real: RealDvmHome, vm: str, script: str) -> str:
    return real.ok("ssh", vm, "--", "bash", "-ec", script, timeout=600)


def test_01_a_port_opens_on_the_running_vm_and_is_called_open_when_it_answers(real: RealDvmHome) -> None:
    real.init("app")
    real.ok("sync", "app", timeout=BOOT)
    with taken(PORT):
        said = real.dvm("port", "app", "add", f"{PORT}:3000")
        assert (said.code, "python" in said.err) == (8, True), said
    assert "open, added to the config" in real.ok("port", "app", "add", f"{PORT}:3000")
    assert states(real) == [(3000, "quiet")]
    server = "cd /tmp && echo hello >index.html && exec python3 -m http.server --bind 127.0.0.1 3000"
    real.ok("ssh", "app", "--", "sudo", "systemd-run", "--unit", "served", "--uid", "dev", "bash", "-c", server)
    until(lambda: states(real) == [(3000, "open")], 60)
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/index.html", timeout=60) as answer:
        assert answer.read() == b"hello\n"
    assert json.loads(real.ok("ls", "--json"))[0]["ports"][0]["state"] == "live"


def test_02_it_ends_with_the_connection_and_is_opened_again_or_closed(real: RealDvmHome) -> None:
    record = json.loads((real.paths.vm_state("app") / "live-ports.json").read_text())
    os.kill(record[0]["pid"], signal.SIGTERM)  # ssh's shared connection
    until(lambda: not is_alive(record[0]["pid"], record[0]["born"]))
    assert states(real) == [(3000, "waits")]
    real.ok("port", "app", "add", f"{PORT}:3000")
    until(lambda: states(real) == [(3000, "open")], 60)
    assert "closed, removed" in real.ok("port", "app", "rm", "3000")
    assert states(real) == []
    with taken(PORT):
        pass  # nothing holds it


def test_03_the_work_of_a_deleted_vm_is_back_in_another_one(real: RealDvmHome, tmp_path: Path) -> None:
    if not real.paths.vm_config("app").exists():  # this test alone
        real.init("app")
        real.ok("sync", "app", timeout=BOOT)
    runs(real, "app", WORK)
    before, file = runs(real, "app", SEEN), tmp_path / "app.tar"
    said = real.dvm("rescue", "app", str(file), timeout=BOOT)
    assert (said.code, "4 repositories" in said.err) == (0, True), said
    assert file.stat().st_mode & 0o777 == 0o600
    assert real.dvm("rescue", "app", str(file), timeout=BOOT).code == 2
    real.ok("rm", "app", "--yes", "--force", timeout=BOOT)

    real.init("other")
    real.ok("sync", "other", timeout=BOOT)
    said = real.dvm("rescue", "app", "--from", str(file), "--into", "other", timeout=BOOT)
    assert said.code == 0, said
    assert runs(real, "other", f"cd rescued/app; {SEEN}") == before
