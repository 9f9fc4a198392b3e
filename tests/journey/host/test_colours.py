"""NO_COLOR: on a terminal nothing is coloured or bold with it, and something is without it."""

from __future__ import annotations

import re

import pexpect
import pytest

from tests.journey.driver import User, Vm

COLOUR = re.compile(r"\x1b\[(?:1|3[0-7]|9[0-7]|38;[0-9;]+)m")


@pytest.mark.parametrize(("no_color", "is_coloured"), [("1", False), ("", True)])
def test_colours_and_bold_follow_no_color(user: User, app: Vm, no_color: str, is_coloured: bool) -> None:
    env = {**user.home.environ, "TERM": "xterm-256color", "NO_COLOR": no_color}
    for words in (("sync", "app"), ("log", user.last_job.id)):
        argv = user.home.argv(*words)
        shown = pexpect.run(" ".join(argv), env=env, timeout=90, encoding="utf-8")
        assert isinstance(shown, str)
        assert bool(COLOUR.search(shown)) == is_coloured, (words, shown)
