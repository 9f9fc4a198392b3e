"""What the tabs of a VM's page show. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.config.model import VmConfig
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.plans import titles
from dvmweb.plans.guest_steps import LATE
from dvmweb.recipes import Recipe, units
from dvmweb.verbs.recipes import Standing
from dvmweb.verbs.vms import Vm
from dvmweb.web.recipes.views import badge_of
from dvmweb.web.ui.values import Badge


@dataclass(frozen=True)
class RecipeRow:
    """A recipe of the VM and its state, from its jobs and the guest's reports."""

    name: str
    summary: str
    badge: Badge
    note: str
    is_local: bool
    job_id: str  # the job that ran it last, "" for none


@dataclass(frozen=True)
class KeyView:
    """The VM's own public key."""

    line: str
    fingerprint: str
    place: str  # where to add it


@dataclass(frozen=True)
class ServiceView:
    """The services of a VM: their units and addresses."""

    units: tuple[str, ...]
    addresses: tuple[str, ...]  # for other VMs


def service_view(config: VmConfig, ordered: Iterable[Recipe]) -> ServiceView:
    """Return the units that the recipes name and the addresses on which they listen."""
    every = tuple(ordered)
    ports = dict.fromkeys(port for recipe in every for port in _ports(recipe, config))
    return ServiceView(units(every), tuple(f"http://{config.guest_name}:{port}" for port in ports))


def _ports(recipe: Recipe, config: VmConfig) -> tuple[str, ...]:
    """Return the ports of a recipe; a NAME_port param in the config replaces them."""
    own = config.params.get(recipe.name, {}).get(f"{recipe.name.replace('-', '_')}_port")
    return (visible(str(own), 10),) if own is not None else tuple(map(str, recipe.ports)) if recipe.units else ()


def recipe_rows(
    vm: Vm,
    ordered: Iterable[Recipe],
    jobs: tuple[Job, ...],
    now: float,
    standings: Mapping[str, Standing] = {},
) -> tuple[RecipeRow, ...]:
    """Return each recipe in run order with its state: the guest's last report and the last step that ran it.

    `jobs` are sorted newest first; jobs before the last delete do not count.
    """
    of_this_guest = _since_the_delete(jobs) if vm.instance is not None else ()
    return tuple(_recipe_row(recipe, of_this_guest, now, standings.get(recipe.name)) for recipe in ordered)


def _since_the_delete(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    end = next((i for i, job in enumerate(jobs) if job.verb == "delete" and job.state == "succeeded"), len(jobs))
    return jobs[:end]


def _recipe_row(recipe: Recipe, jobs: tuple[Job, ...], now: float, stands: Standing | None) -> RecipeRow:
    title = titles.recipe(recipe.name)
    found = ((job, step) for job in jobs for step in job.steps if step.title == title and step.state != "waiting")
    job, step = next(found, (None, None))
    badge, note = _recipe_state(recipe, job, step, now)
    is_over = job is None or step is None or (not job.is_open and step.state not in ("running", "failed"))
    if stands is not None and is_over and badge.word.lower() != stands.word:  # the report is newer than the job
        badge, note = badge_of(stands), stands.note
    summary = visible(recipe.summary)
    return RecipeRow(recipe.name, summary, badge, note, recipe.is_local, job.id if job else "")


def _recipe_state(recipe: Recipe, job: Job | None, step: StepRecord | None, now: float) -> tuple[Badge, str]:
    if job is None or step is None:
        return Badge("idle", "dot", "Not applied"), "the next sync will run it"
    when = age(step.ended or job.ended or job.created, now)
    reason = visible(step.reason, 200)
    if step.state == "running":
        is_cut = not job.is_open
        return (Badge("warn", "warn", "Interrupted") if is_cut else Badge("info", "sync", "Running")), when
    if step.state == "failed":
        return Badge("bad", "warn", "Failed", when), reason
    if LATE in step.reason:
        return Badge("blind", "eye-off", "Not known", when), reason
    if step.state == "not-run" or "not run" in step.reason:
        return Badge("blind", "eye-off", "Skipped in the demo", when), reason
    unknown = "probe is not known" in step.reason
    return Badge("blind" if unknown else "ok", "eye-off" if unknown else "check", "Applied", when), reason


def key_view(line: str, place: str) -> KeyView:
    """Return the key with its fingerprint as `ssh-keygen -l` prints it."""
    words = line.split()
    fingerprint = ""
    try:
        raw = hashlib.sha256(base64.b64decode(words[1], validate=True)).digest()
        fingerprint = "SHA256:" + base64.b64encode(raw).decode().rstrip("=")
    except (IndexError, binascii.Error, ValueError):
        fingerprint = "not readable"
    return KeyView(visible(line, 2000), fingerprint, place)
