"""The Flask app behind the guard: its areas, what every template knows, and its limits."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from flask import Flask
from jinja2 import StrictUndefined
from markupsafe import Markup

from dvmweb.guest_text import visible
from dvmweb.jobs import stored
from dvmweb.rounds import watch_over
from dvmweb.vms import Vms
from dvmweb.web import house, problems
from dvmweb.web.icons import icon
from dvmweb.web.sessions import Sessions
from dvmweb.web.sockets import SERVER_OPTIONS, Sockets

AREAS = (
    "dvmweb.web.login_pages",
    "dvmweb.web.vms_pages",
    "dvmweb.web.vm_pages",
    "dvmweb.web.stop_pages",
    "dvmweb.web.form_pages",
    "dvmweb.web.recipe_pages",
    "dvmweb.web.job_pages",
    "dvmweb.web.journal_pages",
    "dvmweb.web.delete_pages",
    "dvmweb.web.terminals_pages",
    "dvmweb.web.terminal_pages",
    "dvmweb.web.upload_pages",
)
BODY_BYTES = 1_000_000
FIELD_BYTES = 500_000
FIELDS = 1000


@dataclass(frozen=True)
class EngineLabel:
    """The engine in use, for the frame of a page."""

    kind: str  # "lima" or "demo"
    label: str


def create_app(vms: Vms, sessions: Sessions) -> Flask:
    """The app, without its guard: nothing but tests may serve it bare."""
    bundled = vms.paths.bundled
    app = Flask("dvmweb.web", template_folder=str(bundled / "templates"), static_folder=str(bundled / "static"))
    app.debug = False  # whatever FLASK_DEBUG says
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # no redirects that we did not write
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=FIELD_BYTES,
        MAX_FORM_PARTS=FIELDS,
        PROPAGATE_EXCEPTIONS=False,
        SOCK_SERVER_OPTIONS=SERVER_OPTIONS,
    )
    sockets = Sockets()
    sessions.on_end.append(sockets.close_session)
    house.furnish(app, vms, sessions, sockets, watch_over(vms))
    _teach_templates(app, vms)
    problems.register(app)
    for area in AREAS:
        app.register_blueprint(importlib.import_module(area).blueprint)
    return app


def _teach_templates(app: Flask, vms: Vms) -> None:
    environment = app.jinja_env
    environment.autoescape = True
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    kind = "demo" if vms.paths.is_demo else "lima"
    label = "Demo engine · not a boundary" if kind == "demo" else "Lima"
    environment.globals.update(
        icon=icon, csrf_token=house.csrf_token, csrf_field=csrf_field, engine=EngineLabel(kind, label)
    )
    environment.filters.update(age=stored.age, visible=visible, size=size)


def csrf_field() -> Markup:
    """The hidden field that every form which POSTs must have."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(house.csrf_token())


def size(amount: int | None) -> str:
    """Bytes in words: `9.5 GiB`; `?` where it is not known."""
    if amount is None or amount < 0:
        return "?"
    value, units = float(amount), ["TiB", "GiB", "MiB", "KiB"]
    unit = "B"
    while value >= 1024 and units:
        value, unit = value / 1024, units.pop()
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.3g} {unit}"
