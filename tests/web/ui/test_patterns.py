"""The page of patterns shows each part once, so that a change of a part is seen in one place."""

from __future__ import annotations

import re

from tests.places import TOP
from tests.web.conftest import Browser


def test_every_macro_and_tone_is_shown(client: Browser) -> None:
    page = client.get("/patterns").text
    for tone in ("ok", "bad", "info", "idle", "warn", "blind"):
        assert f'class="state {tone}"' in page, tone
    for tone in ("safe", "risk", "blind", "bad"):
        assert f'class="work {tone}"' in page, tone
    source = (TOP / "templates/ui/patterns.html").read_text()
    macros = re.findall(r"{% macro (\w+)\(", (TOP / "templates/ui/_macros.html").read_text())
    shown_by_others = {"prose", "button"}  # a sentence of other parts, and a form with one button
    assert not [name for name in macros if f"{{{{ {name}(" not in source and name not in shown_by_others]


def test_it_has_the_style_sheets_of_every_area(client: Browser) -> None:
    page = client.get("/patterns").text
    for path in sorted((TOP / "static/css").glob("*/*.css")):
        if path.name != "login.css":
            assert f"css/{path.parent.name}/{path.name}" in page, path
