"""The cards of the overview: what the guest reports is made safe and has its age, and what is not known says so."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from dvmweb.errors import CheckFailed
from dvmweb.guest.overview import Commit, GuestOverview, Listener, Process
from dvmweb.lima.instances import Instance
from dvmweb.lima.watching import Snapshot
from dvmweb.records import agent_turns
from dvmweb.records.agent_turns import Turn
from dvmweb.records.guest_status import GuestStatus
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.attention import Facts
from dvmweb.verbs.attention import agents as waiting
from dvmweb.verbs.load.guest_overview import GuestReport, Overviews, why_not
from dvmweb.verbs.load.turns import worked
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from dvmweb.web.vms.overview import overview_pages
from dvmweb.web.vms.overview.overview_views import agent_rows, inside_view
from tests.web.conftest import Browser

NOW = 1_800_000_000.0
HOSTILE = '"><img src=x>\u202e\x1b[31m'
ANSWER = GuestOverview(
    uptime=3600,
    system=f"Debian {HOSTILE}",
    addresses=(("eth0", "192.168.5.15"),),
    commit=Commit("a1b2c3d4", NOW - 1200, f"Round {HOSTILE}", f"main{HOSTILE}"),
    no_commit="",
    processes=(Process(f"node{HOSTILE}", "dev", 1.5, 2 << 20), Process("bash", "agent", 0.0, 1 << 20)),
    listeners=(Listener(22, is_loopback=False, user="root", program=""), Listener(3000, True, "dev", "node")),
)
UP = GuestStatus(answered=True, at=NOW, applied=("claude",), last_answer=NOW)


def a_vm(vms: Vms | None = None, **changes: object) -> Vm:
    config = vms.check_config("app") if vms is not None else SimpleNamespace()
    instance = Instance("dvm-app", "Running", host_agent_pid=7)
    one = Vm("app", "managed", "Running", config, instance, "", UP, None, None)  # type: ignore[arg-type]
    return replace(one, **changes)  # type: ignore[arg-type]


def terminal(command: str, state: str = "waits", turn: float = 0.0) -> TerminalFacts:
    return TerminalFacts("a" * 32, "app", command, 900, 5, 0, 80, 24, ended=False, name=command, state=state, turn=turn)


def test_what_a_guest_reports_is_safe_to_show_and_has_its_age() -> None:
    view = inside_view(GuestReport(NOW - 40, ANSWER, boot=7), NOW)
    facts = dict(view.facts)
    assert view.age == "40 s ago"
    assert facts["Up"] == "1 h 0 min", "counted on since the answer"
    assert facts["Last commit"].startswith("a1b2c3d4 Round ")
    assert facts["Last commit"].endswith("20 min ago")
    assert facts["Address"] == "192.168.5.15 (eth0)"
    assert not [text for text in (*facts.values(), view.processes[0].name) if "\x1b" in text or "\u202e" in text]
    assert (view.processes[0].cpu, view.processes[0].memory) == ("150 %", "2 MiB")
    assert [(one.port, one.program, one.place) for one in view.listeners] == [
        ("22", "a program of root", "on all addresses"),
        ("3000", "node", "only inside the VM"),
    ]


def test_what_is_not_known_says_why() -> None:
    assert inside_view(GuestReport(), NOW).is_pending
    failed = inside_view(GuestReport(NOW, None, "The guest did not answer"), NOW)
    assert (failed.problem, failed.is_pending, failed.facts) == ("The guest did not answer", False, ())
    empty = inside_view(GuestReport(NOW, GuestOverview(None, "", (), None, "none", (), ())), NOW)
    assert dict(empty.facts) == {"Last commit": "no repository in the code folder", "Up": "not known"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"status": "Stopped"}, "the VM is not running"),
        ({"reach": None}, "the guest was not checked yet"),
        ({"reach": GuestStatus(answered=False, at=NOW)}, "the guest did not respond to the last check"),
        ({"config": None}, "the VM has no config that can be read"),
        ({"kind": "not created"}, "the VM is not created"),
    ],
)
def test_only_a_reachable_guest_is_asked(vms: Vms, changes: dict[str, Any], why: str) -> None:
    def ask(_vms: Vms, _vm: Vm) -> GuestOverview:
        assert not why, "it must not be asked"
        return ANSWER

    vm = a_vm(**changes)
    assert why_not(vm) == why
    assert Overviews(ask).fresh(vms, vm).problem == why


def test_pages_share_one_question_and_another_boot_has_none(vms: Vms) -> None:
    asked = []
    begun, goes_on = threading.Event(), threading.Event()

    def ask(_vms: Vms, vm: Vm) -> GuestOverview:
        asked.append(vm.name)
        begun.set()
        assert goes_on.wait(30)
        return ANSWER

    overviews, found = Overviews(ask), []
    pages = [threading.Thread(target=lambda: found.append(overviews.fresh(vms, a_vm()).answer)) for _ in range(5)]
    for page in pages:
        page.start()
    assert begun.wait(30)
    goes_on.set()
    for page in pages:
        page.join()
    assert (asked, found) == (["app"], [ANSWER] * 5)
    other = a_vm(instance=Instance("dvm-app", "Running", host_agent_pid=8))
    assert overviews.known(other) == GuestReport()
    assert overviews.known(a_vm(status="Stopped")).answer is None, "an old answer is not shown as current"


def test_a_question_that_fails_is_not_an_answer(vms: Vms) -> None:
    def ask(_vms: Vms, _vm: Vm) -> GuestOverview:
        raise CheckFailed("The guest's overview answer is incomplete.")

    found = Overviews(ask).fresh(vms, a_vm())
    assert (found.answer, found.problem) == (None, "The guest's overview answer is incomplete")


def test_agents_with_their_state_and_their_work() -> None:
    turns = (
        Turn("claude", NOW - 600, NOW - 300),
        Turn("claude", NOW - 200, NOW - 140),
        Turn("codex", NOW - 99, NOW - 9),
    )
    rows = agent_rows(a_vm(), (terminal("claude"), terminal("shell", "")), turns)
    assert [(one.name, one.badge.word if one.badge else "", one.work) for one in rows] == [
        ("Claude", "Waiting for you", "2 turns, 6 min worked in 24 h"),
        ("Codex", "", "1 turn, 1 min worked in 24 h"),
    ]
    assert [one.work for one in agent_rows(a_vm(), (), ())] == [""], "installed, and reported nothing"
    assert worked((), "claude") == ""


def test_an_item_of_an_agent_that_waits_says_how_much_it_worked() -> None:
    facts = Facts((), NOW, (terminal("claude"),), turns={"app": (Turn("claude", NOW - 4000, NOW - 100),)})
    (item,) = waiting.items(facts)
    assert item.detail.endswith("1 turn, 1 h 5 min worked in 24 h")


def test_the_page_does_not_wait_for_the_guest_and_its_card_asks(
    client: Browser, vms: Vms, monkeypatch: pytest.MonkeyPatch
) -> None:
    vms.init("app")
    asked = []

    def ask(_vms: Vms, vm: Vm) -> GuestOverview:
        asked.append(vm.name)
        return ANSWER

    vm, now, shared = a_vm(vms, reach=replace(UP, at=time.time())), time.time(), Overviews(ask)
    snapshot = Snapshot((vm,), now, None, 1)
    monkeypatch.setattr(Vms, "remembered", lambda _self, _vm: vm)
    monkeypatch.setattr(context, "watch", lambda: SimpleNamespace(snapshot=lambda *_, **__: snapshot))
    monkeypatch.setattr(overview_pages, "overviews", lambda: shared)
    vms.paths.vm_state("app").mkdir(parents=True, exist_ok=True)
    agent_turns.add(vms.paths, "app", Turn("claude", now - 600, now - 300))
    first = client.get("/vms/app").text
    assert asked == []
    assert 'hx-trigger="load, dvm:refresh"' in first
    assert "asking the guest" in first
    assert "1 turn, 5 min worked in 24 h" in first
    part = client.get("/vms/app/inside").text
    assert asked == ["app"]
    assert "load, dvm" not in part, "it would ask without end"
    assert "&lt;img" in part
    assert "<img" not in part
    assert "Busiest processes" in client.get("/vms/app").text, "the answer is kept for a while"
    assert client.get("/vms/app?ask=inside").status_code == 200
    assert asked == ["app"]
