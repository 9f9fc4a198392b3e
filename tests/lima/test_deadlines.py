"""Deadlines follow the pace of a guest, between a floor and a cap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dvmweb.lima import deadlines

PACES = st.floats(0, 1000)
SECONDS = st.floats(0.1, deadlines.LONGEST)


def test_a_guest_with_room_gets_the_floor_and_a_slow_one_more() -> None:
    assert deadlines.pace(0.1) == 1
    assert deadlines.scaled(deadlines.PROBE, 1) == deadlines.PROBE
    slow = deadlines.pace(3.0)
    assert slow == 12
    assert deadlines.scaled(10, slow) == 120
    assert deadlines.whole(10, slow) == "120"
    assert deadlines.pace(1e9) == deadlines.SLOWEST
    assert deadlines.scaled(500, slow) == deadlines.LONGEST


def test_one_quick_answer_does_not_make_a_guest_quick() -> None:
    assert deadlines.pace(0.1, before=10) == 8
    assert deadlines.pace(5.0, before=10) == 20


@given(SECONDS, PACES, PACES)
def test_deadlines_stay_between_floor_and_cap_and_grow_with_the_pace(seconds: float, one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert seconds <= deadlines.scaled(seconds, low) <= deadlines.scaled(seconds, high) <= deadlines.LONGEST
    assert deadlines.scaled(seconds, high) <= deadlines.scaled(seconds, deadlines.slower(high))


@given(st.floats(0, 1e6), PACES)
def test_a_pace_is_never_below_one_nor_beyond_the_slowest(began_after: float, before: float) -> None:
    assert 1 <= deadlines.pace(began_after, before) <= deadlines.SLOWEST
    assert 1 <= deadlines.slower(before) <= deadlines.SLOWEST


@given(PACES)
def test_a_script_ends_before_its_caller_gives_up(pace: float) -> None:
    assert float(deadlines.whole(deadlines.WORK_ALL, pace)) < deadlines.scaled(deadlines.WORK_CHECK, pace)
