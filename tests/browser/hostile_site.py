"""A hostile web server on a port of its own: it records every request, and serves what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMPTY = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><title>hostile</title><p>A page of a guest."


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]


@dataclass
class Site:
    """The server; `pages` maps a path to HTML, `answers` a path to status and headers, all else is an empty page."""

    host: str  # as in an address: "[::1]:49152"
    asked: list[Asked] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, list[tuple[str, str]]]] = field(default_factory=dict)

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(Asked(self.path, dict(self.headers)))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers = site.answers.get(self.path, (200, []))
            body = (EMPTY + site.pages.get(self.path, "")).encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def hostile_site(address: str = "127.0.0.1") -> Iterator[Site]:
    """Serve on a free port of `address`, "127.0.0.1" or "::1"."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = type("Server", (ThreadingHTTPServer,), {"address_family": family, "daemon_threads": True})
    site = Site("")
    server = kind((address, 0), _handler(site))
    site.host = f"[{address}]:{server.server_port}" if ":" in address else f"{address}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
