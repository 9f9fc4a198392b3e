"""Makes text of a guest safe to show: control, bidi and unusual characters become visible escapes."""

from __future__ import annotations

import re
import unicodedata

# Categories that move the cursor, reorder or hide text: control, format (bidi, zero width), surrogate,
# private use, unassigned, line and paragraph separators.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

PLAIN_LENGTH = 1000  # characters of a line that a person reads to its end
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def visible(text: bytes | str, limit: int = 200) -> str:
    """The text on one line, at most `limit` characters, with every hidden character as an escape."""
    decoded = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    cut = decoded[:limit]
    is_plain = cut.isascii() and cut.isprintable()  # most texts are, and pages have thousands
    shown = cut if is_plain else "".join(_mark(character) for character in cut)
    return shown + (f"… (+{len(decoded) - limit} characters)" if len(decoded) > limit else "")


def in_prose(text: bytes | str, limit: int = 200) -> str:
    """Visible text for use in a sentence, without backticks, which mark commands to copy."""
    return visible(text, limit).replace("`", "'")


def _mark(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of invalid UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in HIDDEN_CATEGORIES or _is_lone_mark(character):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def _is_lone_mark(character: str) -> bool:
    # Stacked combining marks break layouts; ordinary names in NFC have none.
    return unicodedata.combining(character) != 0


def log_lines(data: bytes, limit: int = 4096) -> str:
    """A log as plain lines: colours are removed, everything else that can hide or move text becomes an escape."""
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").replace("\t", "        ")
    return "\n".join(visible(_COLOUR.sub("", line), limit) for line in text.split("\n"))


def why_not_plain(data: bytes) -> str:
    """Why a text can differ from what is shown of it for an approval, "" for plain lines."""
    text = data.decode("utf-8", "surrogateescape")
    if any(character not in "\n\t" and visible(character) != character for character in text):
        return "it contains hidden characters"
    if any(len(line) > PLAIN_LENGTH for line in text.split("\n")):
        return f"a line is longer than {PLAIN_LENGTH} characters"
    return ""
