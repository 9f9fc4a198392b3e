"""A command line that is shown runs as it stands, or is a comment that says why not."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.lima.command_display import IS_CUT, ON_STDIN, shown
from dvmweb.lima.guest_shell import enter
from dvmweb.lima.ledger import LONGEST_WORD
from dvmweb.lima.script_payload import BOOTSTRAP

HARD = [
    "a b",
    "",
    "'",
    "\\",
    "a\\'b",
    "$HOME",
    "`id`",
    "a\x1b[31mb",
    "x\u202ey",
    "e\u0301",
    "line\nnext\t7",
    "…",
    "\x7f12",
]


def said(argv: tuple[str, ...]) -> bytes:
    return subprocess.run(("bash", "-c", shown(argv)), capture_output=True, check=True).stdout


@pytest.mark.parametrize("word", [*HARD, b"\xff\xc3(".decode("utf-8", "surrogateescape")])
def test_every_word_arrives_as_it_is(word: str) -> None:
    assert said(("printf", "%s", word)) == word.encode("utf-8", "surrogateescape")
    assert shown((word,)).isprintable()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_so_does_any_text(word: str) -> None:
    assert said(("printf", "%s", word)) == word.encode()


def test_a_shell_in_a_vm_is_whole() -> None:
    argv = enter("dvm-app", "/home/dev/code/app", (), "id")
    assert "…" not in shown(argv)
    assert said(("printf", "%s\\0", *argv[5:])).decode().split("\0")[:-1] == list(argv[5:])


@pytest.mark.parametrize("word", [BOOTSTRAP, f"env bash -c {shlex.quote(BOOTSTRAP)} x"])
def test_one_whose_script_goes_in_on_stdin_is_a_comment(word: str) -> None:
    line = shown(("limactl", "shell", "dvm-app", "--", word))
    assert line.startswith(ON_STDIN)
    assert BOOTSTRAP not in line
    assert said(("limactl", word)) == b"", "pasted with others it does nothing"


def test_one_that_is_cut_in_the_ledger_is_a_comment() -> None:
    assert shown(("limactl", "edit", "x" * LONGEST_WORD + "…")).startswith(IS_CUT)
    assert shown(("limactl", "edit", "… (+3 words)")).startswith(IS_CUT)
    assert shown(("printf", "…")) == "printf '…'"
