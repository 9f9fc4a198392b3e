"""The head of an HTTP request, read strictly: two readers must never understand it in two ways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import HTTPMessage

LINE_BYTES = 8192  # the request line, and so the URL
HEAD_BYTES = 32_768
HEADER_LINES = 100
_REQUEST = re.compile(rb"([A-Z]{1,20}) (/[\x21-\x7e]*) HTTP/1\.([01])\r\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r\n")
# Which of two would count? Nobody who is honest sends them twice.
_ONCE = ("host", "origin", "content-length", "transfer-encoding", "content-type", "upgrade", "sec-fetch-site", "expect")


class BadHead(Exception):
    """A head that is refused; holds the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Head:
    """A request line and its headers."""

    method: str
    target: str  # starts with "/": no other host and no scheme can stand in it
    version: str
    headers: HTTPMessage


def parse_head(request_line: bytes, header_lines: list[bytes]) -> Head:
    """Read the lines of a head, each with its CR LF; raise BadHead with 400, 411 or 417."""
    asked = _REQUEST.fullmatch(request_line)
    if asked is None:
        raise BadHead(400)
    headers = HTTPMessage()
    for line in header_lines:
        field = _HEADER.fullmatch(line)
        if field is None:  # folded lines, a space before the colon, bare CR or LF, NUL
            raise BadHead(400)
        headers[field[1].decode("ascii")] = field[2].decode("latin-1")
    _check_headers(headers)
    return Head(asked[1].decode(), asked[2].decode(), f"HTTP/1.{asked[3].decode()}", headers)


def _check_headers(headers: HTTPMessage) -> None:
    if any(len(headers.get_all(name, [])) > 1 for name in _ONCE):
        raise BadHead(400)
    length = headers.get("Content-Length")
    if length is not None and not (length.isascii() and length.isdigit() and len(length) < 16):
        raise BadHead(400)
    if headers.get("Transfer-Encoding") is not None:  # browsers never send one
        raise BadHead(411 if length is None else 400)
    if headers.get("Expect") is not None:
        raise BadHead(417)
