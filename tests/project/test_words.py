"""One plain word for each thing: words of the project's older vocabulary, and the words to use for them.

Checked are names, strings and comments of the package, and the text of templates, scripts and docs.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.places import TOP

PYTHON = [path for path in sorted(TOP.glob("dvmweb/**/*.py")) if "_bundled" not in path.parts]
TEXTS = [
    *sorted(TOP.glob("templates/**/*.html")),
    *(path for path in sorted(TOP.glob("static/js/**/*.js")) if "vendor" not in path.parts),
    *sorted(TOP.glob("dvmweb/**/*.sh")),
    *sorted(TOP.glob("recipes/**/*.sh")),
    *(path for path in sorted(TOP.glob("docs/**/*.md"))),
    TOP / "README.md",
]

# A part of an identifier -> the part to use.
NAMES: Mapping[str, str] = {
    "asked": "checked, requested",
    "asks": "queries",
    "could_not_look": "check_failed",
    "heard": "received",
    "hear": "read",
    "holds": "the condition itself",
    "hole": "failed",
    "look": "check",
    "looked": "checked",
    "looks": "checks",
    "risk": "unsaved",
    "said": "output, problem",
    "say": "show, report",
    "says": "report",
    "seen_off": "clean_since_stop",
    "tell": "report",
    "tells": "reports",
    "told": "reported, notices",
    "typist": "client_id",
    "wall": "sandbox",
    "wish": "desired",
    "world": "plan_input",
}
# A phrase in strings, comments and pages -> what to write.
PHRASES: Mapping[str, str] = {
    r"could not look": "check failed",
    r"(?:not|never|nobody has) looked": "not checked",
    r"look(?:s|ed|ing)? (?:into|again|first)": "check, check again",
    r"\bat risk\b": "unsaved work",
    r"\btold\b": "reported",
    r"(?<![/-])\btells?\b": "reports",
    r"\bof itself\b": "about",
    r"\bpromised\b": "allocated",
    r"\bobeys?\b": "follows",
    r"\bholds (?:a|no|another|too|more|one)\b(?! lock)": "contains",
    r"\bneeds you\b": "needs attention",
    r"\bway out\b": "what to do",
    r"\b(?:whoever|somebody)\b|\bnobody (?:has|knows|looks|can|is)\b": "another program, another user; not checked",
    r"\bvery (?:instance|job|place|file|guest|text|plan|agent|create)\b": "this instance",
    r"\bsay whether\b": "whether",
    r"\bbelieves?\b": "accepts",
    r"\bis the last word\b": "still counts",
}
# Names that stay: (file, name), with the reason.
KEPT_NAMES: Mapping[tuple[str, str], str] = {
    ("dvmweb/guest/copies/entries.py", "tell"): "the method of a file that tarfile calls",
}
# Texts that stay: (file, text), with the reason.
KEPT_TEXTS: Mapping[tuple[str, str], str] = {
    ("dvmweb/guest/unsaved_work/report.py", "at risk"): "the word in reports of dvm 0.1, which stay readable",
}


def of_python(path: Path) -> Iterator[tuple[str, str]]:
    """Each old word in a module: where, and what to use."""
    place = path.relative_to(TOP).as_posix()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NAME:
                if (place, token.string) in KEPT_NAMES:
                    continue
                parts = f"_{token.string.lower()}_"
                names = [name for name in NAMES if f"_{name}_" in parts]
                yield from ((f"{place}:{token.start[0]}: the name {token.string}", NAMES[name]) for name in names)
            elif token.type in (tokenize.STRING, tokenize.COMMENT):
                yield from of_text(place, token.string, token.start[0])


def of_text(place: str, text: str, first: int = 1) -> Iterator[tuple[str, str]]:
    """Each old phrase in a text: where, and what to write."""
    for phrase, better in PHRASES.items():
        for found in re.finditer(phrase, text, re.IGNORECASE):
            if (place, found[0]) not in KEPT_TEXTS:
                yield f"{place}:{first + text.count(chr(10), 0, found.start())}: {found[0]}", better


@pytest.mark.parametrize("paths", [PYTHON, TEXTS], ids=["python", "pages and scripts"])
def test_one_plain_word_for_each_thing(paths: list[Path]) -> None:
    found: list[str] = []
    for path in paths:
        place = path.relative_to(TOP).as_posix()
        pairs = of_python(path) if path.suffix == ".py" else of_text(place, path.read_text("utf-8"))
        found += [f"{where} (write: {better})" for where, better in pairs]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("could_not_look = 1", 2),  # the whole name, and its part `look`
        ("def checks_told(self) -> None: ...", 1),
        ('"the guest told nothing"', 1),
        ("x = 1  # the work at risk", 1),
        ("look_up = lookup = outlook = 1", 1),
        ("# Every file that holds a secret, and holds a lock.", 1),
        ('"Unsaved work: 2 commits not pushed. Check again."', 0),
    ],
)
def test_an_old_word_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, count: int) -> None:
    monkeypatch.setattr("tests.project.test_words.TOP", tmp_path)
    (tmp_path / "one.py").write_text(source)
    assert len(list(of_python(tmp_path / "one.py"))) == count


def test_every_exception_is_still_needed() -> None:
    for place, text in KEPT_TEXTS:
        assert text in (TOP / place).read_text("utf-8")
