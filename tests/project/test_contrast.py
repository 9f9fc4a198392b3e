"""Contrast of the colour names in tokens.css, measured in both themes (WCAG 2: 4.5 for text, 3 for controls)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.places import TOP

TOKENS = (TOP / "static" / "css" / "ui" / "tokens.css").read_text("utf-8")
CSS = sorted((TOP / "static" / "css").rglob("*.css"))
THEMES = ("light", "dark")
STATES = ("ok", "warn", "bad", "idle", "info")
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in ("paper", "sheet", "sunk")),
    *(("ink-2", f"{state}-soft") for state in (*STATES, "accent")),  # ages and details stand on a state's ground
    *(("ink", f"{state}-soft") for state in (*STATES, "accent")),
    *((state, f"{state}-soft") for state in STATES),
    *((state, "sheet") for state in STATES),
    *((ink, ground) for ink in ("accent", "accent-strong") for ground in ("paper", "sheet", "sunk", "accent-soft")),
    *(("accent-ink", ground) for ground in ("accent", "accent-strong")),
    ("accent-strong", "info-soft"),
    ("bad-ink", "bad"),
    ("bad", "paper"),
    *((ink, "log") for ink in ("log-ink", "log-dim", "log-host", "log-bad", *(f"ansi-{n}" for n in range(16)))),
    *(("log", f"ansi-{n}") for n in range(16)),  # a ground colour takes the dark of the log as its text
    ("log", "log-mark-now"),
    *((ink, "term") for ink in ("term-ink", *(f"term-{n}" for n in range(16)))),
    ("term-ink", "term-selected"),
]
CONTROLS = [
    *(("line-strong", ground) for ground in ("paper", "sheet", "sunk")),
    *(("accent", ground) for ground in ("paper", "sheet", "sunk", "accent-soft", "idle-soft")),
    ("bad", "sheet"),
    ("log-rule", "log"),
]


def colours(theme: str) -> dict[str, tuple[int, int, int]]:
    """The value of each name in one theme."""
    found = {}
    for name, light, dark in re.findall(r"--([a-z0-9-]+): (?:light-dark\()?(#\w{6})(?:, (#\w{6})\))?;", TOKENS):
        value = dark if theme == "dark" and dark else light
        found[name] = (int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16))
    return found


def luminance(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def too_weak(theme: str, pairs: list[tuple[str, str]], least: float) -> list[str]:
    values = colours(theme)
    measured = [(contrast(values[front], values[ground]), front, ground) for front, ground in pairs]
    return [f"{front} on {ground}: {ratio:.2f}" for ratio, front, ground in measured if ratio < least]


def test_the_measure_is_right() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read(theme: str) -> None:
    assert too_weak(theme, TEXT, 4.5) == []


@pytest.mark.parametrize("theme", THEMES)
def test_controls_and_focus_can_be_seen(theme: str) -> None:
    assert too_weak(theme, CONTROLS, 3.0) == []


@pytest.mark.parametrize("path", CSS, ids=lambda path: path.name)
def test_every_name_that_is_used_has_a_value(path: Path) -> None:
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", path.read_text("utf-8")))
    assert used <= set(re.findall(r"--([a-z0-9-]+):", TOKENS))


@pytest.mark.parametrize("path", [path for path in CSS if path.name != "tokens.css"], ids=lambda path: path.name)
def test_colours_have_names(path: Path) -> None:
    """A colour written elsewhere would have one value in both themes; print is black on white."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert sorted(set(re.findall(r"#[0-9a-f]{3,8}\b(?=[;\s])", text)) - {"#000", "#fff"}) == []


def test_nothing_comes_from_elsewhere() -> None:
    for path in CSS:
        assert not re.search(r"@import|url\(|https?:", path.read_text("utf-8")), path.name
