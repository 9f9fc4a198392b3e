"""What hearing terminals may cost in one round of the keeper, counted in work and not in time."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.terminals.keeper import read_budget
from dvmweb.terminals.keeper.descriptors import READ
from dvmweb.terminals.keeper.flow import Size
from dvmweb.terminals.keeper.loop import Keeper
from dvmweb.terminals.keeper.output_scanner import Bell, OutputScanner
from dvmweb.terminals.keeper.pty_child import PtyChild
from dvmweb.terminals.keeper.read_budget import BURST, LEAST, PER_ROUND, RATE, ReadBudget
from dvmweb.terminals.keeper.terminal import Terminal

FLOODS = {
    "bells": b"\x07",
    "bells and letters": b"\x07a",
    "OSC openers": b"\x1b]",
    "titles": b"\x1b]0;t\x07",
    "notices": b"\x1b]9;x\x07",
    "words": b"\x1b]777;dvm;waits\x07",
    "DCS openers": b"\x1bP",
    "modes": b"\x1b[?25h",
    "many modes": b"\x1b[?" + b"1;" * 19 + b"1h",
    "empty modes": b"\x1b[?" + b";" * 40 + b"h",
    "resets": b"\x1bc",
    "text": b"plain text\r\n",
}
LONG = ("bells and letters", "text")  # near others of them, and a second each
ROUNDS = 60


class Flooding:
    """A pty whose program says the same without end."""

    waiting = b""

    def __init__(self, text: bytes, descriptor: int) -> None:
        self.text, self.descriptor, self.said = text, descriptor, 0

    def read_into(self, room: list[memoryview]) -> int:
        count = 0
        for place in room:
            begun = self.said % len(self.text)
            place[:] = (self.text * (len(place) // len(self.text) + 2))[begun : begun + len(place)]
            self.said += len(place)
            count += len(place)
        return count

    def ended(self) -> None:
        return None

    def resize(self, _size: Size) -> None:
        pass


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(one) for _ in range(20) for one in socket.socketpair()]


def terminals(keeper: Keeper, text: bytes, sockets: list[socket.socket]) -> list[Terminal]:
    made = []
    for number, one in enumerate(sockets):
        child = cast(PtyChild, Flooding(text, one.fileno()))
        made.append(Terminal(f"{number}", "app", "shell", "", 0, child, Size(80, 24), 0.0))
    keeper._requests.terminals.update({one.id: one for one in made})
    return made


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in LONG else []) for kind in FLOODS]
)
def test_no_round_costs_more_than_its_bound_however_many_are_flooded(
    kind: str, sockets: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(
        "dvmweb.terminals.keeper.loop.time", type("Clock", (), {"monotonic": staticmethod(lambda: now)})
    )
    keeper = Keeper(sockets[0], cast(Any, None), lambda _vm, **_: None)
    every = terminals(keeper, FLOODS[kind], sockets[1:])
    for _ in range(ROUNDS):
        before = sum(one.scanner.work for one in every)
        for one in every:
            if keeper._descriptors.watched(one.child.descriptor, READ):  # those that are listened to
                keeper._on_ready(one, READ)
        keeper._read_ready()
        assert sum(one.scanner.work for one in every) - before <= PER_ROUND + BURST
        keeper._settle(now)
        now += 0.005
    keeper._descriptors.close()
    heard = [one.buffer.end for one in every]
    assert min(heard) > 0, "each of them goes on"
    per_second = sum(one.scanner.work for one in every) / (ROUNDS * 0.005) / len(every)
    assert per_second <= RATE + BURST / (ROUNDS * 0.005)


def test_a_quiet_terminal_is_read_before_all_that_are_loud(
    sockets: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "dvmweb.terminals.keeper.loop.time", type("Clock", (), {"monotonic": staticmethod(lambda: 5.0)})
    )
    keeper = Keeper(sockets[0], cast(Any, None), lambda _vm, **_: None)
    *loud, quiet = terminals(keeper, b"\x1bc", sockets[1:])
    cast(Flooding, quiet.child).text = b"k"
    for one in loud:
        one.read_budget.spend(int(BURST - LEAST), 5.0)
    for one in (*loud, quiet):
        keeper._on_ready(one, READ)
    keeper._read_ready()
    assert quiet.buffer.end > LEAST
    assert [one.buffer.end for one in loud[:5]] == [LEAST, LEAST, LEAST, LEAST, 0]
    keeper._descriptors.close()


@given(st.lists(st.sampled_from([*FLOODS.values(), b"\x1b", b"["]), min_size=1, max_size=60), st.integers(1, 90))
def test_no_byte_costs_more_than_a_unit_and_a_piece_one_more(texts: list[bytes], piece: int) -> None:
    scanner, output = OutputScanner(), b"".join(texts)
    for at in range(0, len(output), piece):
        list(scanner.scan(output[at : at + piece]))
    assert scanner.work <= len(output) + len(range(0, len(output), piece))


def test_a_flood_of_bells_is_one_bell() -> None:
    scanner = OutputScanner()
    assert list(scanner.scan(b"\x07a" * 4000)) == [Bell()]
    assert scanner.work == 0


def test_what_was_spent_comes_back_with_time_and_no_more_than_that() -> None:
    one = ReadBudget()
    assert one.readable(0.0) == BURST
    one.spend(int(BURST), 0.0)
    assert (one.readable(0.0), one.is_loud(0.0)) == (0, True)
    wait = one.wait(0.0)
    assert wait == pytest.approx(LEAST / RATE)
    assert one.readable(wait * 1.001) >= LEAST
    assert one.readable(1e9) == BURST
    assert not one.is_loud(1e9)
    assert read_budget.ReadBudget(at=10.0).readable(9.0) == BURST, "a clock that goes back takes nothing away"
