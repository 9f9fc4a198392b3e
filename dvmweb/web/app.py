"""The Flask app behind the guard: its areas, template globals and limits."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from flask import Flask
from jinja2 import StrictUndefined
from markupsafe import Markup

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.verbs.monitor import watch_over
from dvmweb.verbs.vms import Vms
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.server.websockets import SERVER_OPTIONS, Sockets
from dvmweb.web.ui import context, error_pages
from dvmweb.web.ui.icons import icon

AREAS = (
    "dvmweb.web.ui.login_pages",
    "dvmweb.web.ui.preference_pages",
    "dvmweb.web.ui.patterns_pages",
    "dvmweb.web.list.palette_pages",
    "dvmweb.web.list.pages",
    "dvmweb.web.list.selected_pages",
    "dvmweb.web.vms.pages",
    "dvmweb.web.vms.overview.load_pages",
    "dvmweb.web.vms.overview.overview_pages",
    "dvmweb.web.tabs.pages",
    "dvmweb.web.tabs.power_pages",
    "dvmweb.web.tabs.naming_pages",
    "dvmweb.web.tabs.port_pages",
    "dvmweb.web.tabs.log_pages",
    "dvmweb.web.tabs.key_pages",
    "dvmweb.web.vms.exposure_pages",
    "dvmweb.web.attention.pages",
    "dvmweb.web.form.pages",
    "dvmweb.web.recipes.pages",
    "dvmweb.web.recipes.trial_pages",
    "dvmweb.web.host.bases_pages",
    "dvmweb.web.host.doctor_pages",
    "dvmweb.web.host.example_pages",
    "dvmweb.web.host.settings_pages",
    "dvmweb.web.jobs.pages",
    "dvmweb.web.vms.files_pages",
    "dvmweb.web.deletion.pages",
    "dvmweb.web.deletion.several_pages",
    "dvmweb.web.deletion.remove_config_pages",
    "dvmweb.web.deletion.trash_pages",
    "dvmweb.web.deletion.protection_pages",
    "dvmweb.web.deletion.checkpoint_pages",
    "dvmweb.web.deletion.rewind_pages",
    "dvmweb.web.terminals.list_pages",
    "dvmweb.web.terminals.pages",
    "dvmweb.web.terminals.upload_pages",
)
BODY_BYTES = 1_000_000
FIELD_BYTES = 500_000
FIELDS = 1000
NEXT_THEME = {"system": "light", "light": "dark", "dark": "system"}


@dataclass(frozen=True)
class EngineLabel:
    """The engine in use, for the header of each page."""

    kind: str  # "lima" or "demo"
    label: str


def create_app(vms: Vms, sessions: Sessions) -> Flask:
    """Create the app without its guard; only tests can serve it like this."""
    bundled = vms.paths.bundled
    app = Flask("dvmweb.web", template_folder=str(bundled / "templates"), static_folder=str(bundled / "static"))
    app.debug = False  # whatever FLASK_DEBUG is
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # no automatic redirects
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=FIELD_BYTES,
        MAX_FORM_PARTS=FIELDS,
        PROPAGATE_EXCEPTIONS=False,
        SOCK_SERVER_OPTIONS=SERVER_OPTIONS,
    )
    sockets = Sockets(sessions.is_live)
    sessions.on_end.append(sockets.close_session)
    context.init_app(app, vms, sessions, sockets, watch_over(vms))
    _set_up_templates(app, vms)
    error_pages.register(app)
    for area in AREAS:
        app.register_blueprint(importlib.import_module(area).blueprint)
    return app


def _set_up_templates(app: Flask, vms: Vms) -> None:
    environment = app.jinja_env
    environment.autoescape = True
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    kind = "demo" if vms.paths.is_demo else "lima"
    label = "Demo engine · not a security boundary" if kind == "demo" else "Lima"
    environment.globals.update(
        icon=icon, csrf_token=context.csrf_token, csrf_field=csrf_field, engine=EngineLabel(kind, label)
    )
    environment.globals.update(
        preferences=context.preferences,
        here=context.here,
        next_theme=NEXT_THEME,
    )
    environment.filters.update(age=age, visible=visible, size=size)


def csrf_field() -> Markup:
    """Return the hidden field that every POST form needs."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(context.csrf_token())


def size(amount: int | None) -> str:
    """Format bytes: `9.5 GiB`; `?` for not known."""
    if amount is None or amount < 0:
        return "?"
    value, units = float(amount), ["TiB", "GiB", "MiB", "KiB"]
    unit = "B"
    while value >= 1024 and units:
        value, unit = value / 1024, units.pop()
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.3g} {unit}"
