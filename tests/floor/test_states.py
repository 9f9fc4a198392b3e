"""The table of states and verbs: it is whole, and each sentence ends in something that can be done."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dvmweb.errors import ExitCode
from dvmweb.states import LONG_BOOT, TABLE, VERBS, Facts, State, refusal

APP = Facts("app", "dvm-app", "Running", "/lima/dvm-app")
FACTS = {
    State.NOT_CREATED: replace(APP, status=None),
    State.STOPPED: replace(APP, status="Stopped"),
    State.ANSWERS: APP,
    State.BOOTING: replace(APP, is_booting=True, up_for=40),
    State.SILENT: replace(APP, is_silent=True),
    State.DIED: replace(APP, status="Broken", errors=("host agent is running but driver is not",)),
    State.NO_FILE: replace(APP, status="Broken", has_config=False),
    State.BAD_FILE: replace(APP, status="", has_config=False),
    State.ODD: replace(APP, status="Installing"),
}


def test_the_table_says_something_of_every_verb_in_every_state() -> None:
    assert set(TABLE) == set(State) == set(FACTS)
    for state, row in TABLE.items():
        assert FACTS[state].state is state
        assert set(row) == set(VERBS), state
        for cell in row.values():
            assert cell.happens
            assert bool(cell.what) == bool(cell.todo)


@pytest.mark.parametrize("state", list(State))
def test_each_refusal_names_the_vm_and_a_command(state: State) -> None:
    for verb in VERBS:
        error = refusal(verb, FACTS[state])
        if error is None:
            continue
        assert re.search(r"`(dvm|rm) [^`{}]+`", error.todo), (verb, error.todo)
        assert not re.search(r"\{|\.\.", f"{error}"), "no placeholder, no doubled full stop"
        assert "app" in error.what
        first = re.findall(r"`([^`]+)`", error.todo)[0]
        assert first != f"dvm {verb} app", "a hint does not lead back to the verb that was refused"


def test_limas_reason_is_told_where_there_is_one() -> None:
    told = refusal("sync", replace(FACTS[State.DIED], errors=("it died.",)))
    assert told is not None
    assert told.what == "app is Broken: it died."


def test_a_boot_says_who_waits_for_it_and_how_to_wait() -> None:
    told = refusal("ssh", replace(FACTS[State.BOOTING], holder="sync 5e81abcd"))
    assert told is not None
    assert told.exit_code is ExitCode.CHECK_FAILED
    assert told.what == "app is still booting (sync 5e81abcd)."
    assert "`dvm log 5e81abcd`" in told.todo
    alone = refusal("ssh", FACTS[State.BOOTING])
    assert alone is not None
    assert "`dvm start app`" in alone.todo


def test_a_boot_that_does_not_end_is_no_boot() -> None:
    facts = replace(FACTS[State.BOOTING], up_for=LONG_BOOT + 1)
    assert facts.state is State.SILENT
    told = refusal("ssh", facts)
    assert told is not None
    assert "15 min after its start" in told.what
    assert "`dvm stop app`" in told.todo


def test_a_folder_with_odd_characters_can_be_pasted() -> None:
    told = refusal("rm", replace(FACTS[State.NO_FILE], folder="/my vms/dvm-app"))
    assert told is not None
    assert "`rm -r '/my vms/dvm-app'`" in told.todo
