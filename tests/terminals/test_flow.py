"""Who may be sent how much, and whose size counts."""

from __future__ import annotations

from typing import Any

import pytest

from dvmweb.terminals.keeper import flow
from dvmweb.terminals.keeper.flow import WINDOW, Flow, Size


def a_flow(sent: int = 1000, acked: int = 500) -> Flow:
    return Flow(sent, acked, 0.0, 0.0)


@pytest.mark.parametrize("at", [-1, 0, 499, 500, 1001, 10**30, 1.5, float("nan"), True, "700", None, [], {}])
def test_e19_an_acknowledgement_that_cannot_be_true_changes_nothing(at: Any) -> None:
    it = a_flow()
    it.accept(at, 9.0)
    assert it == a_flow()


def test_an_acknowledgement_makes_room() -> None:
    it = a_flow(sent=WINDOW, acked=0)
    assert it.room == 0
    it.accept(100, 9.0)
    assert (it.room, it.moved_at) == (100, 9.0)


def test_e02_a_viewer_is_dead_when_its_window_stays_full_or_it_says_nothing() -> None:
    full = Flow(WINDOW, 0, moved_at=0.0, last_message_at=flow.STALLED)
    assert not full.is_dead(flow.STALLED)
    assert full.is_dead(flow.STALLED + 1)
    some = Flow(10, 0, moved_at=0.0, last_message_at=flow.STALLED)
    assert not some.is_dead(flow.STALLED + 1)  # a hidden tab draws late: it owes little, nobody waits for it
    assert some.is_dead(flow.STALLED + flow.SILENT + 1)


def test_the_stall_clock_starts_when_the_window_fills() -> None:
    it = Flow(0, 0, moved_at=0.0, last_message_at=0.0)
    it.note_sent(10, 5.0)
    assert it.moved_at == 0.0
    it.note_sent(WINDOW - 10, 6.0)
    assert it.moved_at == 6.0


def test_e05_the_fastest_viewer_decides_how_much_is_read() -> None:
    slow, fast = Flow(0, 0, 0, 0), Flow(WINDOW, WINDOW, 0, 0)
    assert flow.readable([slow], WINDOW, 100) == 0
    assert flow.readable([slow, fast], WINDOW, 100) == 100


def test_e03_without_a_viewer_reading_goes_on() -> None:
    assert flow.readable([], 10**12, 100) == 100


@pytest.mark.parametrize(
    ("cols", "rows", "size"),
    [
        (80, 24, Size(80, 24)),
        (10**6, 10**6, Size(flow.MOST_COLUMNS, flow.MOST_ROWS)),
        (1, 1, Size(2, 2)),
        (0, 24, None),
        (80, -1, None),
        (float("nan"), 24, None),
        (80.0, 24.0, None),
        (True, 24, None),
        ("80", "24", None),
        (None, None, None),
    ],
)
def test_e15_sizes_are_clamped_or_refused(cols: Any, rows: Any, size: Size | None) -> None:
    assert flow.size_of(cols, rows) == size


def test_e15_the_smallest_viewer_decides() -> None:
    assert flow.smallest([Size(100, 20), None, Size(80, 40)]) == Size(80, 20)
    assert flow.smallest([None]) is None
