"""The trash: its entries, and the forms that restore one or delete it for good."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Blueprint, Response, request

from dvmweb.ages import age
from dvmweb.errors import DvmError, NotFound, NotNow, UsageError
from dvmweb.guest_text import visible
from dvmweb.records.trash_records import DAYS
from dvmweb.verbs import trash
from dvmweb.verbs.trash import Entry
from dvmweb.web.deletion.pages import NOT_TYPED
from dvmweb.web.ui import context
from dvmweb.web.ui.formatting import day
from dvmweb.web.ui.redirects import see_other

blueprint = Blueprint("deletion_trash_pages", __name__)
NOT_KNOWN = "not known"
MOST = 60  # characters of a name as it was typed


@dataclass(frozen=True)
class EntryView:
    """One entry as a page shows it."""

    name: str
    vm: str  # the name it had, "" if not known
    free: str  # a name under which it can be restored, "" if not known
    title: str
    status: str  # "" for Stopped, which is as it should be
    is_half: bool
    deleted: str
    expires: str
    is_expired: bool
    disk: str
    work: str
    losses: tuple[str, ...]
    to_type: str  # the name that confirms a delete for good


@dataclass(frozen=True)
class Refused:
    """A restore that was refused, shown at its field."""

    entry: str
    typed: str
    what: str
    todo: str


@blueprint.get("/trash")
def index() -> Response:
    """List the entries. Changes nothing."""
    return _index(())


def _index(notes: tuple[str, ...], refused: Refused | None = None, status: int = 200) -> Response:
    now = time.time()
    newest_first = sorted(trash.list_entries(context.vms()), key=lambda one: (-one.record.at, one.name))
    entries = tuple(_view(one, now) for one in newest_first)
    return context.page("deletion/trash.html", status, entries=entries, notes=notes, days=DAYS, refused=refused)


@blueprint.post("/trash/repair")
def repair() -> Response:
    """Finish what an interrupted command left half done."""
    return _index(trash.repair(context.vms())[1] or ("Nothing was left half done.",))


@blueprint.post("/trash/<entry>/restore")
def restore(entry: str) -> Response:
    """Restore an entry under the name in the form, and open the page of the VM."""
    found, typed = _find(entry), request.form.get("as", "").strip()[:MOST]
    try:
        done = trash.restore(context.vms(), found.name, typed)
    except (UsageError, NotNow) as error:
        return _index((), Refused(found.name, typed, error.what, _todo(error)), 422)
    if not done.notes:
        return see_other(f"/vms/{done.vm}")
    return context.page("deletion/restored.html", name=done.vm, notes=done.notes)


def _todo(error: DvmError) -> str:
    """What to do about it here: the error names the command."""
    return "Choose another name." if isinstance(error, trash.NameTaken) else error.todo


@blueprint.get("/trash/<entry>/delete")
def ask(entry: str) -> Response:
    """Show what is lost with an entry. Changes nothing."""
    return _ask(_find(entry))


@blueprint.post("/trash/<entry>/delete")
def delete(entry: str) -> Response:
    """Delete an entry for good if the name was typed."""
    found = _find(entry)
    if request.form.get("name", "") != _view(found, time.time()).to_type:
        return _ask(found, 422, typed=NOT_TYPED)
    trash.empty(context.vms(), [found.name])
    return see_other("/trash")


def _ask(found: Entry, status: int = 200, *, typed: str = "") -> Response:
    view = _view(found, time.time())
    return context.page("deletion/trash_delete.html", status, entry=view, typed=typed)


def _find(entry: str) -> Entry:
    """Return the entry of this very name. Raises NotFound."""
    for one in trash.list_entries(context.vms()):
        if one.name == entry:
            return one
    raise NotFound(f"There is no entry {visible(entry, 60)} in the trash.", "The trash lists all entries.")


def _view(one: Entry, now: float) -> EntryView:
    record, status = one.record, one.instance.status
    checked = f", checked {age(record.work.checked_at, now)}" if record.work and record.work.checked_at else ""
    return EntryView(
        name=one.name,
        vm=record.vm,
        free=trash.free_name(context.vms().paths, record.vm),
        title=record.vm or one.name,
        status="" if status == "Stopped" else visible(status, 40) or "not readable",
        is_half=one.is_half,
        deleted=age(record.at, now) if record.at else NOT_KNOWN,
        expires=day(record.expires) if record.expires else NOT_KNOWN,
        is_expired=record.is_expired(now),
        disk=one.disk_in_words,
        work=f"{one.work_line}{checked}",
        losses=one.losses,
        to_type=record.vm or one.name,
    )
