"""What OpenCode's plugin writes into its terminal's pipe, run by Node with a stand-in for OpenCode's screen."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.needs import needs
from tests.places import AGENT

pytestmark = needs("node")  # it runs the plugin

# As OpenCode 1.18.33 hands events to a plugin of its screen.
SCREEN = """
const {{ default: plugin }} = await import("{plugin}");
const acts = {{}};
await plugin.tui({{ event: {{ on: (name, act) => (acts[name] = act) }} }});
for (const [type, properties] of {events}) acts[type]?.({{ type, properties }});
console.log("ended");
"""
Event = tuple[str, object]
ASK: Event = ("permission.asked", {"id": "p1", "sessionID": "main"})
QUESTION: Event = ("question.asked", {"id": "q1", "sessionID": "main"})


def status(session: str, kind: str) -> Event:
    return "session.status", {"sessionID": session, "status": {"type": kind}}


def answer(kind: str, request: str) -> Event:
    return kind, {"sessionID": "main", "requestID": request}


def run(events: Iterable[Event], tell: str | None) -> None:
    """Run the plugin to its end; it may neither fail nor hang nor print."""
    script = SCREEN.format(plugin=(AGENT / "opencode.mjs").as_uri(), events=json.dumps(list(events)))
    done = subprocess.run(
        ("node", "--input-type=module", "-e", script),
        env={"PATH": os.environ["PATH"]} | ({} if tell is None else {"DVM_TELL": tell}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def words(pipe: Path, events: Iterable[Event]) -> list[str]:
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        run(events, str(pipe))
        try:
            return os.read(end, 4096).decode().splitlines()
        except BlockingIOError:
            return []
    finally:
        os.close(end)


BUSY, IDLE = status("main", "busy"), status("main", "idle")
TURN = ["waits", "works", "waits"]
CASES: dict[str, tuple[list[Event], list[str]]] = {
    "start": ([], ["waits"]),
    "turn": ([BUSY, BUSY, status("main", "retry"), IDLE], TURN),
    "two turns": ([BUSY, IDLE, IDLE, BUSY, IDLE], ["waits", "works", "waits", "works", "waits"]),
    "permission": (
        [BUSY, ASK, BUSY, answer("permission.replied", "p1"), IDLE],
        ["waits", "works", "waits", "works", "waits"],
    ),
    "question": ([BUSY, QUESTION, answer("question.replied", "q1")], ["waits", "works", "waits", "works"]),
    "rejected": ([BUSY, QUESTION, answer("question.rejected", "q1")], ["waits", "works", "waits", "works"]),
    "two questions": ([BUSY, QUESTION, ASK, answer("question.replied", "q1")], TURN),
    "broken off while it asks": ([BUSY, ASK, IDLE, BUSY], ["waits", "works", "waits", "works"]),
    "subagents": (
        [BUSY, status("child", "busy"), status("other", "busy"), status("child", "idle")],
        ["waits", "works"],
    ),
    "main ends first": ([BUSY, status("child", "busy"), IDLE, status("child", "idle")], TURN),
    "another shape": ([("session.status", {}), ("permission.asked", None), BUSY], ["waits", "works"]),
    "not ours": ([BUSY, ("session.idle", {"sessionID": "main"})], ["waits", "works"]),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_works_and_waits_when_that_changes(tmp_path: Path, name: str) -> None:
    events, expected = CASES[name]
    assert words(tmp_path / "tell", events) == expected


def test_it_writes_into_nothing_but_a_pipe(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for tell in (None, "", str(file), str(tmp_path), str(tmp_path / "none"), "/dev/null"):
        run([BUSY, IDLE], tell)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_it_waits_for_no_reader_and_no_room(tmp_path: Path) -> None:
    pipe = tmp_path / "tell"
    os.mkfifo(pipe)
    run([BUSY, IDLE], str(pipe))  # nobody has opened it
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        with suppress(BlockingIOError):
            while os.write(end, b"x" * 4096):
                pass
        run([BUSY, IDLE], str(pipe))
    finally:
        os.close(end)
