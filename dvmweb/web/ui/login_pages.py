"""Login and logout, with the script and style of the login page."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from dvmweb.web.server.sessions import ABSOLUTE_SECONDS
from dvmweb.web.ui import context

blueprint = Blueprint("ui_login_pages", __name__)

# Files of the login page. Static files need a session; this address does not.
PARTS = {
    "script": ("text/javascript; charset=utf-8", ("js/ui/login.js",)),
    "style": (
        "text/css; charset=utf-8",
        tuple(f"css/ui/{name}.css" for name in ("tokens", "base", "buttons", "forms", "layout", "status", "login")),
    ),
}

GOODBYE_POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@blueprint.get("/login")
def login_page() -> Response:
    """A field for the token, which the script fills from the fragment. Contains no data, reads no cookie."""
    part = request.args.get("part")
    return _login() if part is None else _part(part)


def _login(status: int = 200, error: str = "") -> Response:
    return context.page("ui/login.html", status, error=error)


def _part(name: str) -> Response:
    if name not in PARTS:
        return Response("Not found.\n", 404, mimetype="text/plain")
    return Response(_text(name), content_type=PARTS[name][0])


def _text(name: str) -> str:
    static = Path(current_app.static_folder or "")
    return "\n".join((static / file).read_text("utf-8") for file in PARTS[name][1] if (static / file).is_file())


@blueprint.post("/login")
def log_in() -> AnyResponse:
    """Use a token and open a session."""
    sessions = context.sessions()
    if not sessions.may_try():
        return _login(429, "Too many attempts. Wait a minute.")
    # A whole address can be pasted; the token is the part after "#".
    session_id = sessions.login(request.form.get("token", "").rpartition("#")[2].strip())
    if session_id is None:
        # One message for all three causes: it must not reveal whether a guessed token ever existed.
        return _login(401, "This address was already used, is older than 5 min, or belongs to another dashboard.")
    answer = redirect(f"{request.script_root}/", 303)
    _set_cookie(answer, session_id, ABSOLUTE_SECONDS)
    return answer


@blueprint.post("/logout")
def log_out() -> Response:
    """End this session and its sockets."""
    here = context.session()
    if here is not None:
        context.sessions().logout(here)
    return _goodbye("You are logged out.", "VMs, jobs and terminals keep running.")


@blueprint.post("/logout-everywhere")
def log_out_everywhere() -> Response:
    """End all sessions and change the secret path of the dashboard."""
    context.sessions().logout_everywhere()
    return _goodbye("You are logged out everywhere.", "The old address no longer works in any browser.")


def _goodbye(what: str, more: str) -> Response:
    # The address can have changed, so the style is inline; the policy allows exactly this text.
    style = f"\n{_text('style')}\n"
    answer = context.page("ui/logged_out.html", what=what, more=more, style=style)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    answer.headers["Content-Security-Policy"] = GOODBYE_POLICY.format(digest)
    _set_cookie(answer, "", 0)
    return answer


def _set_cookie(answer: AnyResponse, value: str, seconds: int) -> None:
    path = f"{request.script_root}/"  # never "/": cookies go to every port of a host name
    name = f"dvm_{request.script_root.rpartition('/')[2][:8]}"
    answer.set_cookie(name, value, max_age=seconds, path=path, httponly=True, samesite="Strict")
