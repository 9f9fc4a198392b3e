"""The pages are in order: links and paths exist, lines are short, and every `dvm` command in them is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dvmweb import __version__
from dvmweb.cli.main import main
from dvmweb.cli.vms.checkpointing import CheckpointGroup
from tests.places import TOP

PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])
WIDE = 120
FOLDERS = "dvmweb|tests|recipes|scripts|docs|requirements|docker-test|templates|static"
# A path is shown as code. One with a capital word, a star or <name> stands for many.
SHOWN = re.compile(rf"`((?:\.ci|{FOLDERS})/[\w./-]+)`")
# `keeper/loop.py` stands for the one file whose path ends so.
SHORTENED = re.compile(rf"`((?!(?:{FOLDERS}|state|vms)/)[\w-]+/[\w./-]+\.(?:py|js|sh))`")
LINKS = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
PICTURES = re.compile(r'src(?:set)?="([^"]+)"')
FUNCTION = re.compile(r"`((?:dvmweb|static)/[\w./-]+\.(?:py|js))`\s+`(\w+)\(\)`")
MENTIONED = re.compile(r"`(dvm [a-z][^`]*)`")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", without_code(page.read_text("utf-8")), re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        while anchor in found:
            anchor += "-again"
        found.add(anchor)
    return found


def broken_links(page: Path) -> Iterator[str]:
    text = page.read_text("utf-8")
    for link in (*LINKS.findall(text), *PICTURES.findall(text)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def commands(text: str) -> Iterator[str]:
    """The `dvm` commands of a page: lines of code, and code in a sentence."""
    yield from (line.split(" #")[0].strip() for line in re.findall(r"^ {4}(?:\$ )?(dvm .*)$", text, re.M))
    yield from MENTIONED.findall(text)


def fault(command: str) -> str:
    """What is wrong with a command as it is written, "" where it is one; its arguments are not judged."""
    own = re.split(r"\s(?:--|[<>|])\s", command)[0]
    words = re.sub(r"\[[^]]*\]|\.\.\.|…", " ", own).split()[1:]
    group: click.Command = main
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        word = words.pop(0)
        if re.fullmatch(r"[A-Z|]+", word):
            return ""
        if word not in group.commands and isinstance(group, CheckpointGroup):
            word = group.default
        if word not in group.commands:
            return f"no command {word}: {command}"
        group = group.commands[word]
    known = {name for option in group.params for name in option.opts} | {"--help", "-h", "--version"}
    unknown = [word for word in words if word.startswith("-") and word != "-" and word.partition("=")[0] not in known]
    return f"{group.name} has no {', '.join(unknown)}: {command}" if unknown else ""


def test_there_are_pages() -> None:
    assert {"CONTRIBUTING.md", "SECURITY.md", "codebase.md", "quickstart.md"} <= {page.name for page in PAGES}


@every_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    shown = [name for name in SHOWN.findall(text) if not re.search(r"\b[A-Z]{2,}\b", name)]
    missing = [name for name in shown if not (TOP / name).exists()]
    missing += [name for name in SHORTENED.findall(text) if not any(TOP.glob(f"*/**/{name}"))]
    assert not missing, f"{page.name} names files that do not exist: {', '.join(missing)}"


@every_page
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    assert not [*broken_links(page)]


@every_page
def test_no_line_is_too_long(page: Path) -> None:
    long = [number for number, line in enumerate(page.read_text("utf-8").splitlines(), 1) if len(line) > WIDE]
    assert not long, f"{page.name}: lines of more than {WIDE} characters: {long}"


@every_page
def test_every_command_in_a_page_is_one(page: Path) -> None:
    found = [fault(command) for command in commands(page.read_text("utf-8"))]
    assert not [one for one in found if one]


@pytest.mark.parametrize(
    ("command", "is_one"),
    [
        ("dvm sync app --restart", True),
        ("dvm ssh app -- git push --force", True),
        ("dvm teleport app", False),
        ("dvm sync app --again", False),
    ],
)
def test_a_command_that_is_none_is_found(command: str, is_one: bool) -> None:
    assert (fault(command) == "") is is_one


def test_the_first_pages_show_commands() -> None:
    for name in ("README.md", "docs/quickstart.md"):
        assert len({*commands((TOP / name).read_text("utf-8"))}) > 5


def test_readme_is_short() -> None:
    assert len((TOP / "README.md").read_text("utf-8").splitlines()) <= 120


def test_every_function_of_the_codebase_guide_exists() -> None:
    named = FUNCTION.findall((TOP / "docs/codebase.md").read_text("utf-8"))
    assert len(named) > 20
    missing = [
        f"{path} {name}"
        for path, name in named
        if not re.search(rf"^\s*(?:async )?(?:def |function )?{name}\(", (TOP / path).read_text("utf-8"), re.M)
    ]
    assert not missing


def test_the_changelog_has_this_version() -> None:
    text = (TOP / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)$", text, re.M)
