"""A config file that changed while its form was open: the input, the file on disk and the original. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dvmweb.config.model import FormField
from dvmweb.files import digest
from dvmweb.guest_text import visible
from dvmweb.web.form.input import Typed, is_plain
from dvmweb.web.form.unsaved_yaml import UnsavedYaml

NOT_KNOWN = "?"


@dataclass(frozen=True)
class ConflictRow:
    """One field in which the three versions differ."""

    label: str
    yours: str
    disk: str
    was: str
    is_both: bool  # changed on both sides, to different values


@dataclass(frozen=True)
class Column:
    """One of the three versions as text."""

    title: str
    text: str


@dataclass(frozen=True)
class ConflictView:
    """The three versions side by side."""

    state: str  # of the file: "changed", "gone" (deleted or renamed) or "broken" (not readable)
    rows: tuple[ConflictRow, ...]
    columns: tuple[Column, ...]
    unsaved_yaml: tuple[UnsavedYaml, ...] = ()  # input that would be lost
    is_torn: bool = False  # fields and YAML were also changed, to different values

    @property
    def is_gone(self) -> bool:
        return self.state == "gone"

    @property
    def is_broken(self) -> bool:
        return self.state == "broken"


def packed(data: bytes) -> str:
    """Encode a file for a hidden input; a browser would change its line breaks."""
    return base64.b64encode(data).decode("ascii")


def unpacked(text: str, expected: str) -> bytes | None:
    """Decode the file that a form was made from; None if it does not match the digest."""
    with suppress(binascii.Error, ValueError):
        data = base64.b64decode(text, validate=True)
        return data if digest(data) == expected else None
    return None


def conflict_view(
    state: str,
    fields: Sequence[FormField],
    typed: Typed,
    disk: Typed | None,
    was: Typed | None,
    columns: Sequence[tuple[str, str]],
) -> ConflictView:
    """Return the view; `disk` is None if unreadable, `was` if not known; `columns` are (title, text)."""
    rows = [
        ConflictRow(visible(label, 80), yours, there, before, is_both=_is_both(yours, there, before))
        for label, yours, there, before in _rows(fields, typed, disk, was)
        if len({yours, there, before}) > 1
    ]
    shown = tuple(Column(title, "\n".join(visible(line, 300) for line in text.splitlines())) for title, text in columns)
    return ConflictView(state, tuple(rows), shown)


def notes_of(view: ConflictView, fields: Sequence[FormField]) -> dict[str, str]:
    """Return notes by field name, for fields whose value on disk also changed."""
    names = {about.label: about.name for about in fields}
    return {names[row.label]: f"On disk: {row.disk}" for row in view.rows if row.is_both and row.label in names}


def _rows(fields: Sequence[FormField], *three: Typed | None) -> list[tuple[str, str, str, str]]:
    labels = [(about.label, about.name) for about in fields if is_plain(about)]
    rows = [_row(label, [None if one is None else one.texts.get(name, "") for one in three]) for label, name in labels]
    rows.append(_row("Recipes", [None if one is None else ", ".join(one.recipes) for one in three]))
    places = dict.fromkeys(place for one in three if one for place in one.params)
    for place in places:
        rows.append(_row(" · ".join(place), [None if one is None else one.params.get(place, "") for one in three]))
    return rows


def _row(label: str, texts: Sequence[str | None]) -> tuple[str, str, str, str]:
    yours, disk, was = (NOT_KNOWN if text is None else visible(text, 300) or "(default)" for text in texts)
    return label, yours, disk, was


def _is_both(yours: str, disk: str, was: str) -> bool:
    return yours != disk and was not in (yours, disk)
