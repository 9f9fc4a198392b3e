"""Make text that came from a guest safe to show: control, bidi and odd characters become visible marks."""

from __future__ import annotations

import re
import unicodedata

# Categories that move the cursor, reorder or hide text: control, format (bidi, zero width), surrogate,
# private use, unassigned, line and paragraph separators.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

PLAIN_LENGTH = 1000  # characters of a line that a person still reads to its end
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def visible(text: bytes | str, limit: int = 200) -> str:
    """Return `text` on one line, at most `limit` characters, with every hidden character written as an escape."""
    decoded = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    cut = decoded[:limit]
    shown = "".join(_mark(character) for character in cut)
    return shown + (f"… (+{len(decoded) - limit} characters)" if len(decoded) > limit else "")


def in_prose(text: bytes | str, limit: int = 200) -> str:
    """`visible` text for a sentence of ours, in which backticks would show it as a command to copy."""
    return visible(text, limit).replace("`", "'")


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


def log_lines(data: bytes, limit: int = 4096) -> str:
    """A log as plain lines: colours go, everything else that could hide or move text becomes a mark."""
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").replace("\t", "        ")
    return "\n".join(visible(_COLOUR.sub("", line), limit) for line in text.split("\n"))


def why_not_plain(data: bytes) -> str:
    """Why a text that is shown for approval might not be what runs, "" for plain lines."""
    text = data.decode("utf-8", "surrogateescape")
    if any(character not in "\n\t" and visible(character) != character for character in text):
        return "it contains hidden characters"
    if any(len(line) > PLAIN_LENGTH for line in text.split("\n")):
        return f"a line is longer than {PLAIN_LENGTH} characters"
    return ""
