"""The state of a terminal's program: reported or guessed."""

from __future__ import annotations

import pytest

from dvmweb.terminals.keeper.attention import Attention, State
from dvmweb.terminals.keeper.output_scanner import Bell, StateReport
from dvmweb.terminals.keeper.screen_modes import ScreenModes


def reported(word: str, at: float, typed_at: float = 0, printed_at: float = 0) -> Attention:
    one = Attention(printed_at=printed_at or at, typed_at=typed_at)
    one.note(StateReport(word), at)
    return one


def rang(at: float, typed_at: float = 0, printed_at: float = 0, seen_at: float = 0) -> Attention:
    one = Attention(printed_at=printed_at or at, typed_at=typed_at, seen_at=seen_at)
    one.note(Bell(), at)
    return one


AGENT = [
    (reported("waits", 100), 105, State("waits", is_guess=False, since=100)),
    (reported("waits", 100), 9000, State("waits", is_guess=False, since=100)),
    (reported("works", 100), 105, State("works", is_guess=False, since=100)),
    (reported("works", 100), 161, State("waits", is_guess=True, since=100)),
    (reported("waits", 100, typed_at=101, printed_at=103), 104, State("works", is_guess=True, since=101)),
    (reported("waits", 100, typed_at=101, printed_at=103), 114, State("waits", is_guess=True, since=103)),
    (rang(100, printed_at=104), 105, State("waits", is_guess=True, since=100)),
    (rang(100, printed_at=104, typed_at=102), 105, State("works", is_guess=True, since=102)),
    (Attention(printed_at=100), 111, State("waits", is_guess=True, since=100)),
]


@pytest.mark.parametrize(("attention", "now", "state"), AGENT)
def test_an_agent(attention: Attention, now: float, state: State) -> None:
    assert attention.state(now, is_agent=True, ended_at=0) == state


def test_an_end_is_a_fact() -> None:
    assert reported("works", 100).state(130, is_agent=True, ended_at=120) == State("ended", is_guess=False, since=120)


def test_a_turn_is_the_time_for_which_the_agent_itself_reports_that_it_works() -> None:
    one = reported("works", 100)
    assert settled(one, 101) is None
    assert one.turn_began == 100
    one.note(StateReport("works"), 130)  # after each tool
    assert settled(one, 131) is None
    one.note(StateReport("waits"), 150)
    assert settled(one, 151) == (100, 150)
    assert settled(one, 152) is None, "it is counted once"


def test_a_turn_that_falls_silent_ends_with_its_last_output() -> None:
    one = reported("works", 100, printed_at=120)
    assert settled(one, 121) is None
    assert settled(one, 500) == (100, 120)


def test_a_turn_ends_with_its_program() -> None:
    one = reported("works", 100, printed_at=110)
    assert settled(one, 111) is None
    assert settled(one, 115, ended_at=112) == (100, 112)


def test_what_is_guessed_is_no_turn() -> None:
    one = Attention(printed_at=100, typed_at=99)
    assert one.state(101, is_agent=True, ended_at=0).name == "works"
    assert settled(one, 101) is settled(one, 200) is None
    assert one.turn_began == 0


def settled(one: Attention, now: float, ended_at: float = 0) -> tuple[float, float] | None:
    return one.settle_turn(one.state(now, is_agent=True, ended_at=ended_at), now)


SHELL = [
    (Attention(printed_at=100), 1000, ""),
    (rang(100), 105, "rang"),
    (rang(100, seen_at=101), 105, ""),
    (rang(100, typed_at=101), 105, ""),
    (reported("waits", 100), 105, "waits"),
]


@pytest.mark.parametrize(("attention", "now", "word"), SHELL)
def test_a_shell_only_rings(attention: Attention, now: float, word: str) -> None:
    assert attention.state(now, is_agent=False, ended_at=0).name == word


# -- modes -----------------------------------------------------------------------------------------------------------


def test_a_screen_is_made_like_that_of_the_program() -> None:
    modes = ScreenModes()
    modes.change(10, 1049, is_on=True)
    modes.change(20, 2004, is_on=True)
    modes.change(30, 25, is_on=False)
    assert modes.lost(5) == ""
    assert modes.lost(10) == "\x1b[?1049h"
    assert modes.lost(99) == "\x1b[?1049h\x1b[?25l\x1b[?2004h"
    assert modes.is_full_screen
    modes.change(40, 1049, is_on=False)
    assert not modes.is_full_screen
    modes.reset(50)
    assert modes.lost(99) == ""


def test_a_reset_costs_the_same_whatever_went_before() -> None:
    """A guest may ask for thousands of them at once, and the keeper has but one thread."""
    modes = ScreenModes()
    for at in range(500):
        modes.change(at, 1, is_on=at % 2 == 0)
    modes.change(501, 25, is_on=False)
    modes._changes = None  # type: ignore[assignment]
    assert not modes.is_full_screen
    modes._now[25] = True
    modes.reset(502)


def test_what_left_the_ring_is_one_state() -> None:
    modes = ScreenModes()
    for at in range(0, 100_000, 10):
        modes.change(at, 25, is_on=at % 20 == 0)
    assert modes.lost(100_000) == "\x1b[?25l"
    modes.forget(99_999)
    assert modes.lost(99_999) == "\x1b[?25l"
    assert sum(len(value) for value in vars(modes).values()) < 1000


def test_unknown_modes_are_left_alone() -> None:
    modes = ScreenModes()
    modes.change(1, 9999, is_on=True)
    modes.change(1, 2026, is_on=True)
    assert modes.lost(2) == ""
