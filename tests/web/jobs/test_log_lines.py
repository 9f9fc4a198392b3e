"""The live log in the browser shows the same lines as the server: nothing that was printed vanishes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from dvmweb.guest_text import log_lines
from tests.needs import skip
from tests.places import TOP

DENO = Path(sys.prefix) / "bin" / "deno"  # of the package that the development set-up brings
SCRIPTS = TOP / "static" / "js" / "jobs"
READ = """
const { LogLines } = await import(Deno.env.get("SCRIPTS") + "/log-lines.js");
const { pieces } = await import(Deno.env.get("SCRIPTS") + "/ansi.js");
const answers = (await new Response(Deno.stdin.readable).json()).map((parts) => {
  const log = new LogLines();
  for (const [part, ours] of parts) log.add(Uint8Array.fromHex(part), ours);
  const plain = log.lines.map((line, index) => log.plain(index));
  const drawn = log.lines.map((line) => pieces(line.text, line.style));
  return { plain, drawn, at: log.lines.map((line) => line.at), ours: log.lines.map((line) => line.ours) };
});
console.log(JSON.stringify(answers));
"""
PARTS = (
    *("a", "one two", " ", "\t", "é", "e\u0301", "\u202e", "\u200b", "\ufffe", "\U000e0041", "\u0e38", "\x00", "\x08"),
    *("\x1b[31m", "\x1b[0m", "\x1b[38;5;12m", "\x1b[38:2::1:2:3m", "\x1b[2J", "\x1b[?25l", "\x1b]0;title\x07", "\x1b"),
    *("\x1b]8;;http://x\x1b\\", "\x1bPq", "\x9b31m", "\x85", "\u2028", "\x1b[8m", "\x1b[3", "m"),
    *("\n", "\n", "\r", "\r\n", "\r\r\n", "\n\r"),
)
COMPOSED = "\u0f73\u0f75\u0f81"  # do not stack themselves but their parts do: written out in the browser only


@pytest.fixture(autouse=True)
def deno() -> None:
    if not DENO.is_file():
        skip("Deno is not in this environment; `make setup` installs it")


def read(cases: list[list[bytes]], ours: Sequence[tuple[int, int]] = ()) -> list[dict[str, list[object]]]:
    """What the browser's scripts make of logs that come in these parts; `ours`: the places of dvm's own words."""
    asked = json.dumps([[[part.hex(), ours] for part in parts] for parts in cases])
    argv = (str(DENO), "eval", "--no-config", READ)
    environ = {**os.environ, "SCRIPTS": SCRIPTS.as_uri(), "DENO_NO_UPDATE_CHECK": "1"}
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, list[object]]] = json.loads(done.stdout)
    return answers


def shown(data: bytes) -> list[str]:
    lines = log_lines(data).split("\n")
    return lines[:-1] if not data or data.endswith((b"\n", b"\r")) else lines


def in_parts(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def test_d08_the_browser_reads_a_log_as_the_server_does() -> None:
    chance = random.Random(8)
    logs = ["".join(chance.choices(PARTS, k=chance.randrange(12))).encode() for _ in range(600)]
    answers = read([in_parts(data, chance) for data in logs])
    for data, answer in zip(logs, answers, strict=True):
        plain = [str(line).replace("\t", " " * 8) for line in answer["plain"]]
        assert plain == shown(data), data
        drawn = ["".join(text for text, _ in line) for line in answer["drawn"]]  # type: ignore[attr-defined]
        assert drawn == answer["plain"], data


def test_d08_every_mark_that_may_stack_is_written_out() -> None:
    marks = [c for c in map(chr, range(0x110000)) if unicodedata.category(c).startswith("M") and c not in COMPOSED]
    data = "\n".join(f"a{c}" for c in marks).encode()
    (answer,) = read([[data]])
    assert answer["plain"] == shown(data)


def test_d08_no_line_is_written_over() -> None:
    (answer,) = read([[b"evil\r", b"\nharmless\rdone", b"\r\n\x1b[32mgreen\rstill", b"\n\xff end"]])
    assert answer["plain"] == ["evil", "harmless", "done", "green", "still", "\ufffd end"]
    assert answer["at"] == [0, 6, 15, 21, 32, 38]
    assert answer["drawn"][3:] == [[["green", "f2"]], [["still", "f2"]], [["\ufffd end", "f2"]]]


def test_d07_a_line_without_end_keeps_its_start_and_says_what_is_cut() -> None:
    (answer,) = read([[b"x" * 5000, b"y" * 5000 + b"\rz"]])
    assert answer["plain"] == ["x" * 4096, "z"]


def test_s7_whose_a_line_is_tells_its_place_and_never_its_words() -> None:
    ours, forged = b"$ limactl start dvm-app\n", b"$ limactl delete -f dvm-app\n"
    data = b"\x1b[31m" + forged + ours + forged
    at = len(forged) + 5
    for cut in (0, 5, at - 1, at, at + 3, at + len(ours)):
        (answer,) = read([[data[:cut], data[cut:]]], [(at, at + len(ours))])
        assert answer["ours"] == [False, True, False], cut
        assert answer["drawn"][1] == [["$ limactl start dvm-app", ""]]  # a guest's colour ends before our words
