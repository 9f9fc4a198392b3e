"""Responses to a form whose file was changed, deleted or broken meanwhile: 409, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from flask import Response, request

from dvmweb.config.store import ConfigStore
from dvmweb.config.yaml_reader import decoded
from dvmweb.errors import ConfigError, DvmError, NotFound, Problem, UsageError
from dvmweb.guest_text import visible
from dvmweb.verbs.drafts import Source
from dvmweb.web.form.conflict import ConflictView, conflict_view, notes_of, unpacked
from dvmweb.web.form.form_request import (
    FormRequest,
    drafts,
    open_form,
    posted,
    posted_mark,
    show,
    show_preview,
    torn,
    typed_over,
)
from dvmweb.web.form.input import Typed, merged
from dvmweb.web.form.two_way import NO_MARK, Side
from dvmweb.web.form.unsaved_yaml import UNSAVED_YAML, UnsavedYaml, unsaved_texts
from dvmweb.web.ui import context

NOT_KNOWN, GONE, NOT_READ = "(not known)", "(deleted)", "(not readable)"


def with_file(name: str, use: Callable[[Source], Response]) -> Response:
    """Call `use` with the current file, or return the response for a file that cannot be read."""
    try:
        source = drafts().source(name)
    except NotFound:
        return gone(name)
    except ConfigError as error:
        return broken(name, error.problems)
    except UsageError as error:  # a folder, a pipe, or a file that is too large
        return broken(name, [Problem("", error.what.rstrip("."), error.todo)])
    return use(source)


def changed(source: Source) -> Response:
    """The file has changed: show the form for the current file with the input applied."""
    if source.problems:
        return broken(source.name, source.problems)
    here, base = open_form(source), _base(source.name)
    before = open_form(base) if base else None
    mine = posted(before or here)
    typed = merged(mine.typed, before.was, here.was) if before else mine.typed
    columns = [("Yours", mine.draft.text), ("On disk", _text(source)), ("Original", _text(base))]
    view = conflict_view("changed", here.fields, mine.typed, here.was, before.was if before else None, columns)
    renewed = replace(_renewed(source, mine, typed), notes=notes_of(view, here.fields))
    # Text that the fields alone would give is already in the form.
    by_fields = typed_over(before, mine.typed).draft.text if before else ""
    return _answer(renewed, view, [renewed.draft.text, by_fields, _text(source), _text(base)])


def gone(name: str) -> Response:
    """The file was deleted or renamed: the input becomes the form of a new VM."""
    base = _base(name)
    before = open_form(base) if base else None
    mine = posted(before or open_form(Source(name)))
    renewed = _renewed(Source(name).with_text(mine.draft.text), mine, mine.typed)
    columns = [("Yours", mine.draft.text), ("On disk", GONE), ("Original", _text(base))]
    view = conflict_view("gone", renewed.fields, mine.typed, None, before.was if before else None, columns)
    return _answer(renewed, view, [renewed.draft.text, _text(base)])


def broken(name: str, found: Sequence[Problem]) -> Response:
    """The file can no longer be read: show the three texts and the errors."""
    base = _base(name)
    before = open_form(base or Source(name))
    mine = posted(before)
    disk = NOT_READ
    with suppress(DvmError):
        disk = ConfigStore(context.vms().paths).source(name)[0].decode("utf-8", "replace")
    columns = [("Yours", mine.draft.text), ("On disk", disk), ("Original", _text(base))]
    was = before.was if base else None
    # If the YAML does not contain the values of the fields, they are listed one by one.
    view = conflict_view("broken", mine.fields if mine.drawn else (), mine.typed, None, was, columns)
    problems = tuple(visible(str(problem), 600) for problem in found)
    unsaved = _unsaved([disk, _text(base)])
    return context.page(
        "form/vm_conflict.html", 409, name=name, conflict=view, unsaved_yaml=unsaved, problems=problems, section="vms"
    )


def _renewed(source: Source, mine: FormRequest, typed: Typed) -> FormRequest:
    """Return the form for the current file; if both sides were changed, both stay until the user chooses."""
    if mine.side is Side.TORN:
        return torn(open_form(source.with_text(mine.draft.text)), typed, NO_MARK)
    here = open_form(source)
    return replace(here, typed=typed) if here.source.problems else typed_over(here, typed)


def _answer(form: FormRequest, view: ConflictView, others: Sequence[str]) -> Response:
    """Return the page; a live preview changes neither side, so the conflict is shown when the form is sent."""
    if request.form.get("do") == "preview" and context.is_htmx():
        return show_preview(replace(form, drawn=posted_mark()))
    view = replace(view, unsaved_yaml=_unsaved(others), is_torn=form.side is Side.TORN)
    return show(form, has_errors=True, status=409, conflict=view)


def _unsaved(others: Sequence[str]) -> tuple[UnsavedYaml, ...]:
    """Return YAML that was typed, now or earlier, and is none of the `others`."""
    return unsaved_texts([request.form.get("yaml", ""), *request.form.getlist(UNSAVED_YAML)], others)


def _base(name: str) -> Source | None:
    """Return the file that the form was made from; None if not known."""
    digest = request.form.get("digest", "")
    data = unpacked(request.form.get("base", ""), digest)
    with suppress(ConfigError):
        found = Source(name, data or b"", digest).with_text(decoded(data or b"", name))
        return found if data and not found.problems else None
    return None


def _text(source: Source | None) -> str:
    return source.data.decode("utf-8", "replace") if source else NOT_KNOWN
