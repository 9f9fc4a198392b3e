"""The page with every part of the pages in each of its states."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, current_app

from dvmweb.records.load_samples import Sample
from dvmweb.web.ui import context
from dvmweb.web.ui.plots import cpu_of_hour

FRAME = ("base", "buttons", "content", "forms", "layout", "login", "menus", "palette", "status", "tokens")
blueprint = Blueprint("ui_patterns_pages", __name__)


@blueprint.get("/patterns")
def patterns() -> Response:
    """All parts, with invented values."""
    samples = tuple(Sample(60.0 * minute, cpu=(minute * 7 % 50) / 60) for minute in range(60) if not 25 < minute < 35)
    plots = (cpu_of_hour(samples, 3590.0), cpu_of_hour((), 3590.0))
    return context.page("ui/patterns.html", styles=_styles(), plots=plots)


def _styles() -> tuple[str, ...]:
    """The style sheets that some pages load beside those of the frame."""
    folder = Path(current_app.static_folder or "") / "css"
    paths = (path for path in folder.glob("*/*.css") if path.parent.name != "ui" or path.stem not in FRAME)
    return tuple(sorted(f"css/{path.relative_to(folder)}" for path in paths))
