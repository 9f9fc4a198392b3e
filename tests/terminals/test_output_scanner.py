"""What the keeper hears in the output of a terminal, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.terminals.keeper.output_scanner import Bell, Event, KeyRequest, Mode, OutputScanner, Reset, StateReport

HEARD: list[tuple[bytes, list[Event]]] = [
    (b"plain text\r\n" * 10, []),
    (b"ding\x07", [Bell()]),
    (b"\x1b]0;a title\x07text", []),
    (b"\x1b]0;a title\x1b\\text\x07", [Bell()]),
    (b"\x1b]0;" + b"x" * 1000 + b"\x07\x07", [Bell()]),
    (b"\x1b]777;dvm;waits\x07", [StateReport("waits")]),
    (b"\x1b]777;dvm;works\x1b\\", [StateReport("works")]),
    (b"\x1b]777;dvm;reboots\x07", []),
    (b"\x1b]777;dvm;waits;more\x07", []),
    (b"\x1b]777;notify;Codex;done\x07", [Bell()]),
    (b"\x1b]9;approval requested\x07", [Bell()]),
    (b"\x1b]9;4;1;50\x07", []),
    (b"\x1bP\x07\x07\x1b\\after\x07", [Bell()]),
    (b"\x1b[?1049h", [Mode(1049, is_on=True, at=8)]),
    (b"ab\x1b[?1;2004l", [Mode(1, is_on=False, at=12), Mode(2004, is_on=False, at=12)]),
    (b"\x1b[?;25h", [Mode(25, is_on=True, at=7)]),
    (b"\x1b[31mred\x1b[0m", []),
    (b"\x1b[>1u", [KeyRequest(">", (1,), "u", 5)]),
    (b"a\x1b[<u", [KeyRequest("<", (0,), "u", 5)]),
    (b"\x1b[=5;2u\x1b[>4;2m", [KeyRequest("=", (5, 2), "u", 7), KeyRequest(">", (4, 2), "m", 14)]),
    (b"\x1b[>c\x1b[?u", []),
    (b"x\x1bc", [Reset(3)]),
    (b"\x1b]0;unfinished", []),
    (b"\x1b]0;broken\x18\x07", [Bell()]),
]


@pytest.mark.parametrize(("output", "events"), HEARD)
def test_what_is_heard(output: bytes, events: list[Event]) -> None:
    assert list(OutputScanner().scan(output)) == events


@given(st.sampled_from(HEARD), st.lists(st.integers(0, 40), max_size=6))
def test_pieces_are_heard_like_the_whole(case: tuple[bytes, list[Event]], cuts: list[int]) -> None:
    output, events = case
    scanner, at = OutputScanner(), 0
    heard: list[Event] = []
    for cut in [*sorted(cuts), len(output)]:
        heard += scanner.scan(output[at:cut])
        at = max(at, cut)
    assert heard == events


def test_a_string_that_never_ends_costs_no_memory() -> None:
    scanner = OutputScanner()
    list(scanner.scan(b"\x1b]0;"))
    for _ in range(1000):
        assert list(scanner.scan(b"x" * 1000)) == []
    assert sum(len(value) for value in vars(scanner).values() if isinstance(value, bytes)) < 200
