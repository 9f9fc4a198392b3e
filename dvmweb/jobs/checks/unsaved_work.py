"""The looks at the work at risk: each keeps its report, and a delete is refused unless nothing would be lost unseen."""

from __future__ import annotations

from dvmweb.config import kinds
from dvmweb.errors import CheckFailed, WorkAtRisk, sentence
from dvmweb.guest import unsaved_work
from dvmweb.guest_text import visible
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.current_state import silent_todo
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput
from dvmweb.records import work_reports
from dvmweb.records.known_work import BLIND, facts_of, has_risk, words_of
from dvmweb.records.last_use import Use
from dvmweb.records.work_reports import age


def looked(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Keep the work report; "could not look" is kept as such and ends the job unless the look is optional."""
    report = keep_report(tools.paths, tools.job_id, plan_input, finished, tools.use)
    if report.verdict is unsaved_work.Verdict.COULD_NOT_LOOK and not report.code_dir:
        what = f"{sentence(f'{plan_input.config.name}: {report.summary()}')}{_still_known(tools, plan_input)}"
        raise CheckFailed(what, _silent(tools, plan_input, finished, "work") or "Sync the VM, then check again.")
    before = _still_known(tools, plan_input).strip() if report.problems else ""
    return Outcome(plan_input, words_of(report), (before,) if before else (), is_blind=bool(report.problems))


def _still_known(tools: Tools, plan_input: PlanInput) -> str:
    """What an earlier check had found, where the one of now failed; "" where there was none."""
    known = work_reports.known(tools.paths, plan_input.config.name, plan_input.latest)
    if known is None or not known.has_worked:
        return ""
    return f" The last check that worked, {age(known.report.looked_at)}: {sentence(known.report.summary())}"


def _silent(tools: Tools, plan_input: PlanInput, finished: Finished, verb: str) -> str:
    return silent_todo(tools.paths, plan_input.config.name, plan_input.latest, verb, finished)


def looked_optional(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """A look that may fail: the report says so, the job goes on."""
    report = keep_report(tools.paths, tools.job_id, plan_input, finished, tools.use)
    return Outcome(plan_input, words_of(report), is_blind=bool(report.problems))


def work_unchanged(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """The last look before a delete: the same facts as the user saw, and no unsaved work unless that was accepted."""
    report = keep_report(tools.paths, tools.job_id, plan_input, finished, tools.use)
    name, verdict = plan_input.config.name, report.verdict
    _must_be_expected(tools, plan_input, report)
    if verdict is not unsaved_work.Verdict.CLEAN and not tools.options.force:
        silent = _silent(tools, plan_input, finished, "rm")
        raise WorkAtRisk(
            sentence(f"{name} was not deleted: {words_of(report)}")
            + (_still_known(tools, plan_input) if report.problems else ""),
            f"{silent} To delete it without a check: `dvm rm {name} --yes --force`"
            if silent
            else _way_out(name, report),
        )
    # What is lost is told in full; the stored report goes with the VM.
    told = () if verdict is unsaved_work.Verdict.CLEAN else report.lines()
    between = "Checked just before the stop: what the guest wrote after this check was deleted unchecked."
    told = (*told, between, *_not_looked_at(plan_input))
    return Outcome(plan_input, words_of(report), is_blind=bool(report.problems), once_done=told)


def _way_out(name: str, report: unsaved_work.UnsavedWorkReport) -> str:
    """What to do after the guest responded: it depends on what was found and what could not be checked."""
    if not has_risk(report):
        return (
            f"Fix what the check cannot read (`dvm sh {name}`), then check again: `dvm work {name}`. "
            f"To delete it without a check: `dvm rm {name} --yes --force`"
        )
    if not report.loose.count and not any(one.is_at_risk for one in report.repositories):
        return f"Check yourself what is there (`dvm sh {name}`), or delete it unchecked: `dvm rm {name} --yes --force`"
    return f"Push or copy it out (`dvm sh {name}`), or delete it with the VM: `dvm rm {name} --yes --force`"


def _must_be_expected(tools: Tools, plan_input: PlanInput, report: unsaved_work.UnsavedWorkReport) -> None:
    """Raise WorkAtRisk where a check says something else than what the user decided by."""
    name, expected, facts = plan_input.config.name, tools.options.expected, facts_of(report)
    if not expected or facts == expected:
        return
    what = f"The unsaved work in {name} has changed since you saw it"
    if report.problems and not expected.startswith(BLIND):
        what = "The check before the delete failed"
    elif expected.startswith(BLIND) and not report.problems:
        what = "The check now worked"
    raise WorkAtRisk(
        f"{sentence(f'{what}: {words_of(report)}')} Nothing was deleted.",
        f"Check with `dvm work {name}`, then delete again: `dvm rm {name} --yes`",
    )


def stopped(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """The VM was stopped behind a look: note whether that is still the last word on what lies there now."""
    work_reports.note_end(tools.paths, plan_input.config.name, plan_input.latest, tools.job_id, tools.use)
    return Outcome(plan_input)


def as_stopped(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """A delete without a start: the job that stopped the VM found nothing, and it has not run since."""
    known = work_reports.holds(tools.paths, plan_input.config.name, plan_input.instance)
    if known is None or known.good is None:
        raise WorkAtRisk(
            f"{plan_input.config.name} was used since this delete began. Nothing was deleted.",
            f"Delete again: `dvm rm {plan_input.config.name} --yes`",
        )
    report = known.good.report
    _must_be_expected(tools, plan_input, report)
    told = (
        f"Not checked again: it was checked just before it stopped, {age(report.looked_at)}, and has not run since. "
        "What the guest wrote after that check was deleted unchecked."
    )
    return Outcome(plan_input, report.summary(), once_done=(told, *_not_looked_at(plan_input)))


def not_looked(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """A forced delete of a VM that is not running: nothing is checked; the message says so, with what was known.

    Where it was decided by a report that was the last word, it still has to be that.
    """
    known, name = work_reports.known(tools.paths, plan_input.config.name, plan_input.instance), plan_input.config.name
    expected = "" if tools.options.look else tools.options.expected
    if expected and (known is None or known.since or known.bound_to != expected):
        raise WorkAtRisk(
            f"{name} was used since you saw the report, so its unsaved work can have changed. Nothing was deleted.",
            f"Check with `dvm work {name}`, then delete again: `dvm rm {name}`",
        )
    if known is None:
        unknown = f"{name} was deleted without a check; no earlier report was known."
        return Outcome(plan_input, "not checked", once_done=(unknown, *_not_looked_at(plan_input)))
    last = f"{name} was deleted without a check. The last report ({age(known.report.looked_at)}):"
    told = [last, *known.report.lines()]
    if known.failed is not None:
        told += [f"A later check failed ({age(known.failed.looked_at)}):", *known.failed.lines()]
    return Outcome(plan_input, "not checked", once_done=(*told, *_not_looked_at(plan_input)))


def _not_looked_at(plan_input: PlanInput) -> tuple[str, ...]:
    told = kinds.not_looked(plan_input.config.kind)
    return (told,) if told else ()


def keep_report(
    paths: Paths, job: str, plan_input: PlanInput, finished: Finished, use: Use
) -> unsaved_work.UnsavedWorkReport:
    """Turn what the guest said into a report and store it; whatever is wrong with it becomes "could not look".

    `job` is the id of the job that looked, "" where none did; `use` the VM's last use before the question was put.
    """
    try:
        if finished.code != 0:
            raise CheckFailed(why_no_answer(finished))
        report = unsaved_work.parse_report(
            finished.stdout, plan_input.nonce, f"{plan_input.desired.instance} {plan_input.known_id}"
        )
    except CheckFailed as error:
        report = unsaved_work.could_not_look(error.what)
    work_reports.write(paths, plan_input.config.name, plan_input.latest, job, report, use.mark)
    return report


def why_no_answer(finished: Finished) -> str:
    """Why a question to the guest has no answer, for people."""
    if finished.ended == "deadline":
        return "the guest did not respond in time"
    last = finished.stderr.strip().splitlines()[-1:] or [b"no reason given"]
    return f"the check in the guest failed (exit code {finished.code}): {visible(last[0])}"
