"""The checks of bases: of one that is built, and of one that is copied to a new VM."""

from __future__ import annotations

import time
from dataclasses import replace

from dvmweb import __version__
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.jobs.bases import copying, matching
from dvmweb.jobs.checks.isolation import check_effective, write_lima_yaml
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.inputs import write_note
from dvmweb.lima.disk_use import disk_used, in_words
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.process import Finished
from dvmweb.names import base_instance
from dvmweb.plans import PlanInput
from dvmweb.recipes.bases import Base, BaseRecipe
from dvmweb.records import bases as records
from dvmweb.records.kept_records import COPY_OF


def check_base(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that no instance has the name of the base, and write its lima.yaml. Raises DvmError.

    What its image file is now is noted before Lima reads it.
    """
    listing, base = parse_list(finished.stdout, finished.stderr), _base(plan_input)
    plan_input = replace(plan_input, base=replace(base, mark=matching.image_mark(base.image)))
    for name in (plan_input.desired.instance, base_instance(base.name)):
        if listing.find(name) is not None:
            raise DvmError(f"{name} already exists.", "Try again; nothing was changed.")
    write_lima_yaml(plan_input)
    return Outcome(replace(plan_input, is_listed=True), "not created")


def is_base(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that the base is stopped and protected, then record that it is complete. Raises DvmError."""
    base, listing = _base(plan_input), parse_list(finished.stdout, finished.stderr)
    found = listing.find(base_instance(base.name))
    if found is None or found.status != "Stopped" or not found.protected or found.config is None:
        status = "not listed" if found is None else visible(found.status or "not readable", 40)
        raise DvmError(f"{base_instance(base.name)} is {status} after it was built.", "Build it again.")
    if matching.image_mark(base.image) != base.mark:
        raise DvmError(f"{visible(base.image, 200)} has changed while the base was built from it.", "Build it again.")
    made = _recorded(base, plan_input, found)
    records.write(tools.paths, made)
    used = in_words(disk_used(tools.paths.lima_home / found.name))
    words = ", ".join(one.name for one in made.recipes)
    notice = f"Base {base.name} is ready, with {words}. It uses {used} of disk. New VMs that begin with it are copies."
    return Outcome(replace(plan_input, base=made), used, (notice,))


def _recorded(base: Base, plan_input: PlanInput, found: Instance) -> Base:
    images = (found.config or {}).get("images")
    sources = tuple(
        visible(f"{one.get('location')} {one.get('digest', '')}".strip(), 300)
        for one in (images if isinstance(images, list) else [])
        if isinstance(one, dict)
    )
    params = {one.name: one.params for one in base.recipes}
    return replace(
        base,
        recipes=tuple(
            BaseRecipe(one.recipe.name, one.digest, params.get(one.recipe.name, {})) for one in plan_input.recipes
        ),
        disk=found.disk,
        overlay=matching.overlay_digest(plan_input.overlay),
        sources=sources,
        version=__version__,
        made=time.time(),
    )


def old_gone(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Remove the record of the base that was replaced."""
    records.forget(tools.paths, tools.options.replaces)
    return Outcome(plan_input, tools.options.replaces, (f"The old base {tools.options.replaces} was deleted.",))


def copied(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Name the recipes that the copy brings."""
    return Outcome(plan_input, ", ".join(one.name for one in _base(plan_input).recipes))


def effective_copy(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check the config of the copy as that of a new instance; from then on it is a VM. Raises DvmError."""
    instance = parse_list(finished.stdout, finished.stderr).find(plan_input.desired.instance)
    if instance is None:
        raise DvmError(f"{plan_input.desired.instance} was copied, but `limactl list` does not show it.", "Sync again.")
    check_effective(plan_input, instance)
    write_lima_yaml(plan_input)
    # Until the VM has made a key of its own, no key in it is accepted.
    write_note(tools.paths, plan_input.config.name, COPY_OF, base_instance(_base(plan_input).name))
    copying.is_complete(tools.paths, plan_input.config.name)
    return Outcome(replace(plan_input, is_base_copy=True), "isolation verified")


def half_gone(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Note that the half copy was deleted."""
    copying.is_complete(tools.paths, plan_input.config.name)
    return Outcome(plan_input)


def _base(plan_input: PlanInput) -> Base:
    assert plan_input.base is not None  # noqa: S101
    return plan_input.base
