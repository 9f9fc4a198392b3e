"""Nothing that was typed is lost or typed twice when a line breaks: the keeper counts, and ends the line before."""

from __future__ import annotations

from contextlib import suppress

from dvmweb.terminals import client
from dvmweb.terminals.connection import KeeperGone
from dvmweb.terminals.keeper.input_ledger import MOST, InputLedger
from tests.terminals.conftest import DvmHome, Viewer, eventually

ANNE, BERT = "a" * 32, "b" * 32


def attached(dvm_home: DvmHome, terminal: str, name: str, offset: int | None = 0) -> Viewer:
    return Viewer(client.attach(dvm_home, terminal, offset, 80, 24, name))


def viewers(dvm_home: DvmHome) -> int:
    return client.list_terminals(dvm_home)[0].viewers


def test_only_so_many_are_remembered_and_a_stranger_has_typed_nothing() -> None:
    ledger = InputLedger()
    ledger.note("", 5)
    for n in range(MOST + 1):
        ledger.note(f"{n}", 3)
        ledger.note("0" if n < MOST else "", 1)
    assert ledger.taken("0") == 3 + MOST, "who types stays"
    assert [ledger.taken(name) for name in ("", "1", "2", "nobody")] == [0, 0, 3, 0]


def test_who_comes_back_is_told_what_arrived(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "app")
    anne = attached(dvm_home, terminal, ANNE)
    assert anne.connection.attached["typed"] == 0
    anne.type("echo ei''ght\n")
    anne.read_until(b"eight")
    assert attached(dvm_home, terminal, BERT).connection.attached["typed"] == 0, "everybody counts alone"
    again = attached(dvm_home, terminal, ANNE, anne.at)
    assert again.connection.attached["typed"] == len("echo ei''ght\n")
    assert not again.connection.attached["reset"]


def test_a_line_that_was_replaced_ends_and_types_nothing_more(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "app")
    old = attached(dvm_home, terminal, ANNE)
    old.read_until(b"$ ")
    new = attached(dvm_home, terminal, ANNE)
    with suppress(KeeperGone):
        old.type("echo la''te\n")
    eventually(lambda: viewers(dvm_home) == 1)
    new.type("echo e''nd\n")
    assert b"late" not in new.read_until(b"\rend\r\n")


def test_viewers_without_a_name_replace_nobody(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "app")
    both = [attached(dvm_home, terminal, name) for name in ("", "", "not an id")]
    assert viewers(dvm_home) == len(both)
