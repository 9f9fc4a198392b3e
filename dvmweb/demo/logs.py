"""Lima's log lines on stderr (logrus text and JSON), and the error that ends a command with one of them."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

_PLAIN = re.compile(r"[A-Za-z0-9\-._/@^+]*")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f"}
_STARTED = time.monotonic()
_COLOURS = {"debug": 37, "info": 36, "warning": 33, "error": 31, "fatal": 31}


class Fatal(Exception):
    """The command ends with exit code 1 and this message at level fatal."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Plain(Exception):
    """The command ends with `code` and a plain message on stderr, like ssh and scp."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def go_quote(text: str) -> str:
    """Quote as Go's %q does."""
    shown = (_ESCAPES.get(c) or (c if c.isprintable() else f"\\x{ord(c):02x}") for c in text)
    return f'"{"".join(shown)}"'


def moment() -> str:
    """The current time in the format of a log line."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def text_line(level: str, message: str, fields: dict[str, str]) -> str:
    """One logrus line for a stderr that is not a terminal."""
    pairs = {"time": moment(), "level": level, "msg": message, **dict(sorted(fields.items()))}
    # A time contains colons, so it is quoted like any other value.
    return " ".join(f"{key}={_value(value)}" for key, value in pairs.items())


def _value(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else go_quote(value)


def json_line(level: str, message: str, fields: dict[str, str]) -> str:
    """One logrus line in JSON."""
    return json.dumps({**fields, "level": level, "msg": message, "time": moment()}, ensure_ascii=False)


def terminal_line(level: str, message: str, fields: dict[str, str]) -> str:
    """One logrus line for a terminal."""
    word = {"warning": "WARN", "error": "ERRO", "fatal": "FATA", "debug": "DEBU"}.get(level, level.upper())
    extra = "".join(f" {key}={_value(value)}" for key, value in sorted(fields.items()))
    return (
        f"\x1b[{_COLOURS.get(level, 36)}m{word}\x1b[0m[{time.monotonic() - _STARTED:04.0f}] {message.ljust(44)}{extra}"
    )


@dataclass
class Log:
    """Writes log lines to stderr in the format of `--log-format`."""

    style: str = "text"

    def line(self, level: str, message: str, **fields: str) -> None:
        """Write one line; levels: debug info warning error fatal."""
        make: Callable[[str, str, dict[str, str]], str] = json_line if self.style == "json" else text_line
        if self.style != "json" and sys.stderr.isatty():
            make = terminal_line
        sys.stderr.write(make(level, message, fields) + "\n")
        sys.stderr.flush()

    def info(self, message: str, **fields: str) -> None:
        """Write one line at level info."""
        self.line("info", message, **fields)

    def warning(self, message: str, **fields: str) -> None:
        """Write one line at level warning."""
        self.line("warning", message, **fields)
