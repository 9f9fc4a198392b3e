"""Shared objects of the pages (verbs, watch, sessions), the request's session, and rendering."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import htmx_flask
from flask import Flask, Response, current_app, g, make_response, render_template, request

from dvmweb.lima.watching import WHOLE
from dvmweb.web.server.sessions import SESSION
from dvmweb.web.ui.preferences import USUAL_PREFERENCES, Preferences, read

if TYPE_CHECKING:
    from dvmweb.lima.watching import Snapshot, Watch
    from dvmweb.verbs.vms import Vm, Vms
    from dvmweb.web.server.sessions import Session, Sessions
    from dvmweb.web.server.websockets import Sockets

MOST_FAULTS = 20


def init_app(app: Flask, vms: Vms, sessions: Sessions, sockets: Sockets, watch: Watch[Vm]) -> None:
    """Store the shared objects in the app."""
    htmx_flask.Htmx(app)
    faults: deque[str] = deque(maxlen=MOST_FAULTS)
    app.extensions["dvm"] = {"vms": vms, "sessions": sessions, "sockets": sockets, "watch": watch, "faults": faults}
    app.after_request(_vary)


def vms() -> Vms:
    """Return the verbs."""
    return cast("Vms", current_app.extensions["dvm"]["vms"])


def watch() -> Watch[Vm]:
    """Return the watch over all VMs; all pages and tabs share it."""
    return cast("Watch[Vm]", current_app.extensions["dvm"]["watch"])


def listed(timeout: float = 0.0) -> Snapshot[Vm]:
    """Return the last list of VMs, for a page that is wrong without one: waits for the first listing to end.

    If a file has changed since, it waits up to `timeout` seconds for a new list.
    """
    return watch().snapshot(timeout, first=WHOLE)


def sessions() -> Sessions:
    """Return the sessions of logged-in browsers."""
    return cast("Sessions", current_app.extensions["dvm"]["sessions"])


def sockets() -> Sockets:
    """Return the open WebSockets."""
    return cast("Sockets", current_app.extensions["dvm"]["sockets"])


def faults() -> deque[str]:
    """Return the error IDs of background failures since the start, newest last."""
    return cast("deque[str]", current_app.extensions["dvm"]["faults"])


def session() -> Session | None:
    """Return the session of this request; None only on the login page."""
    return cast("Session | None", request.environ.get(SESSION))


def csrf_token() -> str:
    """Return the CSRF token of this request's session, "" without a session."""
    if "csrf_token" not in g:  # a page of a hundred terminals has two hundred forms
        here = session()
        g.csrf_token = sessions().csrf_token(here) if here else ""
    return str(g.csrf_token)


def preferences() -> Preferences:
    """Return the user's preferences for pages, read once for each request; the usual ones without a session."""
    if "preferences" not in g:
        g.preferences = read(vms().paths) if session() else USUAL_PREFERENCES
    return cast("Preferences", g.preferences)


def here() -> str:
    """Return the address of this page below the prefix, to come back to; that of the list after a POST."""
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def is_script() -> bool:
    """Return whether our script sent the form and wants no page. Not for access control."""
    return request.headers.get("X-Dvm-Script") == "1"


def is_htmx() -> bool:
    """Return whether htmx sent the request. Not for access control: the header can be forged."""
    g.wants_htmx = True
    return bool(htmx_flask.request.htmx)


def _vary(response: Response) -> Response:
    if g.get("wants_htmx"):
        response.vary.add("HX-Request")
    return response


def page(template: str, status: int = 200, **model: Any) -> Response:
    """Render a page or part of one."""
    return make_response(render_template(template, **model), status)
