"""Ages: one wording for pages and commands; a time ahead of the clock is never recent."""

from __future__ import annotations

import pytest

from dvmweb.ages import AHEAD, age, is_older

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-AHEAD - 1, "at an unknown time"),
        (-AHEAD, "just now"),
        (0, "just now"),
        (9.9, "just now"),
        (10, "10 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (86400 * 6, "6 d ago"),
    ],
)
def test_an_age(seconds: float, text: str) -> None:
    assert age(NOW - seconds, NOW) == text


def test_a_time_ahead_of_the_clock_is_too_old() -> None:
    assert not is_older(NOW, 10, NOW)
    assert is_older(NOW - 10, 10, NOW)
    assert not is_older(NOW + AHEAD, 10, NOW)
    assert is_older(NOW + AHEAD + 1, 10, NOW)
