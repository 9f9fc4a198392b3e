"""A verb on several VMs: which of them it changes, what is asked first, and what its page says, also after a death."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from dvmweb.errors import NotFound
from dvmweb.jobs.job_record import Process
from dvmweb.records.guest_status import GuestStatus
from dvmweb.verbs.several import record
from dvmweb.verbs.several.choosing import why_not
from dvmweb.verbs.several.record import KEPT, Part, Record
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.list import selected_pages
from dvmweb.web.list.selected_views import selected_page
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work  # noqa: F401
from tests.web.list.test_pages import NOW, busy, running, stopped

RUN = "5" * 32
DEAD = Process(1, "never")


@pytest.mark.parametrize(
    ("verb", "vm", "why"),
    [
        ("start", stopped(), ""),
        ("start", running(), "It is running already."),
        ("start", running(reach=GuestStatus(False, NOW)), ""),
        ("stop", running(), ""),
        ("stop", running(reach=GuestStatus(False, NOW)), ""),
        ("stop", stopped(), "It is not running."),
        ("restart", stopped(), "It is not running."),
        ("restart", running(), ""),
        ("sync", stopped(), ""),
        ("sync", running(), ""),
        ("sync", running(kind="not created", status="", instance=None, reach=None), ""),
        ("start", running(kind="not created", status="", instance=None, reach=None), "app is not created."),
        ("sync", running(job=busy("stop")), "A job is running on it: stop."),
        ("sync", running(config=None, problem="x"), "Its config has errors, so no job can run on it."),
        ("stop", running(kind="unmanaged", config=None), "It was not created by dvm."),
    ],
)
def test_why_a_verb_does_nothing(verb: str, vm: Vm, why: str) -> None:
    assert why_not(verb, vm) == why


def test_a_record_is_kept_and_an_odd_one_is_not_found(vms: Vms) -> None:
    vms.paths.state.mkdir(parents=True, mode=0o700)
    one = Record(RUN, "sync", NOW, Process.of(os.getpid()), (Part("app", "waiting", left=("sync",)), Part("b", "done")))
    record.write(vms.paths, one)
    assert record.read(vms.paths, RUN) == one
    assert not one.is_over
    file = vms.paths.state / record.FOLDER / f"{RUN}.json"
    for text in ("", "[]", "{}", '{"parts": [{}], "process": 3}'):
        file.write_text(text)
        with pytest.raises(NotFound):
            record.read(vms.paths, RUN)
    for name in ("../../x", "", "6" * 32):
        with pytest.raises(NotFound):
            record.read(vms.paths, name)
    for number in range(KEPT + 5):
        record.write(vms.paths, replace(one, id=f"{number:032x}"))
    record.forget_old(vms.paths)
    assert len(list(file.parent.glob("*.json"))) == KEPT


def test_after_a_killed_dashboard_nothing_is_shown_as_waiting() -> None:
    parts = (
        Part("never", "waiting", left=("stop", "start")),
        Part("half", "running", job="a" * 32, left=("start",)),
        Part("whole", "running", job="b" * 32),
        Part("goes", "running", job="c" * 32),
        Part("out", "skipped", "It is not running."),
    )
    jobs = {
        "a" * 32: replace(busy("stop"), state="succeeded"),
        "b" * 32: replace(busy("stop"), state="succeeded"),
        "c" * 32: busy("stop"),
    }
    shown = selected_page(Record(RUN, "restart", NOW, DEAD, parts), jobs, NOW)
    rows = {row.name: (row.badge.word, row.detail) for row in shown.rows}
    assert rows["never"] == ("Not started", "The dashboard was stopped before its turn. Nothing was changed.")
    assert rows["half"] == ("Not finished", "The dashboard was stopped, so this was not started: start.")
    assert rows["whole"] == ("Done", "")
    assert rows["goes"][0] == "Running"
    assert not shown.is_over, "a running job is followed"
    assert selected_page(Record(RUN, "restart", NOW, DEAD, parts[:1]), {}, NOW).is_over


@pytest.mark.usefixtures("guests_work")
def test_several_are_started_and_each_result_is_shown(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    for name in ("one", "two", "three"):
        dvm_home.ok("init", name)
    dvm_home.ok("sync", "one")
    dvm_home.ok("stop", "one")
    eventually(lambda: all(f'value="{name}"' in client.get("/").text for name in ("one", "two", "three")))
    eventually(lambda: "Stopped" in client.get("/").text)
    answer = client.post("/selected", data={"verb": "start", "vm": ["one", "two", "one", "nobody"]})
    assert answer.status_code == 303, answer.text
    path = answer.headers["Location"].removeprefix(client.sessions.prefix)
    text = eventually(lambda: (t := client.get(path).text) and "1 done" in t.lower() and t)
    assert "two is not created." in text
    assert "There is no VM of this name any more." in text
    assert "Start 3 VMs" in text
    assert "hx-get" not in re.sub(r".*<section", "<section", client.get(f"{path}/rows").text, flags=re.S), "it is over"
    assert [job.verb for job in vms.jobs("one")] == ["start", "stop", "sync"]
    assert not vms.jobs("two")


@pytest.mark.usefixtures("guests_work")
def test_a_terminal_that_was_opened_after_the_question_is_not_ended(
    client: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dvm_home.ok("init", "one")
    dvm_home.ok("sync", "one")
    eventually(lambda: "Reachable" in client.get("/").text)
    monkeypatch.setattr(selected_pages, "_terminals_of", lambda _: {"one": "1 open terminal"})
    answer = client.post("/selected", data={"verb": "stop", "vm": ["one"], "sure": "others", "keep": ["two"]})
    assert answer.status_code == 303, answer.text
    assert "It has open terminals." in client.get(answer.headers["Location"].removeprefix(client.sessions.prefix)).text
    assert [job.verb for job in vms.jobs("one")] == ["sync"]


def test_what_is_no_selection_is_refused(client: Browser) -> None:
    assert client.post("/selected", data={"verb": "sync"}).status_code == 422
    assert client.post("/selected", data={"verb": "evil", "vm": "app"}).status_code == 422
    assert client.post("/selected", data={"verb": "sync", "vm": "../x"}).status_code == 404
    assert (
        client.post("/selected", data={"verb": "sync", "vm": [f"a{number}" for number in range(201)]}).status_code
        == 422
    )
    assert client.get(f"/selected/{RUN}").status_code == 404
    deleted = client.post("/selected", data={"verb": "delete", "vm": ["a", "b"]})
    assert deleted.headers["Location"].endswith("/delete-several?vm=a&vm=b")
