"""Guest text: nothing that a guest writes may move, hide or reorder what the user reads (threats.md D02, D03)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.guest_text import log_lines, visible


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain name.txt", "plain name.txt"),
        (b"two\nlines", "two\\x0alines"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"bad \xff byte", "bad \\xff byte"),
        ("right \u202e left", "right \\u202e left"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("a" + "\u0301" * 3, "a" + "\\u0301" * 3),
        ("caf\u00e9 日本", "caf\u00e9 日本"),
        ("\ud800", "\\ud800"),
    ],
)
def test_d03_hidden_characters_become_marks(raw: bytes | str, shown: str) -> None:
    assert visible(raw) == shown


def test_a_long_name_is_cut_and_says_so() -> None:
    assert visible("x" * 250, 200) == "x" * 200 + "… (+50 characters)"


@given(st.binary(max_size=300))
def test_what_is_shown_holds_no_control_character(raw: bytes) -> None:
    for text in (visible(raw), log_lines(raw).replace("\n", "")):
        assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "\\x1b]0;title\\x07text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "\\x1b]52;c;ZXZpbA==\\x1b\\text"),
        ("a\bb", "a\\x08b"),
        ("evil\rgood", "evil\ngood"),
        ("tab\tkept", "tab        kept"),
        ("\x1b[2J", "\\x1b[2J"),
    ],
)
def test_d08_a_log_hides_nothing_but_colours(line: str, text: str) -> None:
    assert log_lines(line.encode()) == text
