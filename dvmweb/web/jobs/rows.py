"""The rows of a list of jobs: filtered, newest first, a page at a time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from dvmweb.ages import age
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import KEPT, Job
from dvmweb.web.jobs.words import STATES, VERBS, badge, name, not_run, subject, verb_of
from dvmweb.web.ui.formatting import count, duration
from dvmweb.web.ui.values import Badge

EACH = 50  # rows of one page
MOST_TEXT = 100  # characters of a filter
# What the filter of states offers; a refused job is a failed one in its journal.
OFFERED = {"open": "Running", "succeeded": "Done", "failed": "Failed", "refused": "Refused"} | {
    state: STATES[state].word for state in ("cancelled", "interrupted")
}


@dataclass(frozen=True)
class JobRow:
    """One job in the list."""

    id: str
    title: str
    vm: str
    verb: str
    badge: Badge
    requested: str
    duration: str
    note: str


@dataclass(frozen=True)
class Filter:
    """Which jobs are shown; "" for all."""

    vm: str = ""
    verb: str = ""
    state: str = ""
    text: str = ""
    page: int = 1

    @property
    def is_set(self) -> bool:
        return any((self.vm, self.verb, self.state, self.text))

    def query(self, **changes: object) -> str:
        """The query of an address with this filter, "" for none."""
        one = replace(self, **changes)  # type: ignore[arg-type]
        given = {"vm": one.vm, "verb": one.verb, "state": one.state, "q": one.text}
        pages = {"page": str(one.page)} if one.page > 1 else {}
        found = {key: value for key, value in given.items() if value} | pages
        return f"?{urlencode(found)}" if found else ""


@dataclass(frozen=True)
class JobList:
    """A page of the list, and what its filters offer."""

    rows: tuple[JobRow, ...]
    number: int  # that fit the filter
    whole: int  # all jobs that are kept
    filter: Filter
    vms: tuple[str, ...]
    verbs: Mapping[str, str]
    states: Mapping[str, str]
    range: str  # "Jobs 51 to 100 of 213", "" if one page shows all
    newer: str  # query of the page with newer jobs, "" for none
    older: str
    kept: int = KEPT  # how many are kept at all

    @property
    def heading(self) -> str:
        if not self.whole:
            return "No jobs yet"
        number = count(self.number, "job", "jobs")
        return f"{number} of {self.whole}" if self.filter.is_set and self.number != self.whole else number


def filter_of(given: Mapping[str, str]) -> Filter:
    """The filter of a query; what it does not know is ignored, so that each address shows a page."""
    page = given.get("page", "1")
    state, verb = given.get("state", ""), given.get("verb", "")
    return Filter(
        vm=visible(given.get("vm", ""), MOST_TEXT),
        verb=verb if verb in VERBS else "",
        state=state if state in OFFERED else "",
        text=visible(given.get("q", "").strip(), MOST_TEXT),
        page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 6 and int(page) else 1,
    )


def job_list(jobs: Sequence[Job], wanted: Filter, now: float) -> JobList:
    """The page of the list that the filter asks for; the last one if it asks for more. `jobs`: newest first."""
    fitting = [job for job in jobs if fits(job, wanted)]
    last = max(1, -(-len(fitting) // EACH))
    wanted = replace(wanted, page=min(wanted.page, last))
    first = (wanted.page - 1) * EACH
    shown = fitting[first : first + EACH]
    words = f"Jobs {first + 1} to {first + len(shown)} of {len(fitting)}, newest first" if last > 1 else ""
    return JobList(
        rows=tuple(row(job, now) for job in shown),
        number=len(fitting),
        whole=len(jobs),
        filter=wanted,
        vms=tuple(sorted({subject(job) for job in jobs} | ({wanted.vm} if wanted.vm else set()))),
        verbs={verb: VERBS[verb] for verb in VERBS if verb == wanted.verb or any(job.verb == verb for job in jobs)},
        states=OFFERED,
        range=words,
        newer=wanted.query(page=wanted.page - 1) or "?" if wanted.page > 1 else "",
        older=wanted.query(page=wanted.page + 1) if wanted.page < last else "",
    )


def fits(job: Job, wanted: Filter) -> bool:
    """Whether the filter shows a job."""
    if wanted.vm and wanted.vm not in (job.vm, subject(job)):
        return False
    if wanted.verb and job.verb != wanted.verb:
        return False
    if wanted.state and wanted.state != ("open" if job.is_open else "refused" if job.is_refused else job.state):
        return False
    text = wanted.text.lower()
    return not text or any(text in words.lower() for words in _texts(job))


def _texts(job: Job) -> tuple[str, ...]:
    """What the text of a filter is looked for in."""
    failure = (job.failure.what, job.failure.todo) if job.failure else ()
    return (name(job), job.id, *failure, *(step.title for step in job.steps), *job.notices)


def row(job: Job, now: float) -> JobRow:
    """A job in the list."""
    end = job.ended or (now if job.is_open else 0.0)
    return JobRow(
        id=job.id,
        title=name(job),
        vm=subject(job),
        verb=verb_of(job),
        badge=badge(job),
        requested=age(job.created, now),
        duration=duration(end - job.started) if end and job.started else "",
        note=visible(_note(job), 160),
    )


def _note(job: Job) -> str:
    """The failure, the running step or what did not run; "" where all is well."""
    if job.failure and job.failure.what:
        return job.failure.what.splitlines()[0]
    if job.is_open:
        return next((step.title for step in job.steps if step.state == "running"), "")
    return not_run(job)
