"""Stops a VM, after a question if that ends programs in its terminals, and keeps an idle one running."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb.errors import CheckFailed
from dvmweb.verbs import idle, processes_in_use
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.formatting import count
from dvmweb.web.ui.redirects import see_other
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


@blueprint.post("/vms/<name>/keep-running")
def keep(name: str) -> Response:
    """Begin to count anew for how long the VM is not used."""
    idle.keep_running(context.vms(), find_vm(checked(name)).name)
    return see_other("/attention" if request.form.get("from") == "attention" else f"/vms/{name}")


def _ask(name: str, title: str, lines: tuple[str, ...]) -> Response:
    fields = {"sure": "1", **({"force": "1"} if request.form.get("force") else {})}
    return context.page("vms/stop.html", 409, name=name, title=title, lines=lines, fields=fields)
