"""The types of params: which values fit, what the script gets, and the text that a recipe's hash leaves out. Pure."""

from __future__ import annotations

import re

from dvmweb.recipes.model import CHOICE, NUMBER, YES_NO, Param

ON, OFF = ("1", "true", "yes"), ("0", "false", "no")
_NUMBER = re.compile(r"-?[0-9]{1,15}")
# `type` and `choices` of a param, in one line with others or on a line of their own.
_TYPE = r"(?:type: (?:text|number|yes-no)|choices: \[[^\[\]{}#]*\])"
_OWN_LINE = re.compile(rf"# +{_TYPE}")
_IN_LINE = re.compile(rf", {_TYPE}(?=[,}}])")


def misfit(param: Param, value: object) -> str:
    """Return what to write instead of a value that does not fit the type of its param; "" if it fits."""
    text = script_value(param, value)
    if not text and not param.is_required:
        return ""  # the recipe's own default
    if param.kind == YES_NO and text not in ("0", "1"):
        return "Write yes or no."
    if param.kind == NUMBER and not _NUMBER.fullmatch(text):
        return "Write a whole number."
    if param.kind == CHOICE and text not in param.choices:
        return f"Write one of: {', '.join(param.choices)}."
    return ""


def script_value(param: Param, value: object) -> str:
    """Return the value as the script gets it: yes and no become 1 and 0."""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if param.kind == YES_NO:
        return "1" if text in ON else "0" if text in OFF else text
    return text


def untyped(text: str) -> str:
    """Return the script without the types in its header: they change how a form asks, not what the script does."""
    head, end, rest = text.partition("\n# ///\n")
    if not end:
        return text
    lines = (_IN_LINE.sub("", line) for line in head.split("\n") if not _OWN_LINE.fullmatch(line))
    return "\n".join(lines) + end + rest
