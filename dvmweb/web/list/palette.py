"""The entries of the command palette: pages, VMs with their verbs, recipes and recent jobs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.verbs.vm import Vm
from dvmweb.web.ui.formatting import steady
from dvmweb.web.ui.values import Action
from dvmweb.web.vms.actions import actions_of, more_of

PAGES = (
    ("VMs", "/"),
    ("Needs attention", "/attention"),
    ("Terminals", "/terminals"),
    ("Recipes", "/recipes"),
    ("Jobs", "/jobs"),
    ("Trash", "/trash"),
    ("Checkpoints", "/checkpoints"),
    ("Bases", "/bases"),
    ("Doctor", "/doctor"),
    ("Settings", "/settings"),
    ("Help and shortcuts", "/help"),
)
TABS = ("config", "recipes", "files")  # those that no action opens
MOST_JOBS = 20


@dataclass(frozen=True)
class Entry:
    """One entry: a page to open, or a form to send."""

    group: str  # VM, page, recipe or job
    text: str  # safe to show
    path: str  # below the prefix
    detail: str = ""
    is_post: bool = False
    fields: dict[str, str] = field(default_factory=dict)


def entries(
    vms: Iterable[Vm], recipes: Iterable[str], jobs: Iterable[Job], now: float, newest: Mapping[str, str] = {}
) -> tuple[Entry, ...]:
    """Return all entries in the order in which they are shown for an empty query.

    `newest`: the newest checkpoint of each VM that has one.
    """
    vms = tuple(vm for vm in vms if vm.kind != "unmanaged")
    opened = tuple(Entry("VM", vm.name, f"/vms/{vm.name}", vm.kind if vm.instance is None else vm.status) for vm in vms)
    return (
        *opened,
        *(Entry("Page", text, path) for text, path in PAGES),
        Entry("Page", "New VM", "/new-vm"),
        *(entry for vm in vms for entry in _of_vm(vm, newest.get(vm.name, ""))),
        *(Entry("Recipe", f"Recipe {name}", f"/recipes/{name}") for name in recipes),
        *(_of_job(job, now) for job in tuple(jobs)[:MOST_JOBS]),
    )


def _of_vm(vm: Vm, checkpoint: str) -> Iterator[Entry]:
    for action in (*actions_of(vm), *more_of(vm)):
        yield Entry("VM", _text(vm.name, action), action.path, "", action.is_post, dict(action.fields or {}))
    if vm.kind == "managed":
        for tab in TABS:
            yield Entry("VM", f"{tab.capitalize()} of {vm.name}", f"/vms/{vm.name}?tab={tab}")
        yield Entry("VM", f"Ports of {vm.name}", f"/vms/{vm.name}/ports")
    if vm.kind == "managed" and not vm.problem and vm.status in ("Running", "Stopped"):
        yield Entry("VM", f"Checkpoint {vm.name}", f"/vms/{vm.name}/checkpoint")
    if checkpoint:
        yield Entry("VM", f"Rewind {vm.name}", f"/checkpoints/{checkpoint}/rewind", f"to {checkpoint}")


def _text(vm: str, action: Action) -> str:
    """Return the text of a button with the VM: "Sync app", "Open Claude in app", "Key of app"."""
    if action.text.endswith(f" {vm}"):
        return action.text
    return f"{action.text}{' in' if 'command' in (action.fields or {}) else '' if action.is_post else ' of'} {vm}"


def _of_job(job: Job, now: float) -> Entry:
    when = age(job.created, steady(now))
    return Entry("Job", f"Job {visible(job.verb, 20)} of {visible(job.about, 60)}", f"/jobs/{job.id}", when)
