"""The test of the wall around a VM's agents: kept with its time, and a hole ends the job."""

from __future__ import annotations

import json

from dvmweb import files, wall
from dvmweb.errors import CouldNotLook, DvmError
from dvmweb.jobs.outcome import Outcome, Tools
from dvmweb.jobs.work_checks import why_no_answer
from dvmweb.lima.instances import Instance, birth_mark
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths
from dvmweb.plans import World, guest_steps

FILE = "wall.json"
MOST = 400_000  # bytes


def tested(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Keep what the test said. Raises DvmError for a hole; "could not look" is kept and the job goes on."""
    name, agents = world.config.name, guest_steps.agents(world)
    try:
        if finished.code != 0:
            raise CouldNotLook(why_no_answer(finished))
        report = wall.parse_report(finished.stdout, world.nonce, agents)
    except CouldNotLook as error:
        report = wall.could_not_look(error.what.rstrip("."))
    _write(tools.paths, name, world.latest, report)
    if report.result == wall.HOLE:
        raise DvmError(
            f"The wall around the agents of {name} has {report.summary()}.",
            f"Run no agent there before it is mended. `dvm log {tools.job_id[:8]}` shows all that was found; "
            f"`dvm sync {name} --fresh` puts dvm's own launcher in place again.",
        )
    return Outcome(world, report.summary(), report.lines()[1:])


def changes(tools: Tools, world: World) -> None:
    """Forget a test once a recipe of an agent will run again: what it said was about another wall."""
    if any(not guest_steps.recipe(world, wish, tools.options).skip_reason for wish in guest_steps.agent_wishes(world)):
        forget(tools.paths, world.config.name)


def forget(paths: Paths, vm: str) -> None:
    """Nothing is known of the wall any more."""
    (paths.vm_state(vm) / FILE).unlink(missing_ok=True)


def _write(paths: Paths, vm: str, instance: Instance | None, report: wall.WallReport) -> None:
    facts = {"mark": birth_mark(instance) if instance else "", "report": report.to_json()}
    files.write_whole(files.private_folder(paths.vm_state(vm)) / FILE, json.dumps(facts).encode("ascii"))


def read(paths: Paths, vm: str, instance: Instance | None) -> wall.WallReport | None:
    """The last test of this very instance; None where there was none, or where it cannot be read."""
    try:
        facts = json.loads(files.read_bounded(paths.vm_state(vm) / FILE, MOST))
        report = wall.from_json(str(facts["report"]))
        is_its = instance is not None and facts["mark"] == birth_mark(instance)
    except (FileNotFoundError, DvmError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return report if is_its else None
