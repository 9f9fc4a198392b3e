"""Stops a VM, and asks before it ends what runs in its terminals."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb import closing
from dvmweb.errors import CouldNotLook
from dvmweb.web import house
from dvmweb.web.finding import checked
from dvmweb.web.vm_pages import start_job
from dvmweb.web.wording import count

blueprint = Blueprint("stop_pages", __name__)


@blueprint.post("/vms/<name>/stop")
def stop(name: str) -> Response:
    """Look at the work at risk, then stop the VM; by force without a look.

    While something runs in a terminal of it, or nobody could look, it asks first: `sure` is the answer.
    """
    if not request.form.get("sure"):
        try:
            endings = closing.what_a_stop_ends(house.vms(), checked(name))
        except CouldNotLook as error:
            return _ask(name, f"Stop {name}? Nobody can say what runs in its terminals.", (error.what,))
        if endings:
            number = count(len(endings), "terminal is", "terminals are")
            return _ask(name, f"Stop {name}? {number} in use and will end.", tuple(str(one) for one in endings))
    return start_job(name, "stop")


def _ask(name: str, title: str, lines: tuple[str, ...]) -> Response:
    fields = {"sure": "1", **({"force": "1"} if request.form.get("force") else {})}
    return house.page("stop.html", 409, name=name, title=title, lines=lines, fields=fields)
