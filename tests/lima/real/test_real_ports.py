"""Ports on real Lima: who has one is told before the start, in every list, and at the end of a job."""

from __future__ import annotations

import json
import socket
import urllib.request
from typing import Any

from tests.journey.conftest import until
from tests.journey.test_ports import free_port, taken
from tests.lima.real.conftest import BOOT, RealDvmHome

PORT = free_port()


def port(real: RealDvmHome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(real.ok("ls", "--json"))[0]["ports"][0]
    return found


def serve(real: RealDvmHome) -> None:
    server = "cd /tmp && echo hello >index.html && exec python3 -m http.server --bind 127.0.0.1 3000"
    real.ok("ssh", "app", "--", "sudo", "systemd-run", "--unit", "served", "--uid", "dev", "bash", "-c", server)


def test_01_a_taken_port_is_told_before_anything_is_made(real: RealDvmHome) -> None:
    path = real.init("app")
    path.write_text(path.read_text() + f'\nports: ["{PORT}:3000"]\n')
    with taken(PORT):
        said = real.dvm("sync", "app", timeout=BOOT)
    assert said.code == 8
    assert "is in use by" in said.err
    assert not (real.paths.lima_home / "dvm-app").exists()


def test_02_a_free_one_leads_to_the_vm_as_soon_as_something_listens(real: RealDvmHome) -> None:
    real.ok("sync", "app", timeout=BOOT)
    assert port(real)["state"] == "quiet"
    serve(real)
    until(lambda: port(real)["state"] == "open", 60)
    assert port(real)["is_held"] is True
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/index.html", timeout=60) as answer:
        assert answer.read() == b"hello\n"


def test_03_a_program_that_was_faster_is_named_and_what_lima_refused_too(real: RealDvmHome) -> None:
    real.ok("ssh", "app", "--", "sudo", "systemctl", "stop", "served")
    until(lambda: port(real)["state"] == "quiet", 60)
    with taken(PORT):
        serve(real)
        log = real.paths.lima_home / "dvm-app" / "ha.stderr.log"
        until(lambda: b"failed to listen" in log.read_bytes(), 60)
        assert port(real)["state"] == "taken"
        assert "python" in str(port(real)["holder"])
        said = real.dvm("sync", "app", timeout=BOOT)
        assert said.code == 8
        assert "does not lead to app; everything else was done" in said.err
    assert port(real)["state"] == "refused"
    assert real.dvm("start", "app", timeout=BOOT).code == 8
    real.ok("ssh", "app", "--", "sudo", "systemctl", "stop", "served")
    until(lambda: port(real)["state"] == "quiet", 60)
    serve(real)
    until(lambda: port(real)["state"] == "open", 60)
    real.ok("sync", "app", timeout=BOOT)


def test_04_a_changed_port_is_told_until_the_restart(real: RealDvmHome) -> None:
    path = real.paths.vm_config("app")
    path.write_text(path.read_text().replace(f"{PORT}:3000", f"{PORT}:4000"))
    real.ok("sync", "app", timeout=BOOT)
    found = json.loads(real.ok("ls", "--json"))[0]["ports"]
    assert [(one["guest_port"], one["state"]) for one in found] == [(4000, "waits"), (3000, "leaves")]
    with socket.create_connection(("127.0.0.1", PORT), timeout=30):
        pass  # the old one is open all the while
