"""The guard: one WSGI wrapper outside Flask that every byte of a request passes; what it does not know it refuses.

A guest can send any bytes to the host's loopback, and a page on a forwarded port counts as "same site" (threats.md 0.1
to 0.3), so nothing is given without the secret path and a session. The steps stand in the order of threats.md 2.2;
deadlines and sizes of the connection itself are server.py's.
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
from dvmweb.web.house import SESSION
from dvmweb.web.problems import log_fault
from dvmweb.web.sessions import Session, Sessions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOGIN = "/login"  # the one path that needs no session; it holds no data and reads no cookie
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
BODY_BYTES = 1_000_000
FIELD_BYTES = 500_000
FIELDS = 1000
CSRF_FIELD, CSRF_HEADER = "csrf", "HTTP_X_CSRF_TOKEN"
OUR_SITE = ("same-origin", "none")  # "none": typed, or a bookmark

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    # The URL holds the path secret, yet `no-referrer` would make every plain form post arrive with `Origin: null`.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "clipboard-read=(), camera=(), microphone=(), geolocation=()"),
)
# A page may set these two itself: a terminal's page needs a nonce, a static file may be kept.
DEFAULTS = (("Content-Security-Policy", CONTENT_POLICY), ("Cache-Control", "no-store"))
# A page on another port of our host may set cookies for us: without this it could lock the user out for good.
FORGET_COOKIES = (("Clear-Site-Data", '"cookies"'),)
log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """An answer that tells nothing but that it is one."""

    status: str
    body: str = ""
    why: str = ""  # for our log
    is_page: bool = False
    headers: tuple[tuple[str, str], ...] = ()


WRONG_HOST = Refusal("421 Misdirected Request", "", "host")
NOT_HERE = Refusal("404 Not Found", "Not found.\n", "path")
WRONG_SITE = Refusal("403 Forbidden", "Forbidden.\n", "another site")
WRONG_ORIGIN = Refusal("403 Forbidden", "Forbidden.\n", "origin")
WRONG_METHOD = Refusal("405 Method Not Allowed", "GET, HEAD or POST.\n", "method")
WRONG_UPGRADE = Refusal("400 Bad Request", "Only websocket, by GET.\n", "upgrade")
WRONG_BODY = Refusal("415 Unsupported Media Type", "Only forms.\n", "body")
TOO_LARGE = Refusal("413 Content Too Large", "Too large.\n", "size")
UNREADABLE = Refusal("400 Bad Request", "Unreadable.\n", "unreadable form")
NO_CSRF = Refusal(
    "403 Forbidden",
    "<h1>This form is not of your session</h1><p>Nothing was changed. Go back, load the page again, then send it.</p>",
    "CSRF token",
    is_page=True,
)
NO_SESSION = Refusal(
    "401 Unauthorized",
    "<h1>Not logged in</h1><p>Open the dashboard from the command line: <code>dvm web --url</code> prints an address "
    "that can be used once.</p>",
    "no session",
    is_page=True,
)
TWO_COOKIES = Refusal(
    "401 Unauthorized",
    "<h1>Not logged in</h1><p>Another page of this computer has set a cookie with the dashboard's own name. Close the "
    "pages of your VMs, then run <code>dvm web --url</code>. The cookies of this address are deleted now. Does this "
    "page come again? Then delete them in your browser.</p>",
    "two cookies of our name",
    is_page=True,
    headers=FORGET_COOKIES,
)
BROKEN = "500 Internal Server Error"


def guard(app: WSGIApplication, sessions: Sessions, host: str) -> WSGIApplication:
    """Wrap `app`, which is served at `host`, as browsers write it: "[::1]:8722"."""
    origin = f"http://{host}"

    def wsgi(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        prefix = sessions.prefix  # it changes when the user logs out everywhere
        refusal = _door(environ, host, origin, prefix)
        if refusal is None:
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = prefix, environ["PATH_INFO"][len(prefix) :]
            refusal = _check_session(environ, sessions)
        guarded = _with_headers(start, environ, prefix)
        if refusal is not None:
            return _refuse(environ, guarded, refusal, prefix)
        try:
            return _whole(app(environ, guarded))
        except ConnectionError:  # a WebSocket that has ended: the connection is closed without an answer
            raise
        except Exception as error:
            return _answer(guarded, BROKEN, f"A fault of dvm: {log_fault(error)}\n", "text/plain; charset=utf-8")

    return wsgi


# -- before the secret path is known ---------------------------------------------------------------------------------


def _door(environ: WSGIEnvironment, host: str, origin: str, prefix: str) -> Refusal | None:
    """Steps 2 to 6: host, path, site, origin, method, kind of body. Pure."""
    if environ.get("HTTP_HOST") != host:  # absent and doubled ("a,a") are not it either
        return WRONG_HOST
    path: str = environ.get("PATH_INFO", "")
    if not compare_digest(path[: len(prefix) + 1].encode("latin-1", "replace"), f"{prefix}/".encode()):
        return NOT_HERE
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        return NOT_HERE
    if environ.get("HTTP_SEC_FETCH_SITE", "none") not in OUR_SITE and not _is_way_in(environ, path[len(prefix) :]):
        return WRONG_SITE
    return _check_method(environ, origin)


def _is_way_in(environ: WSGIEnvironment, path: str) -> bool:
    """The login page, opened as a page: the redirect file that starts a browser arrives as cross-site."""
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
    if not is_safe and environ.get("HTTP_ORIGIN") != origin:  # absent is refused: a guest's program sends none
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
    if kind not in FORMS:  # another site can send text/plain without asking first
        return WRONG_BODY
    return TOO_LARGE if int(length) > BODY_BYTES else None


# -- behind it -------------------------------------------------------------------------------------------------------


def _check_session(environ: WSGIEnvironment, sessions: Sessions) -> Refusal | None:
    """Steps 7 and 8: the session, and the CSRF token of what changes something."""
    environ.pop(SESSION, None)
    if environ["PATH_INFO"] == LOGIN and "HTTP_UPGRADE" not in environ:
        return _keep_body(environ) if environ["REQUEST_METHOD"] == "POST" else None
    values = _cookies(environ.get("HTTP_COOKIE", ""), sessions.cookie_name)
    if len(values) > 1:  # tossed by a page on another port; which one is ours cannot be known
        return TWO_COOKIES
    session = sessions.find(values[0]) if values else None
    if session is None:
        return NO_SESSION
    environ[SESSION] = session
    return _check_csrf(environ, sessions, session) if environ["REQUEST_METHOD"] == "POST" else None


def _cookies(header: str, name: str) -> list[str]:
    """All values of a cookie; a comma counts as a border too, for two header lines are joined by one."""
    pairs = (pair.strip().partition("=") for pair in header.replace(",", ";").split(";"))
    return [value.strip().strip('"') for found, _, value in pairs if found.strip() == name]


def _keep_body(environ: WSGIEnvironment) -> Refusal | None:
    """Read the body once, so that both the guard and the page can look at it."""
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


# -- answers ---------------------------------------------------------------------------------------------------------


def _with_headers(start: StartResponse, environ: WSGIEnvironment, prefix: str) -> StartResponse:
    """Step 10: the headers of every answer, errors and files included. What changes something is logged."""

    def guarded(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if environ["REQUEST_METHOD"] == "POST":
            log.info("%s POST %s", status[:3], masked(environ, prefix))
        return start(status, complete(headers), exc_info)

    return guarded


def complete(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer with ours, which win. Pure."""
    ours = {"server", *(name.lower() for name, _ in HEADERS)}
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in ours and not name.lower().startswith("access-control-")
    ]
    set_already = {name.lower() for name, _ in kept}
    return [*kept, *HEADERS, *((name, value) for name, value in DEFAULTS if name.lower() not in set_already)]


def _whole(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """A body that fails half way ends its connection: it must not look complete, nor show what failed."""
    try:
        yield from chunks
    except OSError:
        raise
    except Exception as error:
        log_fault(error)
        raise ConnectionError("the answer broke off") from error
    finally:
        getattr(chunks, "close", lambda: None)()


def _refuse(environ: WSGIEnvironment, start: StartResponse, refusal: Refusal, prefix: str) -> Iterable[bytes]:
    log.warning("refused (%s): %s %s", refusal.why, environ["REQUEST_METHOD"][:20], masked(environ, prefix))
    if not refusal.is_page:
        return _answer(start, refusal.status, refusal.body, "text/plain; charset=utf-8", refusal.headers)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>dvm</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{prefix}{LOGIN}?part=style">'
        f'<main class="refused">{refusal.body}</main></html>\n'
    )
    return _answer(start, refusal.status, page, "text/html; charset=utf-8", refusal.headers)


def _answer(
    start: StartResponse, status: str, text: str, kind: str, more: tuple[tuple[str, str], ...] = ()
) -> Iterable[bytes]:
    body = text.encode()
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *more])
    return [body]


def masked(environ: WSGIEnvironment, prefix: str) -> str:
    """The path of a request for a log: one line, short, without the secret path and without its query."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return visible(path.replace(prefix, "/d/…"))
