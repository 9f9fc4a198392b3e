"""What a replay that begins in the middle must know: the modes, and how the program wants keys to be told."""

from __future__ import annotations

import pytest

from dvmweb.terminals.keeper.output_scanner import Bell, OutputScanner, StateReport
from dvmweb.terminals.keeper.screen_modes import DEEPEST, MOST, ScreenModes


def modes(output: bytes) -> ScreenModes:
    made = ScreenModes()
    for event in OutputScanner().scan(output):
        if not isinstance(event, Bell | StateReport):
            event.apply(made)
    return made


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (b"plain", ""),
        (b"\x1b[?2004h\x1b[>1u", "\x1b[>1u\x1b[?2004h"),
        (b"\x1b[>1u\x1b[>0u", "\x1b[>1u\x1b[>0u"),
        (b"\x1b[>1u\x1b[>0u\x1b[<u", "\x1b[>1u"),
        (b"\x1b[>1u\x1b[<9u", ""),
        (b"\x1b[=1u\x1b[=4;2u", "\x1b[>5u"),
        (b"\x1b[=5u\x1b[=1;3u", "\x1b[>4u"),
        (b"\x1b[>4;2m", "\x1b[>4;2m"),
        (b"\x1b[>4;2m\x1b[>4m", ""),
        (b"\x1b[>1;2m", ""),
        (b"\x1b[>1u\x1b[?1049h\x1b[>3u", "\x1b[>1u\x1b[?1049h\x1b[>3u"),
        (b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[?1049l", "\x1b[>1u"),
        (b"\x1b[>1u\x1b[>4;2m\x1bc", ""),
    ],
)
def test_what_is_lost_is_told(output: bytes, told: str) -> None:
    assert modes(output).lost(len(output)) == told


def test_it_is_told_as_it_was_at_an_offset() -> None:
    made = modes(b"\x1b[>1u" + b"x" * 95 + b"\x1b[<u")
    assert [made.lost(at) for at in (4, 5, 100, 104)] == ["", "\x1b[>1u", "\x1b[>1u", ""]
    made.forget(100)
    assert [made.lost(at) for at in (100, 104)] == ["\x1b[>1u", ""]


def test_a_program_that_asks_without_end_costs_no_memory() -> None:
    made = modes(b"".join(b"\x1b[>%du" % (n % 90) for n in range(3 * MOST)))
    assert len(made._keys) <= MOST
    assert made.lost(1 << 20).count("u") == DEEPEST
