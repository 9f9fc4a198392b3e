"""The way in and out: the login page, its script and style, logging out."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from dvmweb.web import house
from dvmweb.web.sessions import ABSOLUTE_SECONDS

blueprint = Blueprint("login_pages", __name__)

# What the login page needs before there is a session. Static files are behind the guard, this address is not.
PARTS = {
    "script": ("text/javascript; charset=utf-8", ("js/login.js",)),
    "style": ("text/css; charset=utf-8", ("css/tokens.css", "css/base.css", "css/components.css", "css/login.css")),
}

GOODBYE_POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@blueprint.get("/login")
def login_page() -> Response:
    """A field for the token; the script takes it from the fragment. Holds no data, reads no cookie."""
    part = request.args.get("part")
    return _login() if part is None else _part(part)


def _login(status: int = 200, error: str = "") -> Response:
    return house.page("login.html", status, error=error)


def _part(name: str) -> Response:
    if name not in PARTS:
        return Response("Not found.\n", 404, mimetype="text/plain")
    return Response(_text(name), content_type=PARTS[name][0])


def _text(name: str) -> str:
    static = Path(current_app.static_folder or "")
    return "\n".join((static / file).read_text("utf-8") for file in PARTS[name][1] if (static / file).is_file())


@blueprint.post("/login")
def log_in() -> AnyResponse:
    """Use up a token and open a session."""
    sessions = house.sessions()
    if not sessions.may_try():
        return _login(429, "Too many tries. Wait a minute.")
    # A whole address may be pasted: the token stands behind its "#".
    session_id = sessions.login(request.form.get("token", "").rpartition("#")[2].strip())
    if session_id is None:
        # One sentence for all three: who guesses is not told whether a token ever was.
        return _login(401, "This address was used, is older than five minutes, or is not one of this dashboard.")
    answer = redirect(f"{request.script_root}/", 303)
    _set_cookie(answer, session_id, ABSOLUTE_SECONDS)
    return answer


@blueprint.post("/logout")
def log_out() -> Response:
    """End this session and its sockets."""
    here = house.session()
    if here is not None:
        house.sessions().logout(here)
    return _goodbye("You are logged out.", "The VMs, their jobs and terminals go on.")


@blueprint.post("/logout-everywhere")
def log_out_everywhere() -> Response:
    """End all sessions; the dashboard has another address from now on."""
    house.sessions().logout_everywhere()
    return _goodbye("You are logged out everywhere.", "The old address is void, in every browser.")


def _goodbye(what: str, more: str) -> Response:
    # The address may be void by now, so the style cannot come from it: the policy admits exactly this text.
    style = f"\n{_text('style')}\n"
    answer = house.page("logged_out.html", what=what, more=more, style=style)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    answer.headers["Content-Security-Policy"] = GOODBYE_POLICY.format(digest)
    _set_cookie(answer, "", 0)
    return answer


def _set_cookie(answer: AnyResponse, value: str, seconds: int) -> None:
    path = f"{request.script_root}/"  # never "/": cookies go to every port of a host name
    name = f"dvm_{request.script_root.rpartition('/')[2][:8]}"
    answer.set_cookie(name, value, max_age=seconds, path=path, httponly=True, samesite="Strict")
