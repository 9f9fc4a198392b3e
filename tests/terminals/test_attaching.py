"""`dvm sh NAME --attach`, run on a real pty: a kept terminal is joined, left and ended from the command line."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pexpect
import pytest

from dvmweb.cli.guest.attaching import choose
from dvmweb.errors import NotFound, UsageError
from dvmweb.terminals import attaching, client, wire
from dvmweb.terminals.client import TerminalFacts
from dvmweb.terminals.connection import Connection
from tests.places import TOP
from tests.terminals.conftest import DvmHome, eventually

ROOT = TOP


class Joined:
    """`dvm` on a pty, as a person sees it who answers no question of the guest unless told to."""

    def __init__(self, dvm_home: DvmHome, *words: str, dimensions: tuple[int, int] = (30, 90)) -> None:
        argv = ["-P", "-m", "dvmweb", *words]
        environ = {**dvm_home.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
        self.child: Any = pexpect.spawn(sys.executable, argv, env=environ, timeout=20, dimensions=dimensions)
        self.child.delaybeforesend = None

    def answer_the_fence(self) -> None:
        """Do what every terminal does when it is asked where its cursor is."""
        self.child.expect(rb"\x1b7\x1b\[(\d+);(\d+)H\x1b\[6n\x1b8")
        self.child.send(b"\x1b[%b;%bR" % self.child.match.groups())


@pytest.fixture
def join(dvm_home: DvmHome) -> Iterator[Any]:
    joined: list[Joined] = []

    def make(*words: str, **more: Any) -> Joined:
        joined.append(Joined(dvm_home, *words, **more))
        return joined[-1]

    yield make
    for one in joined:
        one.child.close(force=True)


def test_a_kept_terminal_is_joined_seen_left_and_goes_on(dvm_home: DvmHome, join: Any) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.type("echo seen-$((1+1)); printf '\\033[c\\033[6n'\n")  # a question that waits in the replay
    viewer.read_until(b"seen-2")
    viewer.close()
    one = join("sh", "app", "--attach")
    one.child.expect("app: shell; Ctrl-")
    one.child.expect("seen-2")
    one.child.send(b"\x1b[?1;2c\x1b[5;5R")  # what a terminal answers to the replay: never typed into the shell
    one.answer_the_fence()
    one.child.send(b"echo typed-$((2+2)); stty size\n")
    one.child.expect("typed-4\r\n30 90")
    assert b"[?1;2c" not in one.child.before
    one.child.send(b"\x1c")
    one.child.expect("detached; it keeps running")
    one.child.expect(pexpect.EOF)
    one.child.close()
    assert one.child.exitstatus == 0
    assert client.list_terminals(dvm_home)[0].id == terminal


def test_a_terminal_that_does_not_know_its_size_joins_too(dvm_home: DvmHome, join: Any) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.close()
    one = join("sh", "app", "--attach", dimensions=(0, 0))
    one.answer_the_fence()
    one.child.send(b"echo typed-$((2+2))\n")
    one.child.expect("typed-4")


def test_what_is_typed_before_the_terminal_has_answered_is_kept_without_what_it_said(
    dvm_home: DvmHome, join: Any
) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.type("printf '\\033[c'\n")
    viewer.read_until(b"\x1b[c")
    one = join("sh", "app", "--attach")
    one.child.expect(rb"\x1b7\x1b\[(\d+);(\d+)H\x1b\[6n\x1b8")
    one.child.send(b"\x1b[?1;2cecho early-$((3+4))\n\x1b]11;rgb:0/0/0\x07\x1b[%b;%bR" % one.child.match.groups())
    one.child.expect("early-7")
    assert b"rgb:" not in one.child.before


def test_a_window_that_is_ended_leaves_our_own_terminal_as_it_was(dvm_home: DvmHome, join: Any) -> None:
    dvm_home.keeper()
    dvm_home.shell()
    one = join("sh", "app", "--attach")
    one.answer_the_fence()
    one.child.kill(signal.SIGTERM)
    one.child.expect("The terminal keeps running")
    one.child.expect(pexpect.EOF)


def test_its_end_is_told_with_its_code(dvm_home: DvmHome, join: Any) -> None:
    dvm_home.keeper()
    dvm_home.shell()
    one = join("sh", "app", "--attach=shell")
    one.answer_the_fence()
    one.child.send(b"exit 7\n")
    one.child.expect("ended with exit code 7")
    one.child.expect(pexpect.EOF)
    one.child.close()
    assert one.child.exitstatus == 7


def test_an_end_is_told_by_a_keeper_that_went_right_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "_write", lambda _data: None)
    monkeypatch.setattr(os, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    ours, theirs = socket.socketpair()
    with Connection(ours) as connection:
        connection.attached = {"from": 0, "replay": 0}
        theirs.sendall(wire.data(b"bye") + wire.control({"is": "exit", "code": 7, "reason": "The shell has ended."}))
        theirs.close()
        assert attaching._Viewer(connection)._receive() == attaching.End(7, "The shell has ended.")


def test_two_viewers_share_a_shell_in_the_size_of_the_smaller(dvm_home: DvmHome, join: Any) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    one = join("sh", "app", "--attach")
    one.answer_the_fence()
    one.child.setwinsize(20, 70)
    eventually(lambda: next((t.cols, t.rows) for t in client.list_terminals(dvm_home) if t.id == terminal) == (70, 20))
    viewer.type("echo from-the-other-$((3+3))\n")
    one.child.expect("from-the-other-6")


def test_without_a_terminal_it_says_what_to_do(dvm_home: DvmHome) -> None:
    import subprocess

    done = subprocess.run(
        (sys.executable, "-P", "-m", "dvmweb", "sh", "app", "--attach"),
        env={**dvm_home.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "dvm ssh app -- COMMAND" in done.stderr


def facts(**more: Any) -> TerminalFacts:
    given = {"id": os.urandom(16).hex(), "vm": "app", "command": "shell", "name": "shell", "ended": False}
    return TerminalFacts(**{**given, "age": 60, "idle": 1, "viewers": 0, "cols": 80, "rows": 24, **more})


def test_the_one_that_nobody_looks_at_is_meant() -> None:
    seen, old, new, other = facts(viewers=1, idle=0), facts(idle=90), facts(idle=5), facts(vm="b", idle=0)
    ended = facts(ended=True, idle=0)
    every = (seen, old, new, other, ended)
    assert choose(every, "app", "") == new.id
    assert choose((seen, other), "app", "") == seen.id
    assert choose((ended, other), "app", "") is None
    assert choose(every, "app", old.id[:8]) == old.id
    assert choose((facts(name="tests"), *every), "app", "tests") != new.id
    with pytest.raises(UsageError, match="3 terminals"):
        choose(every, "app", "shell")
    with pytest.raises(NotFound):
        choose(every, "app", "nothing")


def test_terminals_are_listed(dvm_home: DvmHome, join: Any) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "agent", command="claude")
    one = join("terminals")
    one.child.expect(pexpect.EOF)
    assert re.search(rf"{terminal[:8]}\s+agent\s+claude\s+waiting for you", one.child.before.decode())
