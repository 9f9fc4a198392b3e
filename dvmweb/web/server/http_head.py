"""A strict parser of HTTP request heads, so that no two parsers can read a request differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import HTTPMessage

LINE_BYTES = 8192  # the request line, and so the URL
HEAD_BYTES = 32_768
HEADER_LINES = 100
COOKIES = 400  # more than browsers keep for one address; each costs time to parse
_REQUEST = re.compile(rb"([A-Z]{1,20}) (/[\x21-\x7e]*) HTTP/1\.([01])\r\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r\n")
# Ambiguous when sent twice, which honest clients never do.
_ONCE = ("host", "origin", "content-length", "transfer-encoding", "content-type", "upgrade", "sec-fetch-site", "expect")


class BadHead(Exception):
    """A head that is refused, with the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Head:
    """A request line and its headers."""

    method: str
    target: str  # starts with "/", so it contains no host and no scheme
    version: str
    headers: HTTPMessage


def parse_head(request_line: bytes, header_lines: list[bytes]) -> Head:
    """Parse the lines of a head, each with its CR LF. Raises BadHead with 400, 411, 417 or 431."""
    request = _REQUEST.fullmatch(request_line)
    if request is None:
        raise BadHead(400)
    headers = HTTPMessage()
    for line in header_lines:
        field = _HEADER.fullmatch(line)
        if field is None:  # folded lines, a space before the colon, bare CR or LF, NUL
            raise BadHead(400)
        headers[field[1].decode("ascii")] = field[2].decode("latin-1")
    _check_headers(headers)
    return Head(request[1].decode(), request[2].decode(), f"HTTP/1.{request[3].decode()}", headers)


def _check_headers(headers: HTTPMessage) -> None:
    if any(len(headers.get_all(name, [])) > 1 for name in _ONCE):
        raise BadHead(400)
    length = headers.get("Content-Length")
    if length is not None and not (length.isascii() and length.isdigit() and len(length) < 16):
        raise BadHead(400)
    if headers.get("Transfer-Encoding") is not None:  # browsers never send one
        raise BadHead(411 if length is None else 400)
    if sum(1 + value.count(";") + value.count(",") for value in headers.get_all("Cookie", [])) > COOKIES:
        raise BadHead(431)
    if headers.get("Expect") is not None:
        raise BadHead(417)
