"""Converts text that a user types, in a form or on the command line, into values of a config. Pure."""

from __future__ import annotations

import re

YES, NO = "yes", "no"
_WORDS = {YES: True, NO: False, "true": True, "false": False}
# Typed for an explicitly empty value; an empty input of a form means the default.
NONE, NO_TEXT = "none", '""'

_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_SIZE = re.compile(r"([1-9][0-9]{0,6}) ?([MGT])i?B?", re.IGNORECASE)


def value_of(kind: str, text: str) -> object:
    """Convert typed text to a config value; None for empty text. Text that does not fit stays text."""
    if not text:
        return None
    if kind == "number":
        return _number(text)
    if kind == "size":
        size = _SIZE.fullmatch(text)
        return f"{size[1]}{size[2].upper()}iB" if size else text
    if kind == "list":
        return [] if text.lower() == NONE else [_number(item) for item in re.split("[ ,]+", text) if item]
    if kind == "yes-no":
        return _WORDS.get(text, text)
    return text


def param_value(text: str, old: object) -> object:
    """Convert the typed text of a param: a number or yes-no if its `old` value is one; everything else is text."""
    if text == NO_TEXT:
        return ""
    if isinstance(old, bool):
        return _WORDS.get(text, text)
    return _number(text) if isinstance(old, int) else text


def _number(text: str) -> object:
    return int(text) if _WHOLE.fullmatch(text) else text
