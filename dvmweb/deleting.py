"""What a delete of a VM would run, as its page shows it before it is decided; runs nothing."""

from __future__ import annotations

from dataclasses import replace

from dvmweb import plans
from dvmweb.jobs.worlds import load_world
from dvmweb.plans import Step
from dvmweb.vms import Vm, Vms


def steps_of_delete(vms: Vms, vm: Vm, *, force: bool, expected: str) -> tuple[Step, ...]:
    """The steps of the delete job from the last list on, those that run a command.

    Raises ConfigError and NoEngine, as the job itself would.
    """
    world = replace(load_world(vms.paths, vms.environ, vm.name, "delete"), instance=vm.instance, has_looked=True)
    options = plans.Options(force=force, expected=expected)
    return tuple(step for step in plans.plan("delete", world, options) if step.argv)
