"""What others wrote becomes a whole sentence: one full stop at its end, whoever wrote it."""

from __future__ import annotations

import pytest

from dvmweb.errors import Problem, sentence
from dvmweb.guest.unsaved_work import failed_report


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("it failed", "it failed."),
        ("it failed.", "it failed."),
        ("it failed. ", "it failed."),
        ("really?", "really?"),
        ("wait…", "wait…"),
        ("as follows:", "as follows:"),
        ("", ""),
    ],
)
def test_a_sentence_ends_once(text: str, whole: str) -> None:
    assert sentence(text) == whole


def test_what_a_guest_or_a_check_said_with_a_full_stop_gets_no_second_one() -> None:
    told = (*failed_report("The answer is incomplete.").lines(), str(Problem("cpus", "it is odd.", "Write 2.")))
    assert not [line for line in told if ".." in line]
