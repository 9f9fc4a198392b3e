"""Where the parts of this checkout lie, for tests that read them."""

from __future__ import annotations

from pathlib import Path

import dvmweb.guest

TOP = Path(__file__).resolve().parents[1]
RECIPES = TOP / "recipes"
GUEST = Path(dvmweb.guest.__file__).parent  # docker-test has the wheel, and no such folder beside the tests
SCRIPTS = GUEST / "scripts"
COPIES = GUEST / "copies"
WORK_CHECK = GUEST / "unsaved_work" / "program"
AGENT = GUEST / "agent" / "program"


def recipe(name: str) -> Path:
    """The file of a bundled recipe."""
    (found,) = RECIPES.glob(f"*/{name}.sh")
    return found
