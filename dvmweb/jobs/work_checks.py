"""The looks at the work at risk: each keeps its report, and a delete is refused unless nothing would be lost unseen."""

from __future__ import annotations

from dvmweb import work
from dvmweb.config import kinds
from dvmweb.errors import CouldNotLook, WorkAtRisk
from dvmweb.guest_text import visible
from dvmweb.jobs import stored
from dvmweb.jobs.outcome import Outcome, Tools
from dvmweb.jobs.stored import age
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import BLIND, World


def looked(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Keep the work report; "could not look" is kept as such and ends the job unless the look is optional."""
    report = keep_report(tools.paths, tools.job_id, world, finished)
    if report.verdict is work.Verdict.COULD_NOT_LOOK and not report.code_dir:
        raise CouldNotLook(f"{world.config.name}: {report.summary()}.", "Sync it, then look again.")
    return Outcome(world, report.summary())


def looked_optional(tools: Tools, world: World, finished: Finished) -> Outcome:
    """A look that may fail: the report says so, the job goes on."""
    report = keep_report(tools.paths, tools.job_id, world, finished)
    return Outcome(world, report.summary())


def work_unchanged(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The last look before a delete: the same facts as the user saw, and nothing at risk unless that was accepted."""
    report = keep_report(tools.paths, tools.job_id, world, finished)
    name, verdict = world.config.name, report.verdict
    was_down = world.instance is not None and world.instance.status == "Stopped"
    stop = f" It was started to be looked at: `dvm stop {name}` stops it again." if was_down else ""
    facts = BLIND if verdict is work.Verdict.COULD_NOT_LOOK else report.facts_hash()
    if tools.options.expected and facts != tools.options.expected:
        what = "Nobody could look again" if facts == BLIND else f"Work in {name} has changed since you looked"
        raise WorkAtRisk(
            f"{what}: {report.summary()}. Nothing was deleted.",
            f"See it with `dvm work {name}`, then decide again: `dvm rm {name} --yes`.{stop}",
        )
    if verdict is not work.Verdict.CLEAN and not tools.options.force:
        raise WorkAtRisk(
            f"{name} was not deleted: {report.summary()}.",
            f"Push or copy it out (`dvm sh {name}`), or delete it with the VM: `dvm rm {name} --yes --force`.{stop}",
        )
    # What is lost is told in full; the stored report goes with the VM.
    told = () if verdict is work.Verdict.CLEAN else report.lines()
    between = "Looked just before the stop: what the guest wrote between this look and its end is gone with it, unseen."
    return Outcome(world, report.summary(), (*told, between, *_not_looked_at(world)))


def not_looked(tools: Tools, world: World, finished: Finished) -> Outcome:
    """A forced delete of a VM that does not run: nobody looks, and that is said with what was known."""
    known = stored.read(tools.paths, world.config.name, world.instance)
    if known is None:
        unknown = f"{world.config.name} was deleted without a look; none was known."
        return Outcome(world, "not looked", (unknown, *_not_looked_at(world)))
    last = f"{world.config.name} was deleted without a look. The last one ({age(known.report.looked_at)}) said:"
    return Outcome(world, "not looked", (last, *known.report.lines(), *_not_looked_at(world)))


def _not_looked_at(world: World) -> tuple[str, ...]:
    told = kinds.not_looked(world.config.kind)
    return (told,) if told else ()


def keep_report(paths: Paths, job: str, world: World, finished: Finished) -> work.WorkReport:
    """Turn what the guest said into a report and store it; whatever is wrong with it becomes "could not look".

    `job` is the id of the job that looked, "" where none did.
    """
    try:
        if finished.code != 0:
            raise CouldNotLook(why_no_answer(finished))
        report = work.parse_report(finished.stdout, world.nonce, f"{world.wish.instance} {world.known_id}")
    except CouldNotLook as error:
        report = work.could_not_look(error.what)
    stored.write(paths, world.config.name, world.latest, job, report)
    return report


def why_no_answer(finished: Finished) -> str:
    """Why a question to the guest has no answer, for people."""
    if finished.ended == "deadline":
        return "the guest did not answer in time"
    last = finished.stderr.strip().splitlines()[-1:] or [b"no reason given"]
    return f"the guest's answer ended with exit code {finished.code}: {visible(last[0])}"
