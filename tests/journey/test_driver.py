"""The driver of the journeys: what does not hold shows the command, its exit code and what it printed."""

from __future__ import annotations

import pytest

from dvmweb.errors import ExitCode
from tests.journey.cli.result import EXITS, Result
from tests.journey.driver import User

REFUSED = Result("dvm rm app --yes", 5, "Work at risk: note.txt\n", "app was not deleted.\n")


def test_what_holds_stands_in_a_row() -> None:
    REFUSED.is_refused(because="note.txt").prints("Work at risk").warns("not deleted").never_says("Traceback")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: REFUSED.succeeds(),
        lambda: REFUSED.exits("not found"),
        lambda: REFUSED.exits(7),
        lambda: REFUSED.is_refused(because="1 commit not pushed"),
        lambda: REFUSED.prints("not deleted"),
        lambda: REFUSED.warns("note.txt"),
        lambda: REFUSED.never_says("note.txt"),
        lambda: REFUSED.prints_nothing(),
    ],
)
def test_what_does_not_hold_shows_all_of_it(wrong: pytest.FixtureRequest) -> None:
    with pytest.raises(AssertionError) as failed:
        wrong()  # type: ignore[operator]
    shown = str(failed.value)
    assert "$ dvm rm app --yes\nended with exit code 5 (unsaved work)" in shown
    assert "--- output\nWork at risk: note.txt\n--- errors\napp was not deleted." in shown


def test_every_exit_code_has_a_name() -> None:
    assert set(EXITS.values()) == set(ExitCode)


def test_a_command_is_a_process_of_its_own_with_its_own_variables_and_input(user: User) -> None:
    user.dvm("ls", DVM_ENGINE="lima", DVM_LIMACTL="/nope/limactl").exits("no engine", "/nope/limactl")
    user.dvm("ls").succeeds()
    assert user.dvm("xyzzy").code == user.home.cold().dvm("xyzzy").code == EXITS["usage error"]
