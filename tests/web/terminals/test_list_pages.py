"""The page of all terminals: who needs somebody, and the forms that open, name and close one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dvmweb.errors import CheckFailed
from dvmweb.guest.agent.sandbox_report import FAILED, AgentResult, Finding, SandboxReport
from dvmweb.records.guest_status import GuestStatus
from dvmweb.terminals import client as terminals
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs import processes_in_use
from dvmweb.verbs.processes_in_use import Occupied
from dvmweb.web.terminals import list_pages as terminal_list_pages
from dvmweb.web.terminals import views as terminal_views
from dvmweb.web.terminals.list_pages import close_title
from tests.terminals.conftest import DvmHome, eventually
from tests.web.conftest import Browser, a_vm


def facts(**more: Any) -> TerminalFacts:
    given = {
        "id": "f" * 32,
        "vm": "app",
        "command": "shell",
        "age": 60,
        "idle": 1,
        "viewers": 0,
        "cols": 80,
        "rows": 24,
    }
    return TerminalFacts(**{**given, "ended": False, "name": "shell", **more})


@pytest.mark.parametrize(
    ("told", "word", "needs"),
    [
        (facts(), "Open", False),
        (facts(state="waits", command="claude"), "Waiting for you", True),
        (facts(state="waits", guess=True, command="codex"), "Seems to be waiting", True),
        (facts(state="works", guess=True, command="codex"), "Seems to be working", False),
        (facts(state="works", command="claude"), "Working", False),
        (facts(state="ended", ended=True, command="claude"), "Ended", True),
        (facts(state="rang", guess=True), "Rang the bell", True),
        (facts(state="of a newer keeper"), "Open", False),
    ],
)
def test_a_guess_is_told_from_a_word(told: TerminalFacts, word: str, needs: bool) -> None:
    row = terminal_views.row(told)
    assert (row.badge.word, row.needs_attention) == (word, needs)
    assert ("guessed" in row.detail) == (told.guess and told.state != "rang")
    assert ("Guessed" in row.badge.title) == told.guess


def test_who_needs_somebody_comes_first_the_longest_waiting_on_top() -> None:
    every = terminal_views.rows(
        [
            facts(id="1" * 32, vm="b"),
            facts(id="2" * 32, state="waits", since=10, command="claude"),
            facts(id="3" * 32, state="ended", ended=True, since=90, command="codex"),
            facts(id="4" * 32, vm="a"),
            facts(id="5" * 32, ended=True),
        ]
    )
    assert [one.id[0] for one in every] == ["3", "2", "4", "1"]
    assert terminal_views.heading(every) == "4 terminals, 2 waiting for you"


def test_an_agent_is_offered_where_the_guest_said_that_its_recipe_is_done() -> None:
    assert terminal_views.openers(a_vm()) == ()
    vm = replace(a_vm(), reach=GuestStatus(True, 0.0, applied=("baseline", "claude", "mistral")))
    assert [one.text for one in terminal_views.openers(vm)] == ["Open Claude", "Open Vibe"]


def test_no_agent_is_opened_behind_a_sandbox_with_a_hole(
    client: Browser, keeper: DvmHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (Finding(FAILED, "it reads the home"),)
    holed = SandboxReport((AgentResult("claude", FAILED, 40, found),))
    vm = replace(a_vm(), reach=GuestStatus(True, 0.0, applied=("claude",)), sandbox=holed)
    assert terminal_views.openers(vm) == ()
    monkeypatch.setattr(terminal_list_pages, "find_vm", lambda _: vm)
    answer = client.post("/vms/app/terminals", data={"command": "claude"})
    assert answer.status_code == 409
    assert "failed its test" in answer.text
    assert terminals.list_terminals(keeper) == ()


# -- the pages --------------------------------------------------------------------------------------------------------


def test_the_page_without_a_terminal_says_so(client: Browser) -> None:
    page = client.get("/terminals").text
    assert "No open terminals" in page
    none: dict[str, list[str]] = {"running": [], "ended": []}
    assert client.get("/attention/needing").json == {"needing": [], "is_blind": False, "jobs": none}


def open_one(client: Browser, **form: str) -> str:
    answer = client.post("/vms/app/terminals", data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].partition("?id=")[2]


def test_a_terminal_is_opened_named_and_listed_without_script(client: Browser, keeper: DvmHome) -> None:
    opened = open_one(client)
    answer = client.post(f"/terminals/{opened}/name", data={"name": "<b>dev</b> server"})
    assert answer.status_code == 303
    page = client.get("/terminals").text
    assert "&lt;b&gt;dev&lt;/b&gt; server" in page
    assert "1 terminal, none waiting for you" in page
    assert client.post(f"/terminals/{opened}/name", data={"name": ""}).status_code == 422
    assert client.post(f"/terminals/{'0' * 32}/name", data={"name": "x"}).status_code == 404


def test_no_command_comes_from_an_address(client: Browser, keeper: DvmHome) -> None:
    opened = open_one(client, command="codex")
    assert client.get("/vms/app/terminals?command=shell").status_code == 405
    assert client.get("/vms/app/terminal?command=codex&new=1").status_code == 200
    assert [one.command for one in terminals.list_terminals(keeper)] == ["codex"]
    assert client.post("/vms/app/terminals", data={"command": "id; true"}).status_code == 422
    terminals.close(keeper, opened)


def test_an_agent_that_waits_is_marked_everywhere(client: Browser, keeper: DvmHome) -> None:
    opened = terminals.open_terminal(keeper, "agent", command="claude")
    eventually(lambda: bool(answer_needing(client)))
    needing = answer_needing(client)[0]
    assert (needing["path"], needing["title"]) == (f"/vms/agent/terminal?id={opened}", "agent: claude: waiting for you")
    page = client.get("/terminals").text
    assert "1 terminal, 1 waiting for you" in page
    assert "data-waiting" in page


def answer_needing(client: Browser) -> list[dict[str, Any]]:
    told = client.get("/attention/needing").json
    assert told is not None
    return list(told["needing"])


# -- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("occupied", "words"),
    [
        (Occupied(is_known=True, programs=("npm",)), "npm is running in it"),
        (Occupied(is_known=True, programs=("npm", "vim")), "npm, vim are running in it"),
        (Occupied(is_known=False), "could not be checked"),
    ],
)
def test_close_asks_while_something_runs(
    client: Browser, keeper: DvmHome, monkeypatch: pytest.MonkeyPatch, occupied: Occupied, words: str
) -> None:
    monkeypatch.setattr(processes_in_use, "what_runs", lambda *_: occupied)
    opened = open_one(client)
    asked = client.post(f"/terminals/{opened}/close")
    assert asked.status_code == 409
    assert words in asked.text
    assert words in close_title("shell", occupied)
    told = client.post(f"/terminals/{opened}/close", data={"as": "json"})
    assert (told.status_code, told.json and told.json["closed"]) == (409, False)
    assert len(terminals.list_terminals(keeper)) == 1
    assert client.post(f"/terminals/{opened}/close", data={"sure": "1", "back": "1"}).status_code == 303
    eventually(lambda: terminals.list_terminals(keeper) == ())


def test_an_idle_shell_is_closed_at_once(client: Browser, keeper: DvmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_in_use, "what_runs", lambda *_: Occupied(is_known=True))
    opened = open_one(client)
    assert client.post(f"/terminals/{opened}/close", data={"as": "json"}).json == {"closed": True}
    eventually(lambda: terminals.list_terminals(keeper) == ())


@pytest.mark.parametrize(
    ("told", "vm", "occupied"),
    [
        (facts(ended=True), None, Occupied(is_known=True)),
        (facts(command="claude"), a_vm(), Occupied(is_known=True, programs=("Claude",))),
        (facts(), a_vm(status="Stopped"), Occupied(is_known=True)),
        (facts(), a_vm(status="Broken"), Occupied(is_known=False)),
        (facts(), None, Occupied(is_known=False)),
        (facts(), a_vm(), Occupied(is_known=False)),
    ],
)
def test_what_is_not_known_is_never_nothing(vms: Any, told: TerminalFacts, vm: Any, occupied: Occupied) -> None:
    assert processes_in_use.what_runs(vms, vm, told) == occupied


def test_a_keeper_that_does_not_answer_is_told_and_never_none(
    client: Browser, keeper: DvmHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(_vms: object) -> tuple[TerminalFacts, ...]:
        raise CheckFailed("The keeper of the terminals does not answer.", "See its process.")

    monkeypatch.setattr(terminals, "list_terminals", stuck)
    assert client.get("/terminals").status_code == 502
    assert "does not answer" in client.get("/terminals").text
    none: dict[str, list[str]] = {"running": [], "ended": []}
    assert client.get("/attention/needing").json == {"needing": [], "is_blind": True, "jobs": none}
    assert "agents that wait for you are not shown" in client.get("/attention").text
    cards = client.get("/cards")
    assert cards.status_code == 200
    assert "agents that wait for you are not shown" in cards.text
