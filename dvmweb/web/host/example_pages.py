"""The example project: what it does, before it does it, and the button that starts it."""

from __future__ import annotations

from flask import Blueprint, Response

from dvmweb.verbs import example
from dvmweb.web.ui import context
from dvmweb.web.ui.redirects import see_other, to_job

blueprint = Blueprint("host_example_pages", __name__)


@blueprint.get("/example")
def ask() -> Response:
    """Say what will happen. Changes nothing."""
    vms = context.vms()
    return context.page("host/example.html", name=example.NAME, is_there=example.has_example(vms))


@blueprint.post("/example")
def start() -> Response:
    """Write the config and start the first sync; one that is there is opened."""
    if example.has_example(context.vms()):
        return see_other(f"/vms/{example.NAME}")
    return to_job(example.start(context.vms()))
