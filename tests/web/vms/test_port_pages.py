"""The page of a VM's ports: what answers is a link, and forms open and close one without script."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.verbs.vms import Vms
from tests.journey.test_ports import free_port, taken
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, guests_work  # noqa: F401


@pytest.fixture
def config(dvm_home: DvmHome, client: Browser, vms: Vms, guests_work: None) -> Path:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    return vms.paths.vm_config("app")


def test_a_port_is_opened_and_closed_on_the_page(client: Browser, config: Path) -> None:
    port = free_port()
    assert "No ports." in client.get("/vms/app/ports").text
    assert "/vms/app/ports" in client.get("/vms/app").text
    assert client.post("/vms/app/ports/open", data={"port": f" {port} "}).status_code == 303
    page = client.get("/vms/app/ports").text
    assert page.count("no program in the VM listens on it") == 1, "the chip has the number only"
    assert f'href="http://app.localhost:{port}/"' not in page
    assert f"- {port}" in config.read_text() or f"[{port}]" in config.read_text()
    assert client.post("/vms/app/ports/close", data={"port": str(port)}).status_code == 303
    assert "No ports." in client.get("/vms/app/ports").text
    assert "\nports:" not in config.read_text()


def test_a_port_that_waits_says_so_once(client: Browser, config: Path) -> None:
    port = free_port()
    config.write_text(f"{config.read_text()}\nports: [{port}]\n")
    page = client.get("/vms/app/ports").text
    assert page.count("opens after a restart of the VM") == 1
    assert f'id="port-1">{port}</span>' in page
    assert f"{port} opens after a restart of the VM</span>" in client.get("/vms/app").text


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
        assert "<b>" not in answer.text.partition('id="port-problem"')[2].partition("</form>")[0].replace("<b>", "", 1)
    for number in ("x", "-1", "999999", str(port)):
        assert client.post("/vms/app/ports/close", data={"port": number}).status_code in (404, 422)
    assert client.get("/vms/none/ports").status_code == 404
    assert config.read_bytes() == before
