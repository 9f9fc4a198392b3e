"""Finds the base for a new VM, from the records and from what the engine lists."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dvmweb import files
from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError
from dvmweb.guest import bundled
from dvmweb.jobs.bases.copying import was_started
from dvmweb.lima.disk_use import must_fit
from dvmweb.lima.instances import Instance, Listing
from dvmweb.lima.lima_yaml.rendering import PLAIN_IMAGES
from dvmweb.names import base_instance
from dvmweb.paths import Paths
from dvmweb.plans import DesiredRecipe, Options, PlanInput
from dvmweb.recipes import RecipeCatalog, param_values, recipe_hash, validate_params
from dvmweb.recipes.bases import Base, Wanted, base_for, old_base_for, why_stale
from dvmweb.records import bases as records


def wanted(config: VmConfig, overlay: Mapping[str, Any], recipes: tuple[DesiredRecipe, ...]) -> Wanted:
    """What a base must have for a VM of this config."""
    return Wanted(
        image=plain_image(config.image),
        arch=config.arch,
        user=config.user,
        disk=config.disk,
        overlay=overlay_digest(overlay),
        mark=image_mark(config.image),
        recipes=tuple((desired.recipe.name, desired.digest) for desired in recipes),
    )


def plain_image(image: str) -> str:
    """An image by the name that Lima has for it."""
    return PLAIN_IMAGES.get(image, image)


def overlay_digest(overlay: Mapping[str, Any]) -> str:
    """The digest of the user's own lima.yaml, "" for none."""
    return files.digest(json.dumps(overlay, sort_keys=True).encode()) if overlay else ""


def image_mark(image: str) -> str:
    """Size and time of an image file, "" for the name of an image."""
    if not image.startswith("/"):
        return ""
    with suppress(OSError):
        found = Path(image).stat()
        return f"{found.st_size} {found.st_mtime_ns}"
    return "missing"


def with_base(
    paths: Paths, plan_input: PlanInput, listing: Listing, options: Options
) -> tuple[PlanInput, tuple[str, ...]]:
    """The plan input of a VM that is not created yet, with the base to copy; and notices about one that is too old.

    Raises NotNow if the copy can need more disk than is free.
    """
    if options.no_base or options.fresh:
        return plan_input, ()
    listed = ((base, listing.find(base_instance(base.name))) for base in records.read_all(paths))
    ready = {base.name: (base, one) for base, one in listed if one is not None and _is_ready(paths, one)}
    if not ready:
        return plan_input, ()
    found = [base for base, _ in ready.values()]
    goal, now = wanted(plan_input.config, plan_input.overlay, plan_input.recipes), time.time()
    base, old = base_for(goal, found, now), old_base_for(goal, found, now)
    notices = () if base is not None or old is None else (_too_old(old, now),)
    if base is None:
        return plan_input, notices
    must_fit("The copy of the base", plan_input.lima_home / base_instance(base.name))
    return replace(plan_input, base=base, base_instance=ready[base.name][1]), ()


def _is_ready(paths: Paths, instance: Instance) -> bool:
    is_whole = instance.status == "Stopped" and instance.config is not None and not instance.errors
    return is_whole and not was_started(paths, instance.name)


def _too_old(base: Base, now: float) -> str:
    days = int((now - base.made) / 86_400)
    return f"Base {base.name} was not used, because it is {days} days old. To build it anew: `dvm base refresh`"


def stale_reasons(paths: Paths, base: Base, overlay: Mapping[str, Any]) -> tuple[str, ...]:
    """Why a base is not used any more; () if it is."""
    reasons = why_stale(base, digests(paths, base), overlay_digest(overlay), image_mark(base.image), time.time())
    # What was put in it then, such as a token, would be in every copy.
    return ("it was started since it was built", *reasons) if was_started(paths, base_instance(base.name)) else reasons


def digests(paths: Paths, base: Base) -> dict[str, str]:
    """The digests of the recipes of a base as they are now, with its params."""
    catalog = RecipeCatalog(paths)
    library, found = "".join(catalog.library().values()), {}
    for one in base.recipes:
        with suppress(DvmError):
            recipe = catalog.load(one.name)
            if not validate_params(recipe, one.params):
                values, beside = param_values(recipe, one.params), bundled.recipe_files(recipe.files)
                found[one.name] = recipe_hash(recipe, library, values, catalog.releases(one.name), beside)
    return found
