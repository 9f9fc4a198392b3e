"""Make text that came from a guest safe to show: control, bidi and odd characters become visible marks."""

from __future__ import annotations

import re
import unicodedata

# Categories that move the cursor, reorder or hide text: control, format (bidi, zero width), surrogate,
# private use, unassigned, line and paragraph separators.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[@-Z\\-_])")


def visible(text: bytes | str, limit: int = 200) -> str:
    """Return `text` on one line, at most `limit` characters, with every hidden character written as an escape."""
    decoded = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    cut = decoded[:limit]
    shown = "".join(_mark(character) for character in cut)
    return shown + (f"… (+{len(decoded) - limit} characters)" if len(decoded) > limit else "")


def _mark(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in HIDDEN_CATEGORIES or _is_lone_mark(character):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def _is_lone_mark(character: str) -> bool:
    # Stacked combining marks break layouts; an honest name in NFC has none.
    return unicodedata.combining(character) != 0


def strip_escapes(line: str) -> str:
    """Return a log line without control characters except tabs; colours go, text stays."""
    return "".join(c for c in _ANSI.sub("", line) if c == "\t" or unicodedata.category(c) not in HIDDEN_CATEGORIES)
