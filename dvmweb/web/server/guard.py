"""The guard: a WSGI wrapper around Flask that checks every request and refuses what it does not know.

A guest can send any bytes to the host's loopback, and a page on a forwarded port counts as "same site", so nothing is
served without the secret path and a session. Deadlines and size limits of connections are in http_server.py.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from dvmweb.guest_text import visible
from dvmweb.web.server import address_help
from dvmweb.web.server.fault_log import log_fault
from dvmweb.web.server.sessions import SESSION, Session, Sessions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOGIN = "/login"  # the only path without a session; it contains no data and reads no cookie
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
BODY_BYTES = 1_000_000
FIELD_BYTES = 500_000
FIELDS = 1000
CSRF_FIELD, CSRF_HEADER = "csrf", "HTTP_X_CSRF_TOKEN"
OUR_SITE = ("same-origin", "none")  # "none": typed, or from a bookmark

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    # The URL contains the secret path, but `no-referrer` would make every plain form post arrive with `Origin: null`.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "clipboard-read=(), camera=(), microphone=(), geolocation=()"),
)
# A response can set these two itself: a terminal page needs a nonce, a static file can be cached.
DEFAULTS = (("Content-Security-Policy", CONTENT_POLICY), ("Cache-Control", "no-store"))
# A page on another port of our host can set cookies for us; without this it could lock the user out permanently.
FORGET_COOKIES = (("Clear-Site-Data", '"cookies"'),)
log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """A response that reveals nothing but the refusal."""

    status: str
    body: str = ""
    why: str = ""  # for our log
    is_page: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/plain; charset=utf-8"


WRONG_HOST = Refusal("421 Misdirected Request", "", "host")
NOT_HERE = Refusal("404 Not Found", "Not found.\n", "path")
WRONG_SITE = Refusal("403 Forbidden", "Forbidden.\n", "another site")
WRONG_ORIGIN = Refusal("403 Forbidden", "Forbidden.\n", "origin")
WRONG_METHOD = Refusal("405 Method Not Allowed", "Use GET, HEAD or POST.\n", "method")
WRONG_UPGRADE = Refusal("400 Bad Request", "Only WebSocket upgrades by GET are supported.\n", "upgrade")
WRONG_BODY = Refusal("415 Unsupported Media Type", "Only form data is supported.\n", "body")
TOO_LARGE = Refusal("413 Content Too Large", "Too large.\n", "size")
UNREADABLE = Refusal("400 Bad Request", "Unreadable.\n", "unreadable form")
NO_CSRF = Refusal(
    "403 Forbidden",
    "<h1>This form belongs to another session</h1><p>Nothing was changed. Go back, reload the page and send the form "
    "again.</p>",
    "CSRF token",
    is_page=True,
)
NO_SESSION = Refusal(
    "401 Unauthorized",
    "<h1>Not logged in</h1><p>Run <code>dvm web --url</code> and open the address that it prints. It can be used "
    "once.</p>",
    "no session",
    is_page=True,
)
TWO_COOKIES = Refusal(
    "401 Unauthorized",
    "<h1>Not logged in</h1><p>A page on another port has set a cookie with the name of the dashboard's cookie. The "
    "cookies of this address have been deleted. Close the pages of your VMs, then run <code>dvm web --url</code>. If "
    "this message appears again, delete the cookies in your browser.</p>",
    "two cookies of our name",
    is_page=True,
    headers=FORGET_COOKIES,
)
BROKEN = "500 Internal Server Error"


def guard(app: WSGIApplication, sessions: Sessions, host: str) -> WSGIApplication:
    """Wrap `app`, which is served at `host` in the form of the Host header: "[::1]:8722"."""
    origin = f"http://{host}"

    def wsgi(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        prefix = sessions.prefix  # it changes when the user logs out everywhere
        refusal = _check_address(environ, host, origin, prefix)
        if refusal is None:
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = prefix, environ["PATH_INFO"][len(prefix) :]
            refusal = _check_session(environ, sessions)
        guarded = _with_headers(start, environ, prefix)
        if refusal is not None:
            return _refuse(environ, guarded, refusal, prefix)
        try:
            return _whole(app(environ, guarded))
        except ConnectionError:  # a WebSocket that has ended: the connection is closed without a response
            raise
        except Exception as error:
            return _answer(guarded, BROKEN, f"Internal error of dvm: {log_fault(error)}\n", "text/plain; charset=utf-8")

    return wsgi


# -- before the secret path is known ---------------------------------------------------------------------------------


def _check_address(environ: WSGIEnvironment, host: str, origin: str, prefix: str) -> Refusal | None:
    """Check host, path, site, origin, method and content type. Pure."""
    if environ.get("HTTP_HOST") != host:  # also where it is absent or doubled ("a,a")
        return WRONG_HOST._replace(**address_help.refusal_fields(environ, host))
    path: str = environ.get("PATH_INFO", "")
    if not compare_digest(path[: len(prefix) + 1].encode("latin-1", "replace"), f"{prefix}/".encode()):
        return NOT_HERE._replace(**address_help.refusal_fields(environ, host))
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        return NOT_HERE
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in OUR_SITE and not _is_login_page(environ, path[len(prefix) :]):
        return WRONG_SITE
    return _check_method(environ, origin)


def _is_login_page(environ: WSGIEnvironment, path: str) -> bool:
    """Return whether the login page is opened as a page: the redirect file that starts a browser is cross-site."""
    return (
        path == LOGIN
        and not environ.get("QUERY_STRING")
        and environ["REQUEST_METHOD"] == "GET"
        and environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
        and environ.get("HTTP_SEC_FETCH_DEST") == "document"
    )


def _check_method(environ: WSGIEnvironment, origin: str) -> Refusal | None:
    method, upgrade = environ["REQUEST_METHOD"], environ.get("HTTP_UPGRADE")
    is_safe = method in ("GET", "HEAD") and upgrade is None
    if not is_safe and environ.get("HTTP_ORIGIN") != origin:  # also where it is absent: programs in a guest send none
        return WRONG_ORIGIN
    if upgrade is not None and not (method == "GET" and upgrade.lower() == "websocket"):
        return WRONG_UPGRADE
    if method not in ("GET", "HEAD", "POST"):
        return WRONG_METHOD
    return _check_body(environ, method)


def _check_body(environ: WSGIEnvironment, method: str) -> Refusal | None:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()) or environ.get("HTTP_TRANSFER_ENCODING"):
        return UNREADABLE
    if method != "POST":
        return UNREADABLE if int(length) else None
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind not in FORMS:  # another site can send text/plain without a preflight
        return WRONG_BODY
    return TOO_LARGE if int(length) > BODY_BYTES else None


# -- after the secret path ------------------------------------------------------------------------------------------


def _check_session(environ: WSGIEnvironment, sessions: Sessions) -> Refusal | None:
    """Check the session, and the CSRF token of a POST."""
    environ.pop(SESSION, None)
    if environ["PATH_INFO"] == LOGIN and "HTTP_UPGRADE" not in environ:
        return _keep_body(environ) if environ["REQUEST_METHOD"] == "POST" else None
    values = _cookies(environ.get("HTTP_COOKIE", ""), sessions.cookie_name)
    if len(values) > 1:  # set by a page on another port; which one is ours is not known
        return TWO_COOKIES
    session = sessions.find(values[0]) if values else None
    if session is None:
        return NO_SESSION
    environ[SESSION] = session
    return _check_csrf(environ, sessions, session) if environ["REQUEST_METHOD"] == "POST" else None


def _cookies(header: str, name: str) -> list[str]:
    """All values of a cookie. A comma also separates cookies, as it joins two header lines."""
    pairs = (pair.strip().partition("=") for pair in header.replace(",", ";").split(";"))
    return [value.strip().strip('"') for found, _, value in pairs if found.strip() == name]


def _keep_body(environ: WSGIEnvironment) -> Refusal | None:
    """Read the body once, for both the guard and the page."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    if len(body) < length:
        return UNREADABLE
    environ["wsgi.input"] = io.BytesIO(body)
    is_urlencoded = environ["CONTENT_TYPE"].lower().startswith(FORMS[0])
    return TOO_LARGE if is_urlencoded and (body.count(b"&") >= FIELDS or length > FIELD_BYTES) else None


def _check_csrf(environ: WSGIEnvironment, sessions: Sessions, session: Session) -> Refusal | None:
    refusal = _keep_body(environ)
    if refusal is not None:
        return refusal
    token = environ.get(CSRF_HEADER)
    if token is None:
        try:
            token = _form(environ).get(CSRF_FIELD, "")
        except HTTPException as error:
            return TOO_LARGE if error.code == 413 else UNREADABLE
        environ["wsgi.input"].seek(0)
    return None if sessions.is_csrf_token(session, token) else NO_CSRF


def _form(environ: WSGIEnvironment) -> Any:
    request = Request(environ, populate_request=False)
    request.max_form_memory_size, request.max_form_parts = FIELD_BYTES, FIELDS
    return request.form


# -- responses -------------------------------------------------------------------------------------------------------


def _with_headers(start: StartResponse, environ: WSGIEnvironment, prefix: str) -> StartResponse:
    """Add our headers to every response, including errors and files, and log every POST."""

    def guarded(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if environ["REQUEST_METHOD"] == "POST":
            log.info("%s POST %s", status[:3], masked(environ, prefix))
        return start(status, complete(headers), exc_info)

    return guarded


def complete(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of a response with ours, which override. Pure."""
    ours = {"server", *(name.lower() for name, _ in HEADERS)}
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in ours and not name.lower().startswith("access-control-")
    ]
    set_already = {name.lower() for name, _ in kept}
    return [*kept, *HEADERS, *((name, value) for name, value in DEFAULTS if name.lower() not in set_already)]


def _whole(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """Close the connection when a body fails halfway: it must neither look complete nor show the error."""
    try:
        yield from chunks
    except OSError:
        raise
    except Exception as error:
        log_fault(error)
        raise ConnectionError("the response was cut off") from error
    finally:
        getattr(chunks, "close", lambda: None)()


def _refuse(environ: WSGIEnvironment, start: StartResponse, refusal: Refusal, prefix: str) -> Iterable[bytes]:
    log.warning("refused (%s): %s %s", refusal.why, environ["REQUEST_METHOD"][:20], masked(environ, prefix))
    if not refusal.is_page:
        return _answer(start, refusal.status, refusal.body, refusal.kind, refusal.headers)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>dvm</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{prefix}{LOGIN}?part=style">'
        f'<main class="refused">{refusal.body}</main></html>\n'
    )
    return _answer(start, refusal.status, page, address_help.HTML, refusal.headers)


def _answer(
    start: StartResponse, status: str, text: str, kind: str, more: tuple[tuple[str, str], ...] = ()
) -> Iterable[bytes]:
    body = text.encode()
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *more])
    return [body]


def masked(environ: WSGIEnvironment, prefix: str) -> str:
    """The path of a request for the log: one short line, without the secret path and the query."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return visible(path.replace(prefix, "/d/…"))
