"""The answers to a form whose file changed, went or broke while it was open: 409, three columns, nothing written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from flask import Response, request

from dvmweb.config.store import ConfigStore
from dvmweb.config.yaml_reader import decoded
from dvmweb.drafts import Source
from dvmweb.errors import ConfigError, DvmError, NotFound, Problem, UsageError
from dvmweb.guest_text import visible
from dvmweb.web import house
from dvmweb.web.form_conflict import ConflictView, conflict_view, notes_of, unpacked
from dvmweb.web.form_desk import Desk, desk_of, drafts, posted, posted_mark, show, show_preview, torn, typed_over
from dvmweb.web.form_input import Typed, merged
from dvmweb.web.form_kept import KEPT, Kept, kept_texts
from dvmweb.web.form_sides import NO_MARK, Side

NOT_KNOWN, GONE, NOT_READ = "(not known)", "(gone)", "(cannot be read)"


def with_file(name: str, use: Callable[[Source], Response]) -> Response:
    """What `use` answers with the file as it is now, or the answer to a file that cannot be read."""
    try:
        source = drafts().source(name)
    except NotFound:
        return gone(name)
    except ConfigError as error:
        return broken(name, error.problems)
    except UsageError as error:  # a folder, a pipe, or more than a config may hold
        return broken(name, [Problem("", error.what.rstrip("."), error.todo)])
    return use(source)


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
    renewed = replace(_renewed(source, mine, typed), notes=notes_of(view, here.fields))
    # What the fields alone say is in the form already.
    by_fields = typed_over(before, mine.typed).draft.text if before else ""
    return _answer(renewed, view, [renewed.draft.text, by_fields, _text(source), _text(base)])


def gone(name: str) -> Response:
    """The file was deleted or renamed: what was typed becomes the form of a new VM."""
    base = _base(name)
    before = desk_of(base) if base else None
    mine = posted(before or desk_of(Source(name)))
    renewed = _renewed(Source(name).with_text(mine.draft.text), mine, mine.typed)
    columns = [("Yours", mine.draft.text), ("On the disk", GONE), ("As it was", _text(base))]
    view = conflict_view("gone", renewed.fields, mine.typed, None, before.was if before else None, columns)
    return _answer(renewed, view, [renewed.draft.text, _text(base)])


def broken(name: str, found: Sequence[Problem]) -> Response:
    """The file can no longer be read: the three texts, and what is wrong with it."""
    base = _base(name)
    before = desk_of(base or Source(name))
    mine = posted(before)
    disk = NOT_READ
    with suppress(DvmError):
        disk = ConfigStore(house.vms().paths).source(name)[0].decode("utf-8", "replace")
    columns = [("Yours", mine.draft.text), ("On the disk", disk), ("As it was", _text(base))]
    was = before.was if base else None
    # Where the YAML does not say what stands in the fields, they are told one by one.
    view = conflict_view("broken", mine.fields if mine.drawn else (), mine.typed, None, was, columns)
    problems = tuple(visible(str(problem), 600) for problem in found)
    kept = _kept([disk, _text(base)])
    return house.page("vm_conflict.html", 409, name=name, conflict=view, kept=kept, problems=problems, section="vms")


def _renewed(source: Source, mine: Desk, typed: Typed) -> Desk:
    """The form for the file as it is now; where both sides were changed, they stay until the user chooses."""
    if mine.side is Side.TORN:
        return torn(desk_of(source.with_text(mine.draft.text)), typed, NO_MARK)
    here = desk_of(source)
    return replace(here, typed=typed) if here.source.problems else typed_over(here, typed)


def _answer(desk: Desk, view: ConflictView, others: Sequence[str]) -> Response:
    """A live preview stays one and touches neither side; the page says it when the form is sent."""
    if request.form.get("do") == "preview" and house.is_htmx():
        return show_preview(replace(desk, drawn=posted_mark()))
    view = replace(view, kept=_kept(others), is_torn=desk.side is Side.TORN)
    return show(desk, has_errors=True, status=409, conflict=view)


def _kept(others: Sequence[str]) -> tuple[Kept, ...]:
    """What was typed into the YAML, now and before, and is none of the `others`."""
    return kept_texts([request.form.get("yaml", ""), *request.form.getlist(KEPT)], others)


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
