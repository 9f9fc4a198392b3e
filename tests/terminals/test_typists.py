"""Nothing that was typed is lost or typed twice when a line breaks: the keeper counts, and ends the line before."""

from __future__ import annotations

from contextlib import suppress

from dvmweb.terminals import client
from dvmweb.terminals.connection import KeeperGone
from dvmweb.terminals.typists import MOST, Typists
from tests.terminals.conftest import House, Viewer, eventually

ANNE, BERT = "a" * 32, "b" * 32


def typist(house: House, terminal: str, name: str, offset: int | None = 0) -> Viewer:
    return Viewer(client.attach(house, terminal, offset, 80, 24, name))


def viewers(house: House) -> int:
    return client.list_terminals(house)[0].viewers


def test_only_so_many_are_remembered_and_a_stranger_has_typed_nothing() -> None:
    typists = Typists()
    typists.note("", 5)
    for n in range(MOST + 1):
        typists.note(f"{n}", 3)
        typists.note("0" if n < MOST else "", 1)
    assert typists.taken("0") == 3 + MOST, "who types stays"
    assert [typists.taken(name) for name in ("", "1", "2", "nobody")] == [0, 0, 3, 0]


def test_who_comes_back_is_told_what_arrived(house: House) -> None:
    house.keeper()
    terminal = client.open_terminal(house, "app")
    anne = typist(house, terminal, ANNE)
    assert anne.connection.attached["typed"] == 0
    anne.type("echo ei''ght\n")
    anne.read_until(b"eight")
    assert typist(house, terminal, BERT).connection.attached["typed"] == 0, "everybody counts alone"
    again = typist(house, terminal, ANNE, anne.at)
    assert again.connection.attached["typed"] == len("echo ei''ght\n")
    assert not again.connection.attached["reset"]


def test_a_line_that_was_replaced_ends_and_types_nothing_more(house: House) -> None:
    house.keeper()
    terminal = client.open_terminal(house, "app")
    old = typist(house, terminal, ANNE)
    old.read_until(b"$ ")
    new = typist(house, terminal, ANNE)
    with suppress(KeeperGone):
        old.type("echo la''te\n")
    eventually(lambda: viewers(house) == 1)
    new.type("echo e''nd\n")
    assert b"late" not in new.read_until(b"\rend\r\n")


def test_viewers_without_a_name_replace_nobody(house: House) -> None:
    house.keeper()
    terminal = client.open_terminal(house, "app")
    both = [typist(house, terminal, name) for name in ("", "", "not an id")]
    assert viewers(house) == len(both)
