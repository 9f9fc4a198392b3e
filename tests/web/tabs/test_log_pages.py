"""The page of a VM's journal: what the guest wrote is shown, bounded and obeyed by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dvmweb.jobs.inputs import load_input
from dvmweb.lima.process import Finished
from dvmweb.verbs.vms import Vms
from dvmweb.web.tabs import log_pages, log_views
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
    page = brain.get("/vms/brain/log?follow=1")
    assert (page.status_code, SHOWN in page.text, "<script>alert" in page.text) == (200, True, False)
    assert 'hx-trigger="every 3s, dvm:refresh"' in page.text
    assert (asked[0]["DVM_UNITS"], asked[0]["DVM_LINES"]) == ("dvm-llama", "1000"), "of a service its unit first"
    part = brain.get("/vms/brain/log/lines?source=unit:sshd")
    assert part.text.strip().startswith('<div id="log-lines"')
    assert "every 3s" not in part.text, "not followed"
    assert asked[1]["DVM_UNITS"] == "sshd"
    brain.get("/vms/brain?tab=logs&source=journal")
    assert asked[2]["DVM_UNITS"] == "", "all of it"
    text = brain.get("/vms/brain/log/text?source=journal")
    assert text.headers["Content-Disposition"] == 'attachment; filename="brain-journal.txt"'
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "\\x1b]8;;javascript:x\\x07" in text.text


def test_a_search_marks_every_match_in_any_case_and_counts_them(
    brain: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, b"Error one, error two\nnothing\nan <b>ERROR</b>\n")
    page = brain.get("/vms/brain?tab=logs&q=error")
    assert page.text.count("<mark") == 3
    assert '<mark id="hit-3">ERROR</mark>' in page.text
    assert "3 matches" in page.text
    assert "No matches" in brain.get("/vms/brain?tab=logs&q=" + "%3Cb%3Ex").text
    assert log_views.marked(("ab",), "")[1] == 0
    assert log_views.marked(("e" * 5000,), "e")[1] == log_views.MOST_HITS
    assert log_views.marked(("\u0130 x \u0130",), "x")[0][0][1].text == "x", (
        "a lower case that is longer shifts nothing"
    )
    assert "".join(piece.text for piece in log_views.marked(("aXbxc",), "x")[0][0]) == "aXbxc"


def test_the_files_of_an_instance_are_read_without_links_and_a_missing_one_is_named(
    brain: Browser, vms: Vms, tmp_path: Path
) -> None:
    folder = vms.paths.lima_home / "dvm-brain"
    folder.mkdir(parents=True)
    (folder / "lima.yaml").write_text("cpus: 1\n")
    (folder / "ha.stderr.log").write_text('{"level":"fatal","msg":"no <b>disk","time":"2026-11-30T10:00:00Z"}\n')
    (tmp_path / "secret").write_text("canary-5\n")
    (folder / "serial.log").symlink_to(tmp_path / "secret")
    assert "fatal no &lt;b&gt;disk" in brain.get("/vms/brain?tab=logs&source=ha.stderr.log").text
    page = brain.get("/vms/brain?tab=logs&source=serial.log").text
    assert "brain has no serial.log: Lima writes it when the VM starts" in page
    assert "canary-5" not in page
    assert "brain has no serialp.log: only ARM VMs" in brain.get("/vms/brain?tab=logs&source=serialp.log").text
    for wrong in ("../lima.yaml", "lima.yaml", "unit:--x", "unit:", "ssh.config"):
        assert brain.get("/vms/brain", query_string={"tab": "logs", "source": wrong}).status_code == 422, wrong
    (folder / "ha.stdout.log").write_bytes(b"x" * 2000 + b"\n" + b'{"a":1}\n' * 60_000)
    page = brain.get("/vms/brain?tab=logs&source=ha.stdout.log").text
    assert "Older" in page
    assert page.count('class="line"') <= log_pages.LINES


def test_a_flood_is_cut(brain: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, b"".join(b"line %d\n" % number for number in range(100_000)), b"x" * 70_000 + b"\n", b"end\n")
    page = brain.get("/vms/brain/log")
    assert page.text.count('class="line"') <= log_pages.LINES
    assert len(page.data) < 500_000
    assert "end</div>" in page.text
    assert "The last 1000 lines. Older ones are not shown." in page.text
    assert log_pages.tail(b"y" * 400_000).lines[0].endswith("characters)")
    assert log_pages.tail(b"a\nb\n").cut == ""
    assert "kB" in log_pages.tail(b"a\n" + b"y" * 300_000).cut
    assert log_pages.tail(b"").lines == ()


def test_a_guest_that_does_not_answer_is_told_and_asked_no_more(
    brain: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, code=255, stderr=b"\x1b[31mgone <b>\n")
    page = brain.get("/vms/brain/log?follow=1")
    assert "brain does not respond (any more): \\x1b[31mgone &lt;b&gt;" in page.text
    assert "every 3s" not in page.text


def test_what_is_no_unit_or_no_vm_has_no_page(brain: Browser, stranger: Browser) -> None:
    assert brain.get("/vms/nobody/log").status_code == 404
    assert brain.get("/vms/brain/log?source=unit:--vacuum-size%3D1").status_code == 422
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
