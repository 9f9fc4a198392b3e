"""`dvm log NAME`: a VM and a job are told apart, units are known, and what a guest says is only shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from dvmweb.cli import log_view
from dvmweb.cli.log_view import Request
from dvmweb.errors import CheckFailed, DvmError, NotFound, UsageError
from dvmweb.lima.process import Finished
from dvmweb.lima.script_payload import GuestScript
from dvmweb.verbs import logs
from dvmweb.verbs.vms import Vms
from tests.journey.driver import User

HOSTILE = b"2026-11-28 lima dvm-llama[1]: \x1b]52;c;cm0gLXJm\x07\x1b[2J<script>\xff\n"
SHOWN = "dvm-llama[1]: \\x1b]52;c;cm0gLXJm\\x07\\x1b[2J<script>\\xff"


@dataclass(frozen=True)
class Guest:
    """A guest that answers so, in the place of the engine."""

    said: tuple[bytes, ...] = (HOSTILE,)
    code: int = 0
    stderr: bytes = b""
    asked: list[GuestScript] = field(default_factory=list)
    is_quiet: bool = False

    def query(self, _instance: str, script: GuestScript) -> Finished:
        self.asked.append(script)
        return Finished((), self.code, b"".join(self.said), self.stderr, 0.1)

    def follow(
        self, _instance: str, script: GuestScript, _timeout: float, on_output: Callable[[bytes], None]
    ) -> Finished:
        self.asked.append(script)
        for piece in self.said:
            on_output(piece)
        return Finished((), self.code, b"", self.stderr, 0.1)


@pytest.fixture
def vms(user: User) -> Vms:
    user.dvm("init brain --kind llama").succeeds()
    user.dvm("init app").succeeds()
    return Vms(user.paths, user.home.environ)


def answers(vms: Vms, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> Guest:
    """Let this guest answer for every VM."""
    from dvmweb.jobs.inputs import load_input

    def running(self: Vms, name: str, **_: object) -> tuple[Any, Any]:
        return load_input(self.paths, self.environ, name, "check"), guest

    monkeypatch.setattr(Vms, "running", running)
    return guest


def test_the_units_are_those_of_the_recipes(vms: Vms, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.units_of(vms, "brain") == ("dvm-llama",)
    assert log_view.show(vms, "brain", Request(units=True)) == 0
    assert capsys.readouterr().out == "dvm-llama\n"
    log_view.show(vms, "app", Request(units=True))
    assert "declare no units" in capsys.readouterr().out


@pytest.mark.parametrize("unit", ["llama", "dvm-llama", "dvm-llama.service"])
def test_a_unit_has_short_names(unit: str) -> None:
    assert logs.wanted(("dvm-llama",), unit).units == ("dvm-llama",)


def test_other_units_may_be_named_and_odd_words_not() -> None:
    assert logs.wanted(("dvm-llama",), "sshd").units == ("sshd",)
    assert logs.wanted(("dvm-llama",), "").units == ("dvm-llama",)
    assert logs.wanted((), "").units == ()
    for odd in ("--vacuum-size=1", "a b", "-f", "$(x)", "a\nb", "é"):
        with pytest.raises(UsageError):
            logs.wanted(("dvm-llama",), odd)
    for lines in (0, -1, 10_001):
        with pytest.raises(UsageError):
            logs.wanted((), "", lines)


@pytest.mark.parametrize("is_followed", [False, True])
def test_hostile_lines_are_shown_and_obeyed_by_nobody(
    vms: Vms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_followed: bool
) -> None:
    pieces = (HOSTILE[:30], HOSTILE[30:], b"no end", b"")
    guest = answers(vms, Guest(pieces), monkeypatch)
    assert log_view.show(vms, "brain", Request(follow=is_followed, lines=7)) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert SHOWN in first
    assert last == "no end"
    (script,) = guest.asked
    assert (script.variables["DVM_UNITS"], script.variables["DVM_LINES"]) == ("dvm-llama", "7")
    assert script.variables.get("DVM_FOLLOW", "") == ("1" if is_followed else "")


def test_a_line_without_an_end_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    lines = log_view._Lines()
    for _ in range(100):
        lines.take(b"x" * 10_000)
    lines.end()
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_ctrl_c_leaves_the_journal(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = answers(vms, Guest(), monkeypatch)

    def interrupted(*_: object) -> Finished:
        raise KeyboardInterrupt

    monkeypatch.setattr(Guest, "follow", interrupted)
    assert log_view.show(vms, "brain", Request(follow=True)) == 130
    assert guest.asked == []


ENDS = [
    (66, b"there is no unit nginx\n", NotFound, "Units of its recipes: dvm-llama."),
    (69, b"this guest has no journal\n", CheckFailed, "demo guests do not keep one"),
    (255, b"Connection reset\n", CheckFailed, "does not respond (any more): Connection reset"),
    (1, b"\x1b[31msudo: no\n", DvmError, "cannot be read: \\x1b[31msudo: no"),
]


@pytest.mark.parametrize(("code", "stderr", "kind", "words"), ENDS)
def test_what_cannot_be_shown_is_said(
    vms: Vms, monkeypatch: pytest.MonkeyPatch, code: int, stderr: bytes, kind: type[DvmError], words: str
) -> None:
    answers(vms, Guest((), code, stderr), monkeypatch)
    what = logs.wanted(("dvm-llama",), "nginx")
    for ask in (lambda: logs.read(vms, "brain", what), lambda: logs.follow(vms, "brain", what, print)):
        with pytest.raises(kind) as caught:
            ask()
        assert words in str(caught.value)


def test_a_vm_and_a_job_are_told_apart_and_the_demo_says_that_it_keeps_no_journal(
    user: User, vms: Vms, guests_work: None
) -> None:
    user.dvm("log app").exits("not found").warns("app is not created.")
    user.dvm("sync app").succeeds()
    user.dvm("log app -f -n 5").exits("check failed").warns("demo guests do not keep one")
    job = user.last_job.id[:8]
    user.dvm(f"log {job}").succeeds().warns("-- sync app: succeeded")
    user.dvm(f"log {job} -f").exits("usage error").warns("is a job")
    user.dvm("log app --commands").exits("usage error")
    user.dvm(f"log {job} --json").exits("usage error").warns(f"dvm log {job} --commands --json")
    listed = user.dvm(f"log {job} --commands --json").json
    assert any("list" in one["argv"] for one in listed)
    assert len(listed) == len(user.dvm(f"log {job} --commands").out.splitlines())
    user.dvm("log nothing").exits("not found").warns("There is no VM or job 'nothing'.")
    user.dvm("log ../app").exits("not found")
    user.dvm("stop app").succeeds()
    user.dvm("log app").exits("check failed").warns("Start it with `dvm start app`.")
