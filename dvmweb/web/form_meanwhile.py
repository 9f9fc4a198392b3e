"""The answers to a form whose file changed, went or broke while it was open: 409, three columns, nothing written."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from flask import Response, request

from dvmweb.config.store import ConfigStore
from dvmweb.config.yaml_reader import decoded
from dvmweb.drafts import Source
from dvmweb.errors import ConfigError, Problem
from dvmweb.guest_text import visible
from dvmweb.web import house
from dvmweb.web.form_conflict import conflict_view, notes_of, unpacked
from dvmweb.web.form_desk import Desk, desk_of, posted, posted_mark, show, show_preview, typed_over
from dvmweb.web.form_input import merged

NOT_KNOWN, GONE = "(not known)", "(gone)"


def changed(source: Source) -> Response:
    """The file has other content now: the form comes again with both, for the file as it is."""
    if source.problems:
        return broken(source.name, source.problems)
    here, base = desk_of(source), _base(source.name)
    before = desk_of(base) if base else None
    mine = posted(before or here)
    typed = merged(mine.typed, before.was, here.was) if before else mine.typed
    columns = [("Yours", mine.draft.text), ("On the disk", _text(source)), ("As it was", _text(base))]
    view = conflict_view("changed", here.fields, mine.typed, here.was, before.was if before else None, columns)
    renewed = replace(typed_over(here, typed), notes=notes_of(view, here.fields))
    return _answer(renewed) or show(renewed, has_errors=True, status=409, conflict=view)


def gone(name: str) -> Response:
    """The file was deleted or renamed: what was typed becomes the form of a new VM."""
    base = _base(name)
    before = desk_of(base) if base else None
    mine = posted(before or desk_of(Source(name)))
    here = desk_of(Source(name).with_text(mine.draft.text))
    renewed = typed_over(here, mine.typed) if not here.source.problems else replace(here, typed=mine.typed)
    columns = [("Yours", mine.draft.text), ("On the disk", GONE), ("As it was", _text(base))]
    view = conflict_view("gone", here.fields, mine.typed, None, before.was if before else None, columns)
    return _answer(renewed) or show(renewed, has_errors=True, status=409, conflict=view)


def broken(name: str, found: Iterable[Problem]) -> Response:
    """The file can no longer be read: the three texts, and what is wrong with it."""
    base = _base(name)
    mine = posted(desk_of(base or Source(name)))
    disk = ConfigStore(house.vms().paths).source(name)[0].decode("utf-8", "replace")
    columns = [("Yours", mine.draft.text), ("On the disk", disk), ("As it was", _text(base))]
    view = conflict_view("broken", (), mine.typed, None, None, columns)
    problems = tuple(visible(str(problem), 600) for problem in found)
    return house.page("vm_conflict.html", 409, name=name, conflict=view, problems=problems, section="vms")


def _answer(desk: Desk) -> Response | None:
    """A live preview stays one and touches neither side; the page says it when the form is sent."""
    is_part = request.form.get("do") == "preview" and house.is_htmx()
    return show_preview(replace(desk, drawn=posted_mark())) if is_part else None


def _base(name: str) -> Source | None:
    """The file that the form was drawn from; None where nobody knows it."""
    digest = request.form.get("digest", "")
    data = unpacked(request.form.get("base", ""), digest)
    with suppress(ConfigError):
        found = Source(name, data or b"", digest).with_text(decoded(data or b"", name))
        return found if data and not found.problems else None
    return None


def _text(source: Source | None) -> str:
    return source.data.decode("utf-8", "replace") if source else NOT_KNOWN
