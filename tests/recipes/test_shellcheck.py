"""`make check` runs shellcheck on every recipe and on every script of ours that runs in a guest."""

from __future__ import annotations

import re

from tests.places import GUEST, RECIPES, TOP


def test_no_script_is_left_out() -> None:
    found = re.search(r"^SHELL_FILES = \$\(wildcard ([^)]*)\)", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    checked = {file for pattern in found[1].split() for file in TOP.glob(pattern)}
    assert {file for folder in (RECIPES, GUEST) for file in folder.rglob("*.sh")} <= checked
