"""The table: order by what the cards show, columns by choice; the filters: counts, combinations, addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dvmweb.guest.unsaved_work import UnsavedWorkReport, failed_report
from dvmweb.lima.watching import Snapshot
from dvmweb.records.guest_status import GuestStatus
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.vms import Vm
from dvmweb.web.list.agents import of_terminals
from dvmweb.web.list.filters import FILTERS, ListQuery
from dvmweb.web.list.table import KEYS
from dvmweb.web.list.views import ListPage, list_page, seen
from dvmweb.web.ui.preferences import COLUMNS, SORTS, Preferences
from tests.web.conftest import Browser
from tests.web.list.test_pages import GIB, NOW, UNPUSHED, config, put, running, stopped

CLEAN = UnsavedWorkReport(NOW - 240, "/c")
BUSY = running("busy", reach=GuestStatus(True, NOW - 5, 90, GIB), work=UNPUSHED)
CALM = running("calm", reach=GuestStatus(True, NOW - 5, 3, 3 * GIB), work=CLEAN)
OLD = running("old", reach=GuestStatus(True, NOW - 900, 99, 4 * GIB), work=CLEAN, since="used")  # not current
HUNG = running("hung", reach=GuestStatus(False, NOW - 5), work=failed_report("no answer"))
NEW = running("new", kind="not created", status="", instance=None, reach=None)
EVERY = (BUSY, CALM, HUNG, NEW, OLD)


def page(*vms: Vm, wanted: ListQuery = ListQuery(), **liked: object) -> ListPage:  # noqa: B008
    preferences = Preferences(**{"view": "table", **liked})  # type: ignore[arg-type]
    disks = {"busy": 7 * GIB, "calm": 9 * GIB}
    return list_page(Snapshot(tuple(vms), NOW, None, 1), wanted, NOW, disks, GIB, liked=preferences)


@pytest.mark.parametrize(
    ("sort", "is_descending", "names"),
    [
        ("name", False, "busy calm hung new old"),
        ("name", True, "old new hung calm busy"),
        ("state", False, "hung busy calm new old"),
        ("work", False, "busy hung old calm new"),
        ("work", True, "calm old hung busy new"),
        ("cpu", True, "busy calm hung new old"),
        ("cpu", False, "calm busy hung new old"),
        ("memory", True, "calm busy hung new old"),
        ("disk", False, "busy calm hung new old"),
    ],
)
def test_it_sorts_by_what_it_shows_and_the_unknown_comes_last(sort: str, is_descending: bool, names: str) -> None:
    shown = page(*EVERY, sort=sort, is_descending=is_descending)
    assert " ".join(card.name for card in shown.cards) == names
    asked = page(*EVERY, wanted=ListQuery(sort=sort, is_descending=is_descending))
    assert [card.name for card in asked.cards] == names.split(), "the address wins over what is remembered"


def test_every_column_sorts() -> None:
    assert set(KEYS) == set(SORTS) == {"name", *COLUMNS}
    for sort in SORTS:
        assert len(page(*EVERY, sort=sort).rows) == len(EVERY)


def test_a_green_word_in_the_table_is_that_of_the_card() -> None:
    rows = {row.card.name: row.card for row in page(*EVERY, sort="work").rows}
    tones = {name: card.work.tone for name, card in rows.items() if card.work}
    assert tones == {"busy": "risk", "calm": "safe", "hung": "blind", "old": "blind"}


def test_the_head_says_how_it_sorts_and_where_a_click_leads() -> None:
    columns = {one.name: one for one in page(BUSY, columns=("state", "disk"), sort="disk", is_descending=True).columns}
    assert list(columns) == ["name", "state", "disk"]
    assert (columns["disk"].aria, columns["disk"].direction) == ("descending", "ascending")
    assert (columns["name"].aria, columns["name"].direction) == ("", "ascending")
    assert page(BUSY, columns=("memory",)).columns[1].direction == "descending", "the largest first"


def test_chips_without_a_vm_stay_away_and_the_counts_are_of_all() -> None:
    shown = page(*EVERY, wanted=ListQuery(show="unknown", query="hu"))
    assert {one.name: one.number for one in shown.filters} == {
        "": 5,
        "running": 4,
        "unsaved": 1,
        "unknown": 2,
        "clean": 1,
    }
    assert [card.name for card in shown.cards] == ["hung"]
    assert [one.name for one in page(wanted=ListQuery(show="service")).filters] == ["", "service"], "the current stays"
    assert set(FILTERS) >= {"waiting", "agent", "service"}


def test_recipe_and_kind_combine_with_a_chip() -> None:
    node = running("node", config=config("node", recipes=["node"]))
    both = stopped("both", config=config("both", recipes=["node", "git"]))
    gate = running("gate", config=config("gate", kind="tailscale"))
    shown = page(node, both, gate, wanted=ListQuery(recipe="node", show="running"))
    assert [card.name for card in shown.cards] == ["node"]
    assert {one.name: dict(one.options) for one in shown.choices} == {
        "recipe": {"git": 1, "node": 2},
        "kind": {"vm": 2, "tailscale": 1},
    }
    assert [one.name for one in page(node).choices] == [], "one word leaves out nothing"
    assert [card.name for card in page(node, both, gate, wanted=ListQuery(kind="tailscale")).cards] == ["gate"]
    assert page(node, both, gate, wanted=ListQuery(show="service")).cards[0].name == "gate"


def test_an_address_keeps_the_other_filters() -> None:
    wanted = ListQuery.of({"q": "shop", "show": "running", "recipe": "node", "sort": "cpu", "direction": "descending"})
    assert wanted.address() == "?q=shop&show=running&recipe=node&sort=cpu&direction=descending"
    assert wanted.address(show="") == "?q=shop&recipe=node&sort=cpu&direction=descending"
    assert ListQuery().address() == ""
    assert ListQuery.of({"sort": "evil", "show": "x", "recipe": "r" * 999}) == ListQuery(recipe="r" * 80)


def test_agents_in_terminals_are_shown_with_their_state() -> None:
    facts = TerminalFacts("a" * 32, "app", "claude", 60, 5, 0, 80, 24, ended=False, state="waits", since=30)
    ended = replace(facts, id="b" * 32, ended=True)
    opened = of_terminals((facts, ended, replace(facts, id="c" * 32, command="shell", state="")))
    app = running("app", config=config("app", recipes=["claude", "codex"]))
    shown = list_page(Snapshot((app,), NOW, None, 1), ListQuery(show="waiting"), NOW, {}, GIB, (), opened)
    (card,) = shown.cards
    assert [(one.text, one.state) for one in card.agents] == [("Claude", "waiting for you"), ("Codex", "")]
    assert {"waiting", "agent"} <= set(card.tags)
    assert seen(Snapshot((app,), NOW, None, 1), NOW, (), opened) != seen(Snapshot((app,), NOW, None, 1), NOW)


def test_the_page_shows_the_table_that_is_remembered(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    put(client, Snapshot(EVERY, NOW, None, 1), monkeypatch)
    assert 'id="vms-table"' not in client.get("/").text
    client.post("/preferences", data={"view": "table", "sort": "name", "direction": "descending"})
    text = client.get("/").text
    assert text.index('id="vm-old"') < text.index('id="vm-busy"')
    assert '<th scope="col" aria-sort="descending" class="c-name">' in text
    assert 'id="cards"' not in text
    found = client.get("/?sort=name&show=running").text
    assert found.index('id="vm-busy"') < found.index('id="vm-old"')
    assert '<tr id="vm-new" data-card data-vm="new"' in found
    assert found.count("hidden>\n  <td>") == 1, "what a filter leaves out is hidden"
