"""The answers to a form whose file changed, went or broke while it was open: 409, three columns, nothing written."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, request

from dvmweb.config.store import ConfigStore
from dvmweb.config.yaml_reader import read as read_yaml
from dvmweb.drafts import Source
from dvmweb.errors import ConfigError, DvmError
from dvmweb.web import house
from dvmweb.web.form_conflict import conflict_view, notes_of, unpacked
from dvmweb.web.form_desk import Desk, desk_of, posted, show, show_preview, typed_over
from dvmweb.web.form_input import merged

NOT_KNOWN, GONE = "(not known)", "(gone)"


def changed(source: Source) -> Response:
    """The file has other content now: the form comes again with both, for the file as it is."""
    here, base = desk_of(source), _base(source.name)
    mine = posted(desk_of(base) if base else here)
    typed = merged(mine.typed, mine.was, here.was) if base else mine.typed
    columns = [("Yours", mine.draft.text), ("On the disk", _text(source)), ("As it was", _text(base))]
    view = conflict_view("changed", here.fields, mine.typed, here.was, mine.was if base else None, columns)
    renewed = replace(typed_over(here, typed), notes=notes_of(view, here.fields))
    return _answer(renewed) or show(renewed, has_errors=True, status=409, conflict=view)


def gone(name: str) -> Response:
    """The file was deleted or renamed: what was typed becomes the form of a new VM."""
    here, base = desk_of(Source(name)), _base(name)
    mine = posted(desk_of(base) if base else here)
    renewed = typed_over(here, mine.typed)
    columns = [("Yours", mine.draft.text), ("On the disk", GONE), ("As it was", _text(base))]
    view = conflict_view("gone", here.fields, mine.typed, None, mine.was if base else None, columns)
    return _answer(renewed) or show(renewed, has_errors=True, status=409, conflict=view)


def broken(name: str, error: ConfigError) -> Response:
    """The file can no longer be read: the three texts, and what is wrong with it."""
    base = _base(name)
    mine = posted(desk_of(base or Source(name)))
    disk = ConfigStore(house.vms().paths).source(name)[0].decode("utf-8", "replace")
    columns = [("Yours", mine.draft.text), ("On the disk", disk), ("As it was", _text(base))]
    view = conflict_view("broken", (), mine.typed, None, None, columns)
    problems = tuple(str(problem) for problem in error.problems)
    return house.page("vm_conflict.html", 409, name=name, conflict=view, problems=problems, section="vms")


def _answer(desk: Desk) -> Response | None:
    """A live preview stays one; the page says it when the form is sent."""
    is_part = request.form.get("do") == "preview" and house.is_htmx()
    return show_preview(desk) if is_part else None


def _base(name: str) -> Source | None:
    """The file that the form was drawn from; None where nobody knows it."""
    digest = request.form.get("digest", "")
    data = unpacked(request.form.get("base", ""), digest)
    if not data:
        return None
    try:
        return Source(name, data, digest, read_yaml(data, name))
    except DvmError:
        return None


def _text(source: Source | None) -> str:
    return source.data.decode("utf-8", "replace") if source else NOT_KNOWN
