"""The test of the agent sandbox: its result is stored with its time, and a failed test fails the job."""

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
    """Store the result of the test. Raises DvmError if it failed; if it could not run, the job continues.

    The failure of an agent stays stored until a later test of the same agent passes.
    """
    name, agents = plan_input.config.name, guest_steps.agents(plan_input)
    try:
        if finished.code != 0:
            raise CheckFailed(why_no_answer(finished))
        report = sandbox_report.parse_report(finished.stdout, plan_input.nonce, agents)
    except CheckFailed as error:
        report = sandbox_report.failed_report(error.what.rstrip("."))
    report = sandbox_report.with_failures(report, read(tools.paths, name, plan_input.latest), agents)
    _write(tools.paths, name, plan_input.latest, report)
    if report.result == sandbox_report.FAILED:
        raise DvmError(
            sentence(f"Agent sandbox of {name}: {report.summary()}"),
            f"Do not run an agent in {name} until this is fixed. `dvm log {tools.job_id[:8]}` lists all findings; "
            f"`dvm sync {name} --fresh` installs dvm's launcher again.",
        )
    return Outcome(plan_input, report.summary(), report.lines()[1:], has_failed=report.result == sandbox_report.UNKNOWN)


def changes(tools: Tools, plan_input: PlanInput) -> None:
    """Discard the stored result if a recipe of an agent will run again, because it can change the sandbox.

    Failures are kept, because that recipe can fail before it has changed anything.
    """
    if all(
        guest_steps.recipe(plan_input, desired, tools.options).skip_reason
        for desired in guest_steps.agent_recipes(plan_input)
    ):
        return
    name, known = plan_input.config.name, read(tools.paths, plan_input.config.name, plan_input.latest)
    if known is not None and (failures := sandbox_report.failures(known)):
        _write(tools.paths, name, plan_input.latest, replace(known, tested=failures))
    else:
        forget(tools.paths, name)


def forget(paths: Paths, vm: str) -> None:
    """Remove the stored result."""
    (paths.vm_state(vm) / FILE).unlink(missing_ok=True)


def _write(paths: Paths, vm: str, instance: Instance | None, report: sandbox_report.SandboxReport) -> None:
    facts = {"mark": birth_mark(instance) if instance else "", "report": report.to_json()}
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(facts).encode("ascii"))


def read(paths: Paths, vm: str, instance: Instance | None) -> sandbox_report.SandboxReport | None:
    """The last test of this instance; None if there was none or it cannot be read."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST))
        report = sandbox_report.from_json(str(facts["report"]))
        is_its = instance is not None and facts["mark"] == birth_mark(instance)
    except (FileNotFoundError, DvmError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return report if is_its else None
