"""The test of the agent sandbox: kept with its time, and a hole ends the job."""

from __future__ import annotations

import json
from dataclasses import replace

from dvmweb import files
from dvmweb.errors import CheckFailed, DvmError, sentence
from dvmweb.guest.agent import sandbox_report
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.checks.unsaved_work import why_no_answer
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput, guest_steps

FILE = "sandbox.json"
MOST = 400_000  # bytes


def tested(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Keep what the test said. Raises DvmError for a hole; "could not look" is kept and the job goes on.

    A hole that was found is there until a test of that very agent says otherwise.
    """
    name, agents = plan_input.config.name, guest_steps.agents(plan_input)
    try:
        if finished.code != 0:
            raise CheckFailed(why_no_answer(finished))
        report = sandbox_report.parse_report(finished.stdout, plan_input.nonce, agents)
    except CheckFailed as error:
        report = sandbox_report.could_not_look(error.what.rstrip("."))
    report = sandbox_report.with_holes(report, read(tools.paths, name, plan_input.latest), agents)
    _write(tools.paths, name, plan_input.latest, report)
    if report.result == sandbox_report.HOLE:
        raise DvmError(
            sentence(f"Agent sandbox of {name}: {report.summary()}"),
            f"Do not run an agent in {name} until this is fixed. `dvm log {tools.job_id[:8]}` lists all findings; "
            f"`dvm sync {name} --fresh` installs dvm's launcher again.",
        )
    return Outcome(plan_input, report.summary(), report.lines()[1:], is_blind=report.result == sandbox_report.UNKNOWN)


def changes(tools: Tools, plan_input: PlanInput) -> None:
    """Forget a test once a recipe of an agent will run again, for it was about another sandbox; but no hole in it.

    That recipe may fail before it has changed anything.
    """
    if all(
        guest_steps.recipe(plan_input, desired, tools.options).skip_reason
        for desired in guest_steps.agent_recipes(plan_input)
    ):
        return
    name, known = plan_input.config.name, read(tools.paths, plan_input.config.name, plan_input.latest)
    if known is not None and (holes := sandbox_report.holes(known)):
        _write(tools.paths, name, plan_input.latest, replace(known, tested=holes))
    else:
        forget(tools.paths, name)


def forget(paths: Paths, vm: str) -> None:
    """Nothing is known of the sandbox any more."""
    (paths.vm_state(vm) / FILE).unlink(missing_ok=True)


def _write(paths: Paths, vm: str, instance: Instance | None, report: sandbox_report.SandboxReport) -> None:
    facts = {"mark": birth_mark(instance) if instance else "", "report": report.to_json()}
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(facts).encode("ascii"))


def read(paths: Paths, vm: str, instance: Instance | None) -> sandbox_report.SandboxReport | None:
    """The last test of this very instance; None where there was none, or where it cannot be read."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST))
        report = sandbox_report.from_json(str(facts["report"]))
        is_its = instance is not None and facts["mark"] == birth_mark(instance)
    except (FileNotFoundError, DvmError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return report if is_its else None
