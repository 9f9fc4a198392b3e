"""The checks for unsaved work: each stores its report; a delete is refused if it would lose work not accepted."""

from __future__ import annotations

from dvmweb.ages import age
from dvmweb.config import kinds
from dvmweb.errors import CheckFailed, UnsavedWork, sentence
from dvmweb.guest import unsaved_work
from dvmweb.guest_text import visible
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.current_state import silent_todo
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput
from dvmweb.records import work_reports
from dvmweb.records.known_work import CHECK_FAILED, facts_of, has_unsaved_work, verdict_text
from dvmweb.records.last_use import Use


def checked(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Store the report. Raises CheckFailed if the check failed without finding the code folder."""
    report = keep_report(tools.paths, tools.job_id, plan_input, finished, tools.use)
    if report.verdict is unsaved_work.Verdict.CHECK_FAILED and not report.code_dir:
        what = f"{sentence(f'{plan_input.config.name}: {report.summary()}')}{_still_known(tools, plan_input)}"
        raise CheckFailed(what, _silent(tools, plan_input, finished, "work") or "Sync the VM, then check again.")
    before = _still_known(tools, plan_input).strip() if report.problems else ""
    return Outcome(plan_input, verdict_text(report), (before,) if before else (), has_failed=bool(report.problems))


def _still_known(tools: Tools, plan_input: PlanInput) -> str:
    """A sentence about the last complete report, for a check that failed now; "" if there is none."""
    known = work_reports.known(tools.paths, plan_input.config.name, plan_input.latest)
    if known is None or not known.has_worked:
        return ""
    return f" The last check that worked, {age(known.report.checked_at)}: {sentence(known.report.summary())}"


def _silent(tools: Tools, plan_input: PlanInput, finished: Finished, verb: str) -> str:
    return silent_todo(tools.paths, plan_input.config.name, plan_input.latest, verb, finished)


def checked_optional(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Store the report; a failed check does not end the job."""
    report = keep_report(tools.paths, tools.job_id, plan_input, finished, tools.use)
    return Outcome(plan_input, verdict_text(report), has_failed=bool(report.problems))


def work_unchanged(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """The check before a delete. Raises UnsavedWork if it found something else than the user saw or accepted."""
    report = keep_report(tools.paths, tools.job_id, plan_input, finished, tools.use)
    name, verdict = plan_input.config.name, report.verdict
    _must_be_expected(tools, plan_input, report)
    if verdict is not unsaved_work.Verdict.CLEAN and not tools.options.force:
        silent = _silent(tools, plan_input, finished, "rm")
        raise UnsavedWork(
            sentence(f"{name} was not {_verb(tools)}: {verdict_text(report)}")
            + (_still_known(tools, plan_input) if report.problems else ""),
            f"{silent} {_unchecked(tools, name)}" if silent else _way_out(tools, name, report),
        )
    # The notices list everything that is lost, because the stored report is deleted with the VM.
    notices = () if verdict is unsaved_work.Verdict.CLEAN else report.lines()
    between = f"Checked just before the stop: what the guest wrote after this check was {_done(tools)} unchecked."
    notices = (*notices, between, *_not_checked(plan_input))
    return Outcome(plan_input, verdict_text(report), has_failed=bool(report.problems), once_done=notices)


def _way_out(tools: Tools, name: str, report: unsaved_work.UnsavedWorkReport) -> str:
    """What to do about unsaved work or a failed check, if the guest responded."""
    if not has_unsaved_work(report):
        return (
            f"Fix what the check cannot read (`dvm sh {name}`), then check again: `dvm work {name}`. "
            f"{_unchecked(tools, name)}"
        )
    if not report.loose.count and not any(one.has_unsaved_work for one in report.repositories):
        return f"Check yourself what is there (`dvm sh {name}`), or {_do(tools)} it unchecked: {_forced(tools, name)}"
    keep, do = f"keep a copy with `dvm rescue {name}`", f"{_do(tools)} it with the VM"
    do = "rewind without it" if tools.options.checkpoint else do
    return f"Push it, {keep}, or {do}: {_forced(tools, name)}"


def _unchecked(tools: Tools, name: str) -> str:
    return f"To {_do(tools)} it without a check: {_forced(tools, name)}"


def _do(tools: Tools) -> str:
    return "rewind" if tools.options.checkpoint else "delete"


def _verb(tools: Tools) -> str:
    return "rewound" if tools.options.checkpoint else "deleted"


def _command(tools: Tools, name: str) -> str:
    """The command of this job with its flags, without --yes and --force."""
    options = tools.options
    words = ["dvm", "rewind", name, options.checkpoint] if options.checkpoint else ["dvm", "rm", name]
    if not options.trash:
        words.append("--now")
    if options.config:
        words.append("--config")
    return " ".join(words)


def _forced(tools: Tools, name: str) -> str:
    return f"`{_command(tools, name)} --yes --force`"


def _must_be_expected(tools: Tools, plan_input: PlanInput, report: unsaved_work.UnsavedWorkReport) -> None:
    """Raise UnsavedWork if the facts of a check differ from those that the user saw."""
    name, expected, facts = plan_input.config.name, tools.options.expected, facts_of(report)
    if not expected or facts == expected:
        return
    what = f"The unsaved work in {name} has changed since you saw it"
    if report.problems and not expected.startswith(CHECK_FAILED):
        what = f"The check before the {_do(tools)} failed"
    elif expected.startswith(CHECK_FAILED) and not report.problems:
        what = "The check succeeded this time"
    raise UnsavedWork(
        f"{sentence(f'{what}: {verdict_text(report)}')} Nothing was {_verb(tools)}.",
        f"Check with `dvm work {name}`, then {_do(tools)} again: `{_command(tools, name)} --yes`",
    )


def stopped(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Note that the VM was stopped after a check, so that a clean report stays valid while it is stopped."""
    work_reports.note_end(tools.paths, plan_input.config.name, plan_input.latest, tools.job_id, tools.use)
    return Outcome(plan_input)


def as_stopped(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Delete a stopped VM without another check: it was found clean just before it stopped, and has not run since.

    Raises UnsavedWork if that is no longer true.
    """
    known = work_reports.clean_since_stop(tools.paths, plan_input.config.name, plan_input.instance)
    if known is None or known.good is None:
        raise UnsavedWork(
            f"{plan_input.config.name} was used since this job began. Nothing was {_verb(tools)}.",
            f"Try again: `{_command(tools, plan_input.config.name)} --yes`",
        )
    report = known.good.report
    _must_be_expected(tools, plan_input, report)
    notices = (
        f"Not checked again: it was checked just before it stopped, {age(report.checked_at)}, and has not run since. "
        f"What the guest wrote after that check was {_done(tools)} unchecked."
    )
    return Outcome(plan_input, report.summary(), once_done=(notices, *_not_checked(plan_input)))


def not_checked(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Delete a VM that is not running by force, without a check; the notices list what was known.

    Raises UnsavedWork if the user decided by a report and the VM was used since.
    """
    known, name = work_reports.known(tools.paths, plan_input.config.name, plan_input.instance), plan_input.config.name
    expected = "" if tools.options.check else tools.options.expected
    if expected and (known is None or known.since or known.bound_to != expected):
        raise UnsavedWork(
            f"{name} was used since you saw the report, so its unsaved work can have changed. "
            f"Nothing was {_verb(tools)}.",
            f"Check with `dvm work {name}`, then {_do(tools)} again: `{_command(tools, name)}`",
        )
    if known is None:
        unknown = f"{name} was {_done(tools)} without a check; no earlier report was known."
        return Outcome(plan_input, "not checked", once_done=(unknown, *_not_checked(plan_input)))
    last = f"{name} was {_done(tools)} without a check. The last report ({age(known.report.checked_at)}):"
    notices = [last, *known.report.lines()]
    if known.failed is not None:
        notices += [f"A later check failed ({age(known.failed.checked_at)}):", *known.failed.lines()]
    return Outcome(plan_input, "not checked", once_done=(*notices, *_not_checked(plan_input)))


def _done(tools: Tools) -> str:
    return "moved to the trash" if tools.options.trash else "deleted"


def _not_checked(plan_input: PlanInput) -> tuple[str, ...]:
    notices = kinds.not_checked(plan_input.config.kind)
    return (notices,) if notices else ()


def keep_report(
    paths: Paths, job: str, plan_input: PlanInput, finished: Finished, use: Use
) -> unsaved_work.UnsavedWorkReport:
    """Parse the guest's answer and store its report; an invalid answer becomes the report of a failed check.

    `job`: the id of the job that checks, "" for none. `use`: the last use of the VM, read before the check.
    """
    try:
        if finished.code != 0:
            raise CheckFailed(why_no_answer(finished))
        report = unsaved_work.parse_report(
            finished.stdout, plan_input.nonce, f"{plan_input.desired.instance} {plan_input.known_id}"
        )
    except CheckFailed as error:
        report = unsaved_work.failed_report(error.what)
    work_reports.write(paths, plan_input.config.name, plan_input.latest, job, report, use.mark)
    return report


def why_no_answer(finished: Finished) -> str:
    """Why a question to the guest has no answer, as text."""
    if finished.ended == "deadline":
        return "the guest did not respond in time"
    last = finished.stderr.strip().splitlines()[-1:] or [b"no reason given"]
    return f"the check in the guest failed (exit code {finished.code}): {visible(last[0])}"
