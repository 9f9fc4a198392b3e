"""The page of a VM's journal: what the guest wrote is shown, bounded and obeyed by nobody."""

from __future__ import annotations

from typing import Any

import pytest

from dvmweb.jobs.inputs import load_input
from dvmweb.lima.process import Finished
from dvmweb.verbs.vms import Vms
from dvmweb.web.vms import log_pages
from dvmweb.web.vms.tab_views import service_view
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, finished, guests_work  # noqa: F401

HOSTILE = b"</div><script>alert(1)</script>\x1b]8;;javascript:x\x07 \xe2\x80\xae\xff\n"
SHOWN = "&lt;/div&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\x1b]8;;javascript:x\\x07 \\u202e\\xff"


@pytest.fixture
def brain(client: Browser, vms: Vms) -> Browser:
    vms.init("brain", kind="llama")
    return client


def answer(monkeypatch: pytest.MonkeyPatch, *said: bytes, code: int = 0, stderr: bytes = b"") -> list[Any]:
    """Let a guest answer so; what it was asked."""
    asked: list[Any] = []

    class Guest:
        def query(self, _instance: str, script: Any) -> Finished:
            asked.append(script.variables)
            return Finished((), code, b"".join(said), stderr, 0.1)

    def running(self: Vms, name: str, *, is_quiet: bool) -> tuple[Any, Any]:
        assert is_quiet, "a page that asks every three seconds would push all else out of the ledger"
        return load_input(self.paths, self.environ, name, "check"), Guest()

    monkeypatch.setattr(Vms, "running", running)
    return asked


def test_hostile_lines_are_text(brain: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, b"2026-11-28 dvm-llama: ready\n", HOSTILE)
    page = brain.get("/vms/brain/log")
    assert (page.status_code, SHOWN in page.text, "<script>alert" in page.text) == (200, True, False)
    assert 'hx-trigger="every 3s, dvm:refresh"' in page.text
    assert (asked[0]["DVM_UNITS"], asked[0]["DVM_LINES"]) == ("dvm-llama", "200")
    part = brain.get("/vms/brain/log?part=1&unit=sshd", headers={"HX-Request": "true"})
    assert part.text.strip().startswith('<section id="journal"')
    assert asked[1]["DVM_UNITS"] == "sshd"
    assert "<html" in brain.get("/vms/brain/log?part=1").text, "whole without htmx"


def test_a_flood_is_cut(brain: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, b"".join(b"line %d\n" % number for number in range(100_000)), b"x" * 70_000 + b"\n", b"end\n")
    page = brain.get("/vms/brain/log")
    assert page.text.count('class="line"') <= log_pages.LINES
    assert len(page.data) < 100_000
    assert "end</div>" in page.text
    assert log_pages.tail(b"y" * 200_000)[0].endswith("characters)")
    assert log_pages.tail(b"") == ()


def test_a_guest_that_does_not_answer_is_told_and_asked_no_more(
    brain: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, code=255, stderr=b"\x1b[31mgone <b>\n")
    page = brain.get("/vms/brain/log")
    assert "brain does not respond (any more): \\x1b[31mgone &lt;b&gt;" in page.text
    assert "every 3s" not in page.text


def test_what_is_no_unit_or_no_vm_has_no_page(brain: Browser, stranger: Browser) -> None:
    assert brain.get("/vms/nobody/log").status_code == 404
    assert brain.get("/vms/brain/log?unit=--vacuum-size%3D1").status_code == 422
    assert "brain is not created." in brain.get("/vms/brain/log").text
    assert stranger.get("/vms/brain/log").status_code in (303, 401, 403)


def test_the_page_of_a_service_says_how_it_is_reached(brain: Browser, vms: Vms) -> None:
    text = brain.get("/vms/brain").text
    assert "<code>http://lima-dvm-brain.internal:8080</code>" in text
    assert "llama service" in text
    assert "Repository" not in text
    config = vms.paths.vm_config("brain")
    config.write_text(config.read_text() + "\nparams: {llama: {llama_port: 9000}}\n")
    found = vms.check_config("brain")
    from dvmweb import recipes

    view = service_view(found, recipes.order(found.recipes, recipes.RecipeCatalog(vms.paths)))
    assert (view.units, view.addresses) == (("dvm-llama",), ("http://lima-dvm-brain.internal:9000",))


def test_the_delete_page_of_a_service_says_what_nobody_looks_at(
    dvm_home: DvmHome,  # noqa: F811
    client: Browser,
    vms: Vms,
    guests_work: None,  # noqa: F811
) -> None:
    vms.init("gate", kind="tailscale")
    assert finished(vms, client.post("/vms/gate/sync")).state == "succeeded"
    text = client.get("/vms/gate/delete").text
    assert "Not checked" in text
    assert "its identity in your tailnet" in text
