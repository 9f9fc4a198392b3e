"""The tab *Ports* of a VM: what answers is a link, and forms open and close one without script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dvmweb.errors import CheckFailed
from dvmweb.guest.overview import GuestOverview, Listener
from dvmweb.verbs.load.guest_overview import GuestReport, Overviews
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.tabs import port_views
from dvmweb.web.vms.overview.overview_pages import EXTENSION
from tests.journey.test_ports import free_port, taken
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work  # noqa: F401


@pytest.fixture
def config(dvm_home: DvmHome, client: Browser, vms: Vms, guests_work: None) -> Path:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    return vms.paths.vm_config("app")


def test_a_port_is_opened_and_closed_on_the_page(client: Browser, config: Path) -> None:
    port = free_port()
    assert "No ports." in client.get("/vms/app/ports").text
    assert "?tab=ports" in client.get("/vms/app").text
    assert client.post("/vms/app/ports/open", data={"port": f" {port} "}).status_code == 303
    page = client.get("/vms/app/ports").text
    assert page.count("Forwarded, nothing listens") == 1
    assert f'href="http://app.localhost:{port}/"' not in page
    assert f"- {port}" in config.read_text() or f"[{port}]" in config.read_text()
    assert client.post("/vms/app/ports/close", data={"port": str(port)}).status_code == 303
    assert "No ports." in client.get("/vms/app/ports").text
    assert "\nports:" not in config.read_text()


def test_a_port_that_waits_says_so_once(client: Browser, config: Path) -> None:
    port = free_port()
    config.write_text(f"{config.read_text()}\nports: [{port}]\n")
    page = client.get("/vms/app/ports").text
    assert page.count("Waits for a restart") == 1
    assert client.get("/vms/app").text.count("opens after a restart of the VM") == 1


def test_what_is_refused_is_shown_with_the_form(client: Browser, config: Path) -> None:
    before, port = config.read_bytes(), free_port()
    with taken(port):
        answer = client.post("/vms/app/ports/open", data={"port": str(port)})
    assert answer.status_code == 409
    assert f"Port {port} of the host is in use by" in answer.text
    assert f'value="{port}"' in answer.text
    for typed in ("x", "", '"><b>', "80", "8722"):
        answer = client.post("/vms/app/ports/open", data={"port": typed})
        assert answer.status_code == 422, typed
        assert 'aria-invalid="true"' in answer.text
        assert "<b>" not in answer.text.partition('id="port-error"')[2].partition("</form>")[0]
    for number in ("x", "-1", "999999", str(port)):
        assert client.post("/vms/app/ports/close", data={"port": number}).status_code in (404, 422)
    assert client.get("/vms/none/ports").status_code == 404
    assert config.read_bytes() == before


def test_a_live_port_leaves_the_config_as_it_is_until_it_is_added(client: Browser, config: Path) -> None:
    before, port = config.read_text(), free_port()
    assert client.post("/vms/app/ports/open", data={"port": str(port), "live": "1"}).status_code == 303
    page = client.get("/vms/app?tab=ports").text
    assert "Until the VM stops or its ssh connection ends; not in the config" in page
    assert config.read_text() == before
    assert f'id="declare-{port}"' in page
    assert client.post("/vms/app/ports/open", data={"port": f"{port}:{port}"}).status_code == 303
    assert str(port) in config.read_text()
    assert 'id="declare-' not in client.get("/vms/app?tab=ports").text


def test_a_port_gets_another_number_here_with_the_same_checks(client: Browser, config: Path) -> None:
    old, new, other = free_port(), free_port(), free_port()
    for host, inner in ((old, 3000), (other, 4000)):
        assert client.post("/vms/app/ports/open", data={"port": f"{host}:{inner}"}).status_code == 303
    assert 'id="move-port"' in client.get(f"/vms/app?tab=ports&change={old}").text
    assert 'id="move-port"' not in client.get("/vms/app?tab=ports&change=1").text
    before = config.read_bytes()
    with taken(new):
        answer = client.post("/vms/app/ports/move", data={"port": str(old), "host": str(new)})
        assert answer.status_code == 409
    for wrong in ("", "x", "80", "8722", str(other), str(old), "999999"):
        answer = client.post("/vms/app/ports/move", data={"port": str(old), "host": wrong})
        assert answer.status_code == 422, wrong
        assert 'id="host-error"' in answer.text
    assert config.read_bytes() == before
    assert client.post("/vms/app/ports/move", data={"port": str(old), "host": str(new)}).status_code == 303
    text = config.read_text()
    assert f"{new}:3000" in text
    assert str(old) not in text
    page = client.get("/vms/app?tab=ports").text
    assert f'id="port-row-{new}"' in page
    assert f'id="port-row-{old}"' not in page


def test_the_rows_alone_are_for_the_page_itself(client: Browser, config: Path) -> None:
    part = client.get("/vms/app/ports?part=1", headers={"HX-Request": "true"}).text.strip()
    assert part.startswith('<section class="panel" id="ports"')
    assert "<html" in client.get("/vms/app/ports?part=1").text, "whole without htmx"


LISTENERS = (
    Listener(22, False, "root", ""),
    Listener(3000, True, "dev", '"><b>vite\u202e'),
    Listener(3000, False, "dev", "node"),
    Listener(5000, True, "", ""),
)


def reported(**more: Any) -> GuestOverview:
    return GuestOverview(None, "", (), None, "none", (), LISTENERS, **more)


def test_what_listens_in_the_guest_is_named_with_its_age_and_opened_by_a_click(
    client: Browser, config: Path, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = free_port()
    assert client.post("/vms/app/ports/open", data={"port": f"{host}:3000"}).status_code == 303
    assert "asking the guest" in client.get("/vms/app?tab=ports").text
    app.extensions[EXTENSION] = Overviews(lambda _vms, _vm: reported())
    eventually(lambda: "reported just now" in client.get("/vms/app/ports/listening").text)
    page = client.get("/vms/app?tab=ports").text
    rows, listening = page.partition('id="listeners"')[::2]
    assert 'class="program">node' in rows
    assert listening.count('<span class="mono">3000</span>') == 1
    assert f"to {host} here" in listening
    assert "a program of root" in listening
    assert "a program of another user" in listening
    assert 'id="listener-5000"' in listening
    assert 'id="listener-22"' not in listening, "this computer opens no port below 1024 for a user"
    assert 'id="listener-3000"' not in listening
    monkeypatch.setattr(port_views, "FRESH", 0.0)
    assert 'class="program"' not in client.get("/vms/app?tab=ports").text, "of an old report"


def test_what_listens_is_not_known_where_the_guest_does_not_answer(client: Browser, config: Path, app: Flask) -> None:
    def silent(_vms: Vms, _vm: Vm) -> GuestOverview:
        raise CheckFailed("The guest's overview answer is '<b>incomplete'.")

    app.extensions[EXTENSION] = Overviews(silent)
    eventually(lambda: "incomplete" in client.get("/vms/app/ports/listening").text)
    part = client.get("/vms/app/ports/listening").text
    assert "Not known: The guest" in part
    assert "<b>" not in part
    assert "Nothing." not in part
    assert client.get("/vms/none/ports/listening").status_code == 404


def test_a_stopped_vm_has_no_such_part(client: Browser, config: Path, dvm_home: DvmHome) -> None:  # noqa: F811
    dvm_home.ok("stop", "app")
    eventually(lambda: 'id="listeners"' not in client.get("/vms/app?tab=ports").text)
    assert "Not known: the VM is not running" in client.get("/vms/app/ports/listening").text


def test_a_report_lists_each_port_once_and_hostile_text_is_safe() -> None:
    view = port_views.listeners(GuestReport(1.0, reported()), (), 5.0, can_change=True)
    assert [(one.port, one.program, one.place) for one in view.rows] == [
        (22, "a program of root", "on all addresses"),
        (3000, "node", "on all addresses"),
        (5000, "a program of another user", "only inside the VM"),
    ]
    hostile = GuestOverview(None, "", (), None, "none", (), (Listener(1, True, "\x1b[31m", "\u202e\x07"),))
    shown = port_views.listeners(GuestReport(1.0, hostile), (), 5.0, can_change=False).rows[0]
    assert shown.program.isascii()
    assert shown.program.isprintable()
    assert not shown.can_open


def test_the_dashboard_is_not_served_at_the_name_of_a_vm(client: Browser) -> None:
    for host in ("app.localhost", "app.localhost:8722", "localhost"):
        assert client.get("/", headers={"Host": host}).status_code == 421
