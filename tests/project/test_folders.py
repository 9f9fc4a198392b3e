"""Holds what a newcomer sees: no folder with too many files, no file too long to read, one set of areas."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from tests.places import TOP

MOST_FILES, MOST_LINES = 20, 300
READ = (".py", ".sh", ".js", ".mjs", ".css", ".html")
# Tests are lists of cases and are read by the case.
LONG_FOR_A_REASON = ("tests/",)
AREAS = {"server", "ui", "list", "vms", "attention", "form", "jobs", "terminals", "recipes", "deletion", "host", "tabs"}


@pytest.fixture(scope="module")
def files() -> list[PurePosixPath]:
    """All files of the checkout that are or will be in Git."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    done = subprocess.run(listed, cwd=TOP, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this copy is no Git checkout")
    return [PurePosixPath(line) for line in done.stdout.splitlines() if (TOP / line).is_file()]


def test_no_folder_has_too_many_files(files: list[PurePosixPath]) -> None:
    counted = Counter(str(path.parent) for path in files if path.name != "__init__.py")
    assert not {folder: count for folder, count in counted.items() if count > MOST_FILES}


def test_no_file_is_too_long(files: list[PurePosixPath]) -> None:
    shown = [path for path in files if path.suffix in READ and not str(path).startswith(LONG_FOR_A_REASON)]
    lengths = {str(path): len(Path(TOP / path).read_bytes().splitlines()) for path in shown}
    assert not {path: length for path, length in lengths.items() if length > MOST_LINES}


@pytest.mark.parametrize("place", ["dvmweb/web", "templates", "static/js", "static/css", "tests/web", "tests/browser"])
def test_the_areas_of_the_dashboard_have_the_same_names_everywhere(files: list[PurePosixPath], place: str) -> None:
    depth = len(PurePosixPath(place).parts)
    found = {path.parts[depth] for path in files if path.is_relative_to(place) and len(path.parts) > depth + 1}
    assert found - {"driver"} <= AREAS
    assert len(found) > 3
