"""The pages name only files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md")])
FOLDERS = "dvmweb|tests|recipes|scripts|docs|requirements|docker-test|templates|static"
# A path is shown as code. One with a capital word, a star or <name> stands for many.
SHOWN = re.compile(rf"`((?:\.ci|{FOLDERS})/[\w./-]+)`")
LINKS = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PICTURES = re.compile(r'src(?:set)?="([^"]+)"')


def test_there_are_pages() -> None:
    assert {"CONTRIBUTING.md", "SECURITY.md", "architecture.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    shown = [TOP / name for name in SHOWN.findall(text) if not re.search(r"\b[A-Z]{2,}\b", name)]
    linked = [page.parent / name for name in (*LINKS.findall(text), *PICTURES.findall(text))]
    missing = [str(path.relative_to(TOP)) for path in (*shown, *linked) if not path.exists()]
    assert not missing, f"{page.name} names what is not there: {', '.join(missing)}"
