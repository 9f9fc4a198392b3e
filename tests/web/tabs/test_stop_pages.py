"""A stop of a VM asks before it ends what runs in terminals: the page, and the command line."""

from __future__ import annotations

import io
from typing import Any

import pytest

from dvmweb.cli import reports
from dvmweb.errors import CheckFailed, UnsavedWork
from dvmweb.terminals import client as terminals
from dvmweb.verbs import processes_in_use
from dvmweb.verbs.processes_in_use import Ending, Occupied
from dvmweb.verbs.vms import Vms
from tests.terminals.conftest import DvmHome
from tests.web.conftest import Browser
from tests.web.terminals.test_list_pages import facts

HOSTILE = "<b>\x1b[2J"


def of(monkeypatch: pytest.MonkeyPatch, *open_ones: terminals.TerminalFacts, occupied: Occupied) -> list[str]:
    """Terminals as the keeper tells them, and what runs in each; returns the ids that were asked for."""
    asked: list[str] = []

    def what_runs(_vms: object, _vm: object, one: terminals.TerminalFacts) -> Occupied:
        asked.append(one.id[0])
        return occupied

    monkeypatch.setattr(processes_in_use, "list_terminals", lambda _: open_ones)
    monkeypatch.setattr(processes_in_use, "what_runs", what_runs)
    monkeypatch.setattr(Vms, "list_vms", lambda _: ())
    return asked


def silent(_vms: object) -> tuple[terminals.TerminalFacts, ...]:
    raise CheckFailed("The keeper of the terminals does not answer.")


THREE = (facts(id="1" * 32, vm="other"), facts(id="2" * 32, ended=True), facts(id="3" * 32, name=HOSTILE))


def test_only_what_is_in_use_in_this_vm_is_told(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = of(monkeypatch, *THREE, occupied=Occupied(is_known=True, programs=("npm", "vim")))
    [one] = processes_in_use.what_a_stop_ends(vms, "app")
    assert asked == ["3"]
    assert str(one).endswith(": npm, vim")
    assert "\x1b" not in str(one)
    of(monkeypatch, *THREE, occupied=Occupied(is_known=True))
    assert processes_in_use.what_a_stop_ends(vms, "app") == ()


def test_a_guest_that_is_silent_is_asked_once_and_never_taken_for_idle(
    vms: Vms, monkeypatch: pytest.MonkeyPatch
) -> None:
    shells = tuple(facts(id=str(i) * 32) for i in range(4))
    asked = of(monkeypatch, *shells, occupied=Occupied(is_known=False))
    assert [str(one).partition(": ")[2] for one in processes_in_use.what_a_stop_ends(vms, "app")] == [
        "could not be checked"
    ] * 4
    assert asked == ["0"]


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of the stop jobs that would have begun."""
    found: list[dict[str, Any]] = []

    def start_job(_vms: Vms, name: str, verb: str, options: dict[str, Any], secrets: object = None) -> Any:
        found.append({"name": name, "verb": verb, **options})
        raise UnsavedWork("as far as a test goes")

    monkeypatch.setattr(Vms, "start_job", start_job)
    return found


def test_the_page_asks_and_the_answer_stops_it(
    client: Browser, monkeypatch: pytest.MonkeyPatch, started: list[dict[str, Any]]
) -> None:
    of(monkeypatch, *THREE, occupied=Occupied(is_known=True, programs=("npm",)))
    asked = client.post("/vms/app/stop", data={"force": "1"})
    assert asked.status_code == 409
    assert "1 terminal is in use and will end" in asked.text
    assert "&lt;b&gt;" in asked.text
    assert 'name="force" value="1"' in asked.text
    assert "unsaved work is not checked first" in asked.text
    assert started == []
    client.post("/vms/app/stop", data={"force": "1", "sure": "1"})
    assert started == [{"name": "app", "verb": "stop", "force": True}]


def test_where_nothing_runs_nobody_is_asked(client: Browser, keeper: DvmHome, started: list[dict[str, Any]]) -> None:
    client.post("/vms/app/stop")
    assert started == [{"name": "app", "verb": "stop"}]


def test_a_keeper_that_is_silent_is_told(
    client: Browser, monkeypatch: pytest.MonkeyPatch, started: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(processes_in_use, "list_terminals", silent)
    asked = client.post("/vms/app/stop")
    assert asked.status_code == 409
    assert "What runs in its terminals is not known" in asked.text
    assert started == []


# -- the command line --------------------------------------------------------------------------------------------------


def test_the_command_line_refuses_where_nobody_can_answer(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    of(monkeypatch, *THREE, occupied=Occupied(is_known=True, programs=("npm",)))
    with pytest.raises(UnsavedWork) as caught:
        reports.confirm_terminals(vms, "app")
    assert ": npm" in caught.value.what
    assert "dvm stop app --yes" in caught.value.todo
    monkeypatch.setattr(processes_in_use, "list_terminals", silent)
    with pytest.raises(UnsavedWork, match="does not answer"):
        reports.confirm_terminals(vms, "app")
    of(monkeypatch, occupied=Occupied(is_known=True))
    reports.confirm_terminals(vms, "app")


def test_an_ending_names_its_terminal() -> None:
    assert str(Ending(facts(name=""), Occupied(is_known=True, programs=("x",)))) == "ffffffff: x"
