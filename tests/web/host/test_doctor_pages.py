"""The page of the doctor: never green for what did not run, and repairs by a button."""

from __future__ import annotations

import pytest

from dvmweb.errors import DvmError
from dvmweb.verbs import doctor
from dvmweb.verbs.doctor import Finding, State
from dvmweb.verbs.vms import Vms
from dvmweb.web.host import doctor_views
from tests.web.conftest import Browser


def test_the_page_comes_before_its_checks_have_run(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Vms) -> tuple[Finding, ...]:
        raise AssertionError("checked")

    monkeypatch.setattr(doctor, "examine_host", never)
    monkeypatch.setattr(doctor, "examine_vms", never)
    text = client.get("/doctor").text
    assert 'hx-trigger="load"' in text
    assert "Not checked yet." in text  # without script
    assert "state ok" not in text


def test_each_part_says_when_it_was_checked_and_the_worst_is_first(client: Browser) -> None:
    text = client.get("/doctor/findings/host").text
    assert "checked at " in text
    assert "The demo engine is in use" in text
    assert text.index("Warning") < text.index("OK")
    assert "0 listed, none with a problem" in client.get("/doctor/findings/vms").text
    assert client.get("/doctor/findings/else").status_code == 404
    assert client.get("/doctor?now=1").text.count("checked at ") == 2


def test_a_broken_config_leads_to_its_vm(client: Browser, vms: Vms) -> None:
    vms.init("app")
    vms.paths.vm_config("app").write_text("cpus: many\n")
    text = client.get("/doctor/findings/vms").text
    assert "Problem" in text
    assert "/vms/app" in text


def test_checks_that_fail_are_not_known(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Vms) -> tuple[Finding, ...]:
        raise DvmError("The <b>engine</b> is gone.")

    monkeypatch.setattr(doctor, "examine_host", fails)
    text = client.get("/doctor/findings/host").text
    assert "The checks failed" in text
    assert "The &lt;b&gt;engine" in text
    assert "state ok" not in text


def test_what_is_safe_to_repair_has_a_button(client: Browser, vms: Vms) -> None:
    vms.paths.config.mkdir(parents=True)
    vms.paths.config.chmod(0o775)
    assert "Close the folder to others" in client.get("/doctor/findings/host").text
    text = client.post("/doctor/repair", data={"repair": "close the folder to others"}).text
    assert "is no longer writable by others." in text
    assert vms.paths.config.stat().st_mode & 0o022 == 0
    text = client.post("/doctor/repair", data={"repair": "close the folder to others"}).text
    assert "nothing left to repair" in text
    assert client.post("/doctor/repair", data={"repair": "rm -rf"}).status_code == 422


def test_no_problem_is_said_only_if_each_check_ran() -> None:
    ok, unknown = Finding("a", State.OK, "Fine."), Finding("b", State.UNKNOWN, "It cannot be read.")
    assert doctor_views.part("host", (ok,), 0.0, 1.0).summary == "No problem found"
    mixed = doctor_views.part("host", (ok, unknown), 0.0, 1.0)
    assert (mixed.summary, mixed.tone) == ("1 not checked", "blind")
    assert doctor_views.part("host", (), 0.0, 1.0).summary == "Nothing was checked"
