"""The page for a person who opens the dashboard without its secret path: how to get the complete address.

Anyone who sends the same request gets it, so it contains no secret, no version and no VM name. Where guests can reach
the listener (127.0.0.1) it does not even name dvm.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NAMES = ("localhost", "127.0.0.1", "[::1]")  # the host names of a loopback port
TITLE = "This address is incomplete"
OPEN = "Open the address that <code>dvm web --url</code> prints. It can be used once, within five minutes."
# On 127.0.0.1 the request can come from a guest.
UNNAMED = "Open the address printed by the command that started this; <code>--url</code> prints a new one."
STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:4rem auto;padding:0 1rem}h1{font-size:1.5rem}"
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


HTML = "text/html; charset=utf-8"


def refusal_fields(environ: WSGIEnvironment, host: str) -> dict[str, Any]:
    """The fields of a Refusal with the page, where a person opens a loopback address of our port; otherwise none."""
    if not (_is_loopback(environ.get("HTTP_HOST", ""), host) and _is_navigation(environ)):
        return {}
    return {"body": page(host), "kind": HTML, "headers": (("Content-Security-Policy", POLICY),)}


def _is_loopback(name: str, host: str) -> bool:
    _, _, port = host.rpartition(":")
    return name in {f"{one}:{port}" for one in NAMES}


def _is_navigation(environ: WSGIEnvironment) -> bool:
    """Return whether a browser opens this as a page in a tab."""
    fetched = (environ.get("HTTP_SEC_FETCH_MODE"), environ.get("HTTP_SEC_FETCH_DEST"))
    is_page = "text/html" in environ.get("HTTP_ACCEPT", "") and fetched in ((None, None), ("navigate", "document"))
    return environ["REQUEST_METHOD"] == "GET" and "HTTP_UPGRADE" not in environ and is_page


def page(host: str) -> str:
    """The page for a dashboard that is served at `host`."""
    todo = UNNAMED if host.startswith("127.") else OPEN
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Incomplete address</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><link rel="icon" href="data:,"><style>{STYLE}</style>'
        f"<main><h1>{TITLE}</h1><p>{todo}</p></main></html>\n"
    )
