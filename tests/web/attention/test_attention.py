"""Needs attention: what becomes an item, what it is called, what can be done about it, and how it is snoozed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dvmweb.guest.agent.sandbox_report import FAILED, AgentResult, SandboxReport
from dvmweb.guest.agent.sandbox_report import Finding as Hole
from dvmweb.guest.unsaved_work import UnsavedWorkReport
from dvmweb.jobs.job_record import Failure, Job, StepRecord
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.differences import NEVER, NEW_VM, Difference
from dvmweb.lima.lima_yaml.ports import PortState
from dvmweb.records import snoozes
from dvmweb.records.guest_status import GuestStatus
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.attention import Facts, Item, items
from dvmweb.verbs.recipes.usage import APPLIED, CHANGED, Standing, Use
from dvmweb.verbs.vm import Vm
from dvmweb.web.attention import views
from tests.web.conftest import Browser, a_vm

NOW = 1_800_000_000.0
GIB = 1 << 30
FAILED_JOB = Job(
    *("1" * 32, "app", "sync"),
    state="failed",
    ended=NOW - 60,
    steps=(StepRecord("Start VM", state="done"), StepRecord("Recipe schema", state="failed")),
    failure=Failure("DvmError", "Recipe `schema` failed (exit code 3)\nmore", "", ""),
)
CLEAN = UnsavedWorkReport(NOW - 900, "/home/dev/code/app")
BLIND = UnsavedWorkReport(NOW - 30, "/home/dev/code/app", problems=("no permission: \x1b[31mdata",))


def a_terminal(state: str, **more: Any) -> TerminalFacts:
    given: dict[str, Any] = {"id": "a" * 32, "vm": "app", "command": "claude", "age": 60, "idle": 1, "viewers": 0}
    return TerminalFacts(**{**given, "cols": 80, "rows": 24, "ended": False, "name": "claude", **more}, state=state)


def made(vm: Vm, **more: Any) -> list[Item]:
    return list(items(Facts((vm,), NOW, **more)))


ITEMS: dict[str, tuple[Vm, dict[str, Any], str, tuple[str, ...]]] = {
    "agent": (
        *(a_vm(), {"terminals": (a_terminal("waits", since=720.0),)}),
        *("claude: waiting for you", ("terminal",)),
    ),
    "bell": (a_vm(), {"terminals": (a_terminal("rang", guess=True),)}, "claude: rang the bell", ("terminal",)),
    "failed job": (replace(a_vm(), failed=FAILED_JOB), {}, "Sync failed", ("job", "again")),
    "interrupted": (replace(a_vm(), failed=replace(FAILED_JOB, state="interrupted")), {}, "Sync was interrupted", ()),
    "config": (a_vm(problem="/x/app.yaml: cpus: not a number\nmore"), {}, "The config has errors", ("edit",)),
    "silent": (
        *(replace(a_vm(), reach=GuestStatus(False, NOW, last_answer=NOW - 480)), {}),
        *("Not reachable", ("log", "start")),
    ),
    "broken": (replace(a_vm(status="Broken"), instance=Instance("dvm-app", "Broken")), {}, "Broken", ("vm", "log")),
    "check failed": (
        *(replace(a_vm(), work=CLEAN, failed_check=BLIND), {}),
        *("Check for unsaved work failed", ("check", "vm")),
    ),
    "never checked well": (replace(a_vm(), work=BLIND), {}, "Check for unsaved work failed", ("check", "vm")),
    "stale": (
        *(replace(a_vm(status="Stopped"), work=CLEAN, since="used"), {}),
        *("Check for unsaved work is stale", ("vm",)),
    ),
    "sandbox": (
        replace(a_vm(), sandbox=SandboxReport((AgentResult("claude", FAILED, 40, (Hole(FAILED, "it reads"),)),))),
        *({}, "Agent sandbox failed its test", ("vm", "sync")),
    ),
    "port": (
        replace(a_vm(), ports=(PortState(3000, 3000, "taken", "nginx"), PortState(3001, 3001, "open"))),
        *({}, "Port 3000 does not lead to the VM", ("ports",)),
    ),
    "disk": (
        replace(a_vm(), instance=Instance("dvm-app", "Running", disk=20 * GIB)),
        *({"disks": {"app": 19 * GIB}}, "The disk file has grown to 19.0 GiB of 20.0 GiB", ("edit", "vm")),
    ),
    "recipes": (
        a_vm(),
        {
            "uses": {
                "node": (Use("app", "by name", Standing(CHANGED)),),
                "git": (Use("app", "by name", Standing(APPLIED)),),
            }
        },
        *("1 recipe has changed", ("sync", "recipe")),
    ),
    "pending": (
        replace(a_vm(), pending=(Difference("cpus", "2", "4"), Difference("user", "dev", "me", NEW_VM))),
        *({}, "The config differs from the VM", ("sync-restart", "edit")),
    ),
}


@pytest.mark.parametrize("name", ITEMS)
def test_what_needs_attention(name: str) -> None:
    vm, more, title, todos = ITEMS[name]
    (item,) = made(vm, **more)
    assert item.title == title
    assert item.vm == "app"
    assert tuple(todo.act for todo in item.todos)[: len(todos)] == todos
    assert item.todos, "each item has something to do"
    assert "\x1b" not in item.detail
    row = views.row(item, {}, NOW)
    assert all(action.path.startswith("/") and "{" not in action.path for action in row.actions)


QUIET = {
    "nothing known": a_vm(),
    "clean": replace(a_vm(), work=replace(CLEAN, checked_at=NOW)),
    "in use, and checked soon": replace(a_vm(), work=CLEAN, since="used"),
    "a new job runs": replace(a_vm(), failed=FAILED_JOB, job=replace(FAILED_JOB, state="running")),
    "unmanaged": replace(a_vm("unmanaged", "Broken"), instance=Instance("other", "Broken")),
    "small disk": replace(a_vm(), instance=Instance("dvm-app", "Running", disk=20 * GIB)),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_needs_none(name: str) -> None:
    working = (a_terminal("works"), a_terminal("", command="shell"))
    assert made(QUIET[name], terminals=working, disks={"app": GIB}) == []


def test_a_later_event_of_the_same_kind_has_another_key() -> None:
    first, second = (made(replace(a_vm(), failed=replace(FAILED_JOB, id=one * 32)))[0] for one in "12")
    again = made(replace(a_vm(), failed=replace(FAILED_JOB, id="1" * 32)))[0]
    assert first.key == again.key != second.key


def test_another_question_of_the_same_agent_is_another_event() -> None:
    keys = [made(a_vm(), terminals=(a_terminal("waits", event=event),))[0].key for event in ("1.0", "1.0", "7.5")]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("change", ["a check between", "another error", "repaired"])
def test_what_happens_again_is_not_hidden_by_a_snooze(change: str) -> None:
    pairs = {
        "a check between": (
            replace(a_vm(), work=CLEAN, failed_check=BLIND),
            replace(a_vm(), work=replace(CLEAN, checked_at=NOW - 60), failed_check=BLIND),
        ),
        "another error": (a_vm(problem="cpus: no number"), a_vm(problem="cpus: no number\nmemory: no size")),
        "repaired": (
            replace(a_vm(status="Broken"), instance=Instance("dvm-app", "Broken")),
            replace(a_vm(status="Broken"), instance=Instance("dvm-app", "Broken"), job_ended=NOW),
        ),
    }
    first, second = pairs[change]
    assert made(first)[0].key != made(second)[0].key


def test_a_snooze_ends_when_its_item_is_gone(vms: Any) -> None:
    for name in ("gone", "here"):
        snoozes.snooze(vms.paths, name, NOW + 60, NOW)
    snoozes.keep_only(vms.paths, {"here", "other"}, NOW)
    assert set(snoozes.read(vms.paths, NOW)) == {"here"}
    snoozes.keep_only(vms.paths, set(), NOW)
    assert snoozes.read(vms.paths, NOW) == {}


def test_a_job_that_needs_a_secret_is_not_run_again_by_a_button() -> None:
    job = replace(FAILED_JOB, failure=Failure("SecretNeeded", "It needs a secret.", "", ""))
    (item,) = made(replace(a_vm(), failed=job))
    assert [todo.act for todo in item.todos] == ["job"]


@pytest.mark.parametrize(
    ("status", "ways", "acts"),
    [
        ("Running", ("restart",), ["sync-restart", "edit"]),
        ("Stopped", ("restart",), ["sync", "edit"]),
        ("Running", (NEW_VM,), ["edit"]),
        ("Stopped", (NEVER,), ["edit"]),
        ("Running", ("restart", NEVER), ["edit"]),  # the sync would be refused
    ],
)
def test_what_is_offered_applies_the_difference(status: str, ways: tuple[str, ...], acts: list[str]) -> None:
    vm = replace(a_vm(status=status), pending=tuple(Difference("disk", "2", "1", way) for way in ways))
    (item,) = made(vm)
    assert [todo.act for todo in item.todos] == acts
    sent = [(one.path, one.fields) for one in views.row(item, {}, NOW).actions if one.text == "Sync and restart"]
    assert sent == ([("/vms/app/sync", {"restart": "1"})] if "sync-restart" in acts else [])


@pytest.mark.parametrize(
    ("verb", "paths"), [("delete", []), ("checkpoint", []), ("rewind", ["/checkpoints"]), ("stop", ["again"])]
)
def test_what_is_confirmed_on_its_own_page_is_not_run_again_by_a_button(verb: str, paths: list[str]) -> None:
    (item,) = made(replace(a_vm(), failed=replace(FAILED_JOB, verb=verb)))
    log, *others = (action.path for action in views.row(item, {}, NOW).actions)
    assert log == f"/jobs/{FAILED_JOB.id}"
    assert others == [f"/jobs/{FAILED_JOB.id}/again" if path == "again" else path for path in paths]


def test_a_snoozed_item_is_counted_apart() -> None:
    (item,) = made(replace(a_vm(), failed=FAILED_JOB))
    page = views.attention_page((item,), {}, 3, NOW)
    assert (page.heading, page.lead, page.is_waiting) == ("1 item needs attention", "2 of 3 VMs need nothing", True)
    snoozed = {snoozes.digest(item.key): NOW + 3600}
    page = views.attention_page((item,), snoozed, 3, NOW)
    assert (page.heading, page.rows, page.is_waiting) == ("Nothing needs attention", (), False)
    assert [(one.text, one.number) for one in page.filters] == [("All", 0), ("Snoozed", 1)]
    (row,) = views.attention_page((item,), snoozed, 3, NOW, "snoozed").rows
    assert row.snoozed == "snoozed for 1 h 1 min"
    assert views.needing((item,), snoozed) == []


def test_a_silent_keeper_is_never_nothing() -> None:
    assert views.attention_page((), {}, 1, NOW, is_blind=True).heading == "Not everything could be checked"


# -- the pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> Item:
    (item,) = made(replace(a_vm(), failed=replace(FAILED_JOB, failure=Failure("E", "<b>no</b>", "", ""))))
    monkeypatch.setattr("dvmweb.web.attention.pages.attention.items", lambda _: (item,))
    return item


def test_the_page_shows_snoozes_and_shows_again(client: Browser, failed: Item) -> None:
    page = client.get("/attention").text
    assert "1 item needs attention" in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    name = snoozes.digest(failed.key)
    assert client.post(f"/attention/{name}/snooze", data={"hours": "24"}).status_code == 303
    none: dict[str, list[str]] = {"running": [], "ended": []}
    assert client.get("/attention/needing").json == {"needing": [], "is_blind": False, "jobs": none}
    assert "Nothing needs attention" in client.get("/attention").text
    assert "Sync failed" in client.get("/attention?show=snoozed").text
    assert client.post(f"/attention/{name}/snooze", data={"hours": "0"}).status_code == 303
    answer = client.get("/attention/needing").json
    assert answer is not None
    assert [(one["title"], one["path"]) for one in answer["needing"]] == [("app: Sync failed", f"/jobs/{'1' * 32}")]


@pytest.mark.parametrize(
    ("name", "hours"), [("x", "1"), ("f" * 24, "-1"), ("f" * 24, "1e9"), ("f" * 24, ""), ("g" * 24, "1")]
)
def test_a_snooze_that_is_none(client: Browser, name: str, hours: str) -> None:
    assert client.post(f"/attention/{name}/snooze", data={"hours": hours}).status_code == 422


def test_the_file_of_snoozes(client: Browser, vms: Any) -> None:
    for number in range(600):
        snoozes.snooze(vms.paths, f"{number}", NOW + 1000 - number, NOW)
    found = snoozes.read(vms.paths, NOW)
    assert len(found) == snoozes.MOST
    assert "0" in found
    assert snoozes.read(vms.paths, NOW + 2000) == {}
    (vms.paths.state / snoozes.FILE).write_text('{"a": "soon", "b": []}')
    assert snoozes.read(vms.paths, NOW) == {}
    assert client.get("/attention").status_code == 200
