"""Starts the test of a recipe in a throwaway VM, as `dvm recipe test` does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response, request

from dvmweb import recipes
from dvmweb.errors import DvmError, NotFound
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name
from dvmweb.verbs.recipes.requirements import Secret
from dvmweb.verbs.recipes.trial import start_test
from dvmweb.web.jobs import secret_fields
from dvmweb.web.jobs.secret_fields import SecretField
from dvmweb.web.ui import context
from dvmweb.web.ui.redirects import to_job

blueprint = Blueprint("recipes_trial_pages", __name__)


@dataclass(frozen=True)
class Trial:
    """What a test would run, and what has to be entered for it."""

    runs: tuple[str, ...]  # the recipes that it needs, in their order
    secrets: tuple[SecretField, ...]
    origins: tuple[str, ...]  # stopped VMs, which can be copied


def trial_of(name: str) -> Trial | None:
    """The test of a recipe; None for one that cannot be used."""
    try:
        ordered = recipes.order([name], recipes.RecipeCatalog(context.vms().paths), has_baseline=True)
    except DvmError:
        return None
    stopped = (vm.name for vm in context.watch().snapshot().vms if vm.kind == "managed" and vm.status == "Stopped")
    return Trial(
        tuple(one.name for one in ordered if one.name != name),
        secret_fields.fields(_secrets(ordered)),
        tuple(stopped),
    )


def _secrets(ordered: tuple[recipes.Recipe, ...]) -> Iterator[Secret]:
    """Each of them once; a new VM has none of them."""
    found = {param.name: (param, one.name) for one in ordered for param in recipes.secret_params(one)}
    for param, recipe in found.values():
        yield Secret(param.name, param.label, param.help, (recipe,), is_needed=True)


@blueprint.post("/recipes/<recipe>/test")
def test(recipe: str) -> Response:
    """Start the job. Nothing is left of its VM afterwards."""
    if not is_recipe_name(recipe):
        raise NotFound(f"There is no recipe {visible(recipe, 60)}.", "See the list of recipes.")
    origin = request.form.get("origin", "")
    if origin and not context.vms().has_config(origin):
        raise NotFound(f"There is no VM {visible(origin, 60)}.", "Choose a VM from the list, or a new one.")
    return to_job(start_test(context.vms(), recipe, origin=origin, secrets=secret_fields.given(request.form)))
