"""What the pages share: the verbs, the watch, the session of the request, and how a page is made."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import htmx_flask
from flask import Flask, Response, current_app, g, make_response, render_template, request

if TYPE_CHECKING:
    from dvmweb.lima.watching import Watch
    from dvmweb.vms import Vm, Vms
    from dvmweb.web.sessions import Session, Sessions
    from dvmweb.web.sockets import Sockets

SESSION = "dvm.session"  # the guard leaves the session here, in the WSGI environment
MOST_FAULTS = 20


def furnish(app: Flask, vms: Vms, sessions: Sessions, sockets: Sockets, watch: Watch[Vm]) -> None:
    """Keep what the pages share in the app."""
    htmx_flask.Htmx(app)
    faults: deque[str] = deque(maxlen=MOST_FAULTS)
    app.extensions["dvm"] = {"vms": vms, "sessions": sessions, "sockets": sockets, "watch": watch, "faults": faults}
    app.after_request(_vary)


def vms() -> Vms:
    """The verbs."""
    return cast("Vms", current_app.extensions["dvm"]["vms"])


def watch() -> Watch[Vm]:
    """The one watch over all VMs that every page and tab shares."""
    return cast("Watch[Vm]", current_app.extensions["dvm"]["watch"])


def sessions() -> Sessions:
    """Who is logged in."""
    return cast("Sessions", current_app.extensions["dvm"]["sessions"])


def sockets() -> Sockets:
    """The open WebSockets."""
    return cast("Sockets", current_app.extensions["dvm"]["sockets"])


def faults() -> deque[str]:
    """The ids of what failed in the background since the start, newest last."""
    return cast("deque[str]", current_app.extensions["dvm"]["faults"])


def session() -> Session | None:
    """The session of this request; None only on the login page."""
    return cast("Session | None", request.environ.get(SESSION))


def csrf_token() -> str:
    """The CSRF token of this request's session, "" where there is none."""
    if "csrf_token" not in g:  # a page of a hundred terminals has two hundred forms
        here = session()
        g.csrf_token = sessions().csrf_token(here) if here else ""
    return str(g.csrf_token)


def is_htmx() -> bool:
    """Say whether htmx asks, for a part of a page. Nothing that guards may ask this: the header can be forged."""
    g.asked_for_htmx = True
    return bool(htmx_flask.request.htmx)


def _vary(response: Response) -> Response:
    if g.get("asked_for_htmx"):
        response.vary.add("HX-Request")
    return response


def page(template: str, status: int = 200, **model: Any) -> Response:
    """Render a page or a part of one."""
    return make_response(render_template(template, **model), status)
