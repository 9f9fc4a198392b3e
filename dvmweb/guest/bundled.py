"""Reads the bundled scripts and programs that run in a guest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dvmweb.files import read_script

ROOM = Path(__file__).parent
AGENT = ROOM / "agent" / "program"
SCRIPTS = ROOM / "scripts"
COPIES = ROOM / "copies"
FOLDERS = (SCRIPTS, *(ROOM / name / "program" for name in ("copies", "unsaved_work", "rescue", "exposure")))
BOTH_ENDS = tuple(COPIES / f"{name}.py" for name in ("tally", "entries", "packing", "unpacking"))  # of a copy
OF_RECIPES = (SCRIPTS, AGENT, ROOM / "example")  # folders with files that recipes name
SANDBOX_TEST = AGENT / "sandbox_test.sh"


def scripts() -> dict[str, str]:
    """The text of each guest script and Python file, by file name. Raises ConfigError."""
    paths = [path for folder in FOLDERS for path in sorted(folder.iterdir()) if path.suffix in (".sh", ".py")]
    return _texts((*paths, *BOTH_ENDS, SANDBOX_TEST))


def recipe_files(names: Iterable[str]) -> dict[str, str]:
    """The text of the files that a recipe names (agent sandbox, example, ...), by file name. Raises ConfigError."""
    return _texts(next((path for path in _places(name) if path.exists()), AGENT / name) for name in names)


def _places(name: str) -> Iterable[Path]:
    return (folder / name for folder in OF_RECIPES)


def _texts(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: read_script(path) for path in paths}
