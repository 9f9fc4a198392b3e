"""The example project: said before it is done, and then a VM with a server and a commit that is not pushed."""

from __future__ import annotations

from urllib.request import urlopen

import pytest

from dvmweb.errors import UsageError
from dvmweb.host_ports import Listener
from dvmweb.verbs import example
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work  # noqa: F401


def test_the_empty_list_offers_it_in_one_line(client: Browser) -> None:
    eventually(lambda: 'id="first-steps"' in client.get("/").text)
    text = client.get("/").text
    assert 'href="' in text.partition('id="example"')[2]
    assert "Install Lima</a> for real VMs" in text or "restart <code>dvm web</code>" in text


def test_where_lima_is_installed_it_is_not_offered(client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dvmweb.web.list.pages.limactl_program", lambda _: "/usr/bin/limactl")
    eventually(lambda: 'id="first-steps"' in client.get("/").text)
    text = client.get("/").text.partition('id="first-steps"')[2]
    assert "Install Lima" not in text.partition("</section>")[0]


def test_it_says_what_it_does_and_changes_nothing(client: Browser, vms: Vms) -> None:
    text = client.get("/example").text
    assert "a commit that is not pushed" in text
    assert 'id="start-example"' in text
    assert not vms.paths.vm_config("example").exists()


@pytest.mark.usefixtures("guests_work")
def test_it_becomes_a_vm_with_a_server_and_unsaved_work(client: Browser, vms: Vms, dvm_home: DvmHome) -> None:  # noqa: F811
    port = example.free_port(vms)
    answer = client.post("/example")
    assert answer.status_code == 303
    (job,) = vms.jobs()
    assert answer.headers["Location"].endswith(f"/jobs/{job.id}")
    eventually(lambda: not vms.job(job.id).is_open, 120)
    assert vms.job(job.id).state == "succeeded"
    with urlopen(f"http://127.0.0.1:{port}/") as page:
        assert b"Hello from inside a VM" in page.read()
    listed = vms.listed("example")
    assert listed is not None
    assert "1 commit not pushed" in dvm_home.dvm("work", "example").out
    assert client.post("/example").headers["Location"].endswith("/vms/example")  # it is opened
    assert len(vms.jobs()) == 2


def test_a_port_that_is_taken_is_left_out_here_and_in_other_configs(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "listeners", lambda *_, **__: {8000: Listener(8000)})
    assert example.free_port(vms) == 8001
    vms.init("app")
    vms.paths.vm_config("app").write_text("ports: [8001]\n")
    vms.init("bad")
    vms.paths.vm_config("bad").write_text("ports: [x]\n")
    assert example.free_port(vms) == 8002
    monkeypatch.setattr(example, "listeners", lambda *_, **__: {port: Listener(port) for port in example.PORTS})
    with pytest.raises(UsageError, match="all in use"):
        example.free_port(vms)
