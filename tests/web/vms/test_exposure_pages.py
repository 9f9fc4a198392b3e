"""What a VM can reach, on its page: tested from inside; nothing is green that is old or was not tried."""

from __future__ import annotations

import socket

import pytest

from dvmweb.guest.exposure import KINDS, ExposureReport, Finding
from dvmweb.verbs.exposure.targets import MOST_VMS, targets
from dvmweb.verbs.exposure.testing import _listening
from dvmweb.web.vms.exposure_pages import exposure_view
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, guests_work  # noqa: F401
from tests.web.list.test_pages import config, running, stopped

NOW = 1_000_000.0


def report(result: str, at: float = NOW) -> ExposureReport:
    found = [Finding(who, kind, result, "x") for who in ("user", "agent") for kind in KINDS]
    return ExposureReport(tuple(found), at)


def tones(result: str, at: float = NOW, job_ended: float = 0.0) -> set[str]:
    view = exposure_view(report(result, at), job_ended, NOW)
    return {cell.badge.tone for row in view.rows for cell in (row.user, row.agent) if cell and cell.badge}


def test_green_is_only_what_was_searched_and_not_found_just_now() -> None:
    assert tones("none") == {"ok"}
    assert tones("none", NOW - 100, job_ended=NOW - 50) == {"idle"}
    assert tones("none", NOW - 90_000) == {"idle"}
    assert tones("closed") == {"idle"}
    assert tones("unknown") == {"blind"}
    assert tones("open") == {"warn", "info"}


def test_what_an_agent_reaches_of_its_vm_is_a_warning_and_what_a_user_reaches_by_design_is_not() -> None:
    rows = {row.label: row for row in exposure_view(report("open"), 0.0, NOW).rows}
    assert rows["sudo"].user.badge is not None
    assert rows["sudo"].user.badge.tone == "info"
    agent = rows["sudo"].agent
    assert agent is not None
    assert agent.badge is not None
    assert agent.badge.tone == "warn"


def test_a_vm_is_tested_on_its_page(dvm_home: DvmHome, client: Browser, guests_work: None) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    assert "Not tested yet." in client.get("/vms/app/exposure").text
    assert client.post("/vms/app/exposure").status_code == 303
    page = client.get("/vms/app/exposure").text
    assert "Tested from inside the VM just now." in page
    assert "a demo guest uses the file system of this computer" in page
    dvm_home.ok("stop", "app")
    answer = client.post("/vms/app/exposure")
    assert answer.status_code == 502
    assert "dvm start app" in answer.text
    assert "Test again: the VM was changed since" in answer.text
    assert client.post("/vms/none/exposure").status_code == 404


def test_a_running_vm_that_is_not_tried_is_told_and_not_left_out() -> None:
    every = [
        running(),
        running(name="web", config=config("web")),
        running(name="odd", config=None),
        stopped(name="off", config=config("off")),
    ]
    found = targets(config("app"), every)
    assert [name for name, _, _ in found["vms"]] == ["web"]
    assert found["untried"] == ["odd"]
    many = [running(name=f"a{number}", config=config(f"a{number}")) for number in range(MOST_VMS + 1)]
    assert targets(config("app"), many)["untried"] == [f"a{MOST_VMS}"]


def test_the_port_of_a_test_is_closed_when_the_test_ends() -> None:
    with _listening("token") as port, socket.create_connection(("127.0.0.1", port), 5) as call:
        assert call.recv(10) == b"token"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
