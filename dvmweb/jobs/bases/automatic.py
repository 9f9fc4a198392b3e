"""Builds a base by itself after the first sync of new recipes, if the user said yes once and the disk allows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from dvmweb import files, recipes
from dvmweb.errors import DvmError
from dvmweb.jobs.bases import matching, requests
from dvmweb.jobs.job_record import Job
from dvmweb.lima.disk_use import disk_free, disk_used, in_words
from dvmweb.names import new_base
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput, titles
from dvmweb.recipes.bases import first_that_fit
from dvmweb.records import bases as records

ASK, YES, NO = SETTINGS = ("ask", "yes", "no")
FILE = "automatic"  # in the folder of the records
WORTH = 20.0  # seconds that its recipes took at least
SPARE = 5 << 30  # bytes of disk that stay free beside the base and a copy of it


@dataclass(frozen=True)
class Proposal:
    """A base that would make the next VM with these recipes start sooner."""

    vm: str
    recipes: tuple[str, ...]
    seconds: float  # that they took in this sync
    disk: int  # bytes that it needs about

    def __str__(self) -> str:
        return (
            f"Its recipes took {self.seconds:.0f} s. With a base of them ({in_words(self.disk)} of disk), the next VM "
            f"that begins with them is a copy: `dvm base build --like {self.vm}`"
        )


def setting(paths: Paths) -> str:
    """Whether bases are built by themselves: ask, yes or no."""
    with suppress(OSError, DvmError):
        word = files.read_bounded(paths.bases / FILE, 100).decode("ascii", "replace").strip()
        return word if word in SETTINGS else ASK
    return ASK


def set_setting(paths: Paths, word: str) -> None:
    """Store whether bases are built by themselves."""
    files.write_whole(files.private_folder(paths.bases) / FILE, f"{word}\n".encode())


def proposal(paths: Paths, job: Job, plan_input: PlanInput) -> Proposal | None:
    """The base that is worth to be built after this sync; None for none, or if the disk is too small for it.

    Only after a first sync in which recipes that can be in a base took time, and only if there is no base of them.
    """
    made = next((step for step in job.steps if _has_made(step.title) and step.state == "done"), None)
    if job.verb != "sync" or made is None:
        return None
    fitting = first_that_fit([desired.recipe for desired in plan_input.recipes])
    names = {titles.recipe(recipe.name) for recipe in fitting}
    seconds = sum(step.ended - step.started for step in job.steps if step.title in names and step.state == "done")
    wanted = matching.wanted(plan_input.config, plan_input.overlay, plan_input.recipes)
    of_it = tuple((name, digest) for name, digest in wanted.recipes[: len(fitting)])
    known = [tuple((one.name, one.digest) for one in base.recipes) for base in records.read_all(paths)]
    home = plan_input.lima_home
    disk = disk_used(home / plan_input.desired.instance)
    if seconds < WORTH or of_it in known or disk * 2 + SPARE > disk_free(home):
        return None
    return Proposal(plan_input.config.name, tuple(recipe.name for recipe in fitting), seconds, disk)


def _has_made(title: str) -> bool:
    return title == titles.CREATE or title.startswith(titles.copy_base(""))


def after_sync(paths: Paths, environ: Mapping[str, str], job: Job, plan_input: PlanInput) -> tuple[str, ...]:
    """Start to build a base if that is wanted; notices about that, or about what could be built."""
    if job.verb != "sync" or (word := setting(paths)) == NO:
        return ()
    found = proposal(paths, job, plan_input)
    if found is None:
        return ()
    return (begin(paths, environ, found, plan_input),) if word == YES else (str(found),)


def begin(paths: Paths, environ: Mapping[str, str], found: Proposal, plan_input: PlanInput) -> str:
    """Start to build the proposed base; a sentence about it."""
    fitting: list[recipes.Recipe] = [one.recipe for one in plan_input.recipes if one.recipe.name in found.recipes]
    base = requests.requested(new_base(), plan_input.config, fitting)
    try:
        job = requests.start(paths, environ, base)
    except (DvmError, OSError) as error:
        why = error.what if isinstance(error, DvmError) else str(error)
        return f"No base of these recipes is built: {why} To try again: `dvm base build --like {found.vm}`"
    return (
        f"A base of these recipes is being built, so that the next VM with them starts sooner: `dvm log {job.id[:8]}`. "
        "To stop that for all: `dvm base auto no`"
    )


def is_proposed(paths: Paths, job: Job) -> bool:
    """Whether a sync has ended with a proposal that was not answered yet."""
    start = f"`dvm base build --like {job.vm}`"
    return setting(paths) == ASK and any(notice.endswith(start) for notice in job.notices)
