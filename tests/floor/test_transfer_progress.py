"""Bytes, rate and time left of a transfer: only what is known is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.transfer_progress import Progress, Samples, size, time_left

MIB = 1 << 20


def seen(*samples: tuple[float, int]) -> Samples:
    found = Samples()
    for now, done in samples:
        found = found.with_one(now, done)
    return found


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(12 * MIB, 340 * MIB, 4.1 * MIB), "12.0 MiB of 340.0 MiB, 80 s left"),
        (Progress(12 * MIB, 340 * MIB, MIB), "12.0 MiB of 340.0 MiB, 6 min left"),
        (Progress(12 * MIB, 340 * MIB), "12.0 MiB of 340.0 MiB"),  # no rate yet
        (Progress(12 * MIB, 340 * MIB, 0.0), "12.0 MiB of 340.0 MiB"),  # nothing came: no time is known
        (Progress(12 * MIB, 0, 2.0 * MIB), "12.0 MiB, 2.0 MiB/s"),
        (Progress(12 * MIB), "12.0 MiB"),
        (Progress(12 * MIB, 11 * MIB, 2.0 * MIB), "12.0 MiB, 2.0 MiB/s"),  # more than there should be: no whole
        (Progress(12 * MIB, 12 * MIB, 2.0 * MIB), "12.0 MiB of 12.0 MiB"),
        (Progress(0, 0, 0.0), "0 B"),
    ],
)
def test_what_is_shown(progress: Progress, shown: str) -> None:
    assert str(progress) == shown


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        ([], None),
        ([(0, 0)], None),
        ([(0, 0), (0.5, 900)], None),  # too short a time
        ([(0, 0), (2, 900)], 450),
        ([(0, 0), (0, 500), (0, 900)], None),  # the clock stands still
        ([(0, 0), (0, 500), (2, 1500)], 500),  # of two at one time the newest
        ([(9, 0), (10, 500), (3, 900)], None),  # the clock goes back: what was before counts no more
        ([(9, 0), (10, 500), (3, 900), (5, 1100)], 100),
        ([(0, 9000), (2, 10), (4, 210)], 100),  # it began again
        ([(0, 700), (9, 700), (18, 700)], 0),
        ([(0, 0), (100, 1000), (102, 3000), (104, 5000), (106, 7000), (108, 9000)], 1000),  # only the last seconds
    ],
)
def test_the_rate_is_that_of_the_last_seconds(samples: list[tuple[float, int]], rate: float | None) -> None:
    assert seen(*samples).rate == rate


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.integers(0, 1 << 50)), max_size=40), st.integers(0, 1 << 50))
def test_no_order_of_times_and_sizes_gives_a_time_that_is_not_true(
    samples: list[tuple[float, int]], whole: int
) -> None:
    found = seen(*samples)
    progress = found.progress(whole)
    assert progress.rate is None or progress.rate >= 0
    assert progress.seconds_left is None or progress.seconds_left >= 0
    assert len(found.seen) <= len(samples)
    assert (" of " in str(progress)) == (whole >= progress.done and whole > 0)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s left"),
        (0.2, "1 s left"),
        (99.0, "99 s left"),
        (100, "2 min left"),
        (3600, "60 min left"),
        (6001, "2 h left"),
    ],
)
def test_the_time_left_is_never_too_short(seconds: float, shown: str) -> None:
    assert time_left(seconds) == shown


def test_sizes() -> None:
    assert [size(1023), size(1024), size(5 * MIB // 2), size(3000 * MIB)] == ["1023 B", "1.0 KiB", "2.5 MiB", "2.9 GiB"]
