"""Stops a VM; asks first if that ends programs in its terminals."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb.errors import CheckFailed
from dvmweb.verbs import processes_in_use
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked
from dvmweb.web.ui.formatting import count
from dvmweb.web.vms.pages import start_job

blueprint = Blueprint("vms_stop_pages", __name__)


@blueprint.post("/vms/<name>/stop")
def stop(name: str) -> Response:
    """Check for unsaved work, then stop the VM; a force stop does not check.

    Asks first if a program runs in one of its terminals, or if that is not known; `sure` confirms.
    """
    if not request.form.get("sure"):
        try:
            endings = processes_in_use.what_a_stop_ends(context.vms(), checked(name))
        except CheckFailed as error:
            return _ask(name, f"Stop {name}? What runs in its terminals is not known.", (error.what,))
        if endings:
            number = count(len(endings), "terminal is", "terminals are")
            return _ask(name, f"Stop {name}? {number} in use and will end.", tuple(str(one) for one in endings))
    return start_job(name, "stop")


def _ask(name: str, title: str, lines: tuple[str, ...]) -> Response:
    fields = {"sure": "1", **({"force": "1"} if request.form.get("force") else {})}
    return context.page("vms/stop.html", 409, name=name, title=title, lines=lines, fields=fields)
