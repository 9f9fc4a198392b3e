"""A file that changed while its form was open: what was typed, what is on the disk, and what it was. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dvmweb.config.model import FormField
from dvmweb.files import digest
from dvmweb.guest_text import visible
from dvmweb.web.form_input import Typed, is_plain
from dvmweb.web.form_kept import Kept

NOT_KNOWN = "?"


@dataclass(frozen=True)
class ConflictRow:
    """One field in which the three differ."""

    label: str
    yours: str
    disk: str
    was: str
    is_both: bool  # changed on both sides, to different values


@dataclass(frozen=True)
class Column:
    """One of the three files, whole."""

    title: str
    text: str


@dataclass(frozen=True)
class ConflictView:
    """The three beside each other."""

    state: str  # what became of the file: "changed", "gone" or "broken"
    rows: tuple[ConflictRow, ...]
    columns: tuple[Column, ...]
    kept: tuple[Kept, ...] = ()  # what was typed and would be lost
    is_torn: bool = False  # fields and YAML were changed too, to different things

    @property
    def is_gone(self) -> bool:
        return self.state == "gone"

    @property
    def is_broken(self) -> bool:
        return self.state == "broken"


def packed(data: bytes) -> str:
    """A file for a hidden input: a browser would change its line ends."""
    return base64.b64encode(data).decode("ascii")


def unpacked(text: str, expected: str) -> bytes | None:
    """The file that a form was drawn from; None where it is not the one of the digest."""
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
    """`disk` is None where there is none to read, `was` where nobody knows; `columns` are titles and whole texts."""
    rows = [
        ConflictRow(visible(label, 80), yours, there, before, is_both=_is_both(yours, there, before))
        for label, yours, there, before in _rows(fields, typed, disk, was)
        if len({yours, there, before}) > 1
    ]
    shown = tuple(Column(title, "\n".join(visible(line, 300) for line in text.splitlines())) for title, text in columns)
    return ConflictView(state, tuple(rows), shown)


def notes_of(view: ConflictView, fields: Sequence[FormField]) -> dict[str, str]:
    """What a field of the form says beside itself: the file has another value for it by now."""
    names = {about.label: about.name for about in fields}
    return {names[row.label]: f"On the disk: {row.disk}." for row in view.rows if row.is_both and row.label in names}


def _rows(fields: Sequence[FormField], *three: Typed | None) -> list[tuple[str, str, str, str]]:
    labels = [(about.label, about.name) for about in fields if is_plain(about)]
    rows = [_row(label, [None if one is None else one.texts.get(name, "") for one in three]) for label, name in labels]
    rows.append(_row("Recipes", [None if one is None else ", ".join(one.recipes) for one in three]))
    places = dict.fromkeys(place for one in three if one for place in one.params)
    for place in places:
        rows.append(_row(" · ".join(place), [None if one is None else one.params.get(place, "") for one in three]))
    return rows


def _row(label: str, texts: Sequence[str | None]) -> tuple[str, str, str, str]:
    yours, disk, was = (NOT_KNOWN if text is None else visible(text, 300) or "(inherited)" for text in texts)
    return label, yours, disk, was


def _is_both(yours: str, disk: str, was: str) -> bool:
    return yours != disk and was not in (yours, disk)
