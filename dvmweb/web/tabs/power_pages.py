"""Stops, force-stops and restarts a VM, after a question if that ends programs, and keeps an idle one running."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb.errors import CheckFailed
from dvmweb.verbs import idle, processes_in_use
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.formatting import capital, count
from dvmweb.web.ui.redirects import see_other
from dvmweb.web.vms.pages import start_job

blueprint = Blueprint("tabs_power_pages", __name__)


@blueprint.post("/vms/<name>/stop")
def stop(name: str) -> Response:
    """Check for unsaved work, then stop the VM; a force stop does not check.

    Asks first if a program runs in one of its terminals, or if that is not known; `sure` confirms.
    """
    return _sure(name, "stop") or start_job(name, "stop")


@blueprint.post("/vms/<name>/restart")
def restart(name: str) -> Response:
    """Check for unsaved work, stop the VM, and start it with its config as it is now. Asks first as a stop does."""
    return _sure(name, "restart") or start_job(name, "restart")


@blueprint.post("/vms/<name>/keep-running")
def keep(name: str) -> Response:
    """Begin to count anew for how long the VM is not used."""
    idle.keep_running(context.vms(), find_vm(checked(name)).name)
    return see_other("/attention" if request.form.get("from") == "attention" else f"/vms/{name}")


@blueprint.get("/vms/<name>/force-stop")
def ask_force(name: str) -> Response:
    """Ask before a force stop, whatever runs in the VM. Changes nothing."""
    vm = find_vm(name)
    title = f"Force stop {vm.name}?"
    try:
        lines = tuple(str(one) for one in processes_in_use.what_a_stop_ends(context.vms(), vm.name))
    except CheckFailed as error:
        lines = (error.what,)
    return _page(name, "stop", title, lines, 200, is_forced=True)


def _sure(name: str, verb: str) -> Response | None:
    """The question, if there is one to ask."""
    if request.form.get("sure"):
        return None
    is_forced = bool(request.form.get("force"))
    try:
        endings = processes_in_use.what_a_stop_ends(context.vms(), checked(name))
    except CheckFailed as error:
        title = f"{capital(verb)} {name}? What runs in its terminals is not known."
        return _page(name, verb, title, (error.what,), 409, is_forced=is_forced)
    if not endings:
        return None
    number = count(len(endings), "terminal is", "terminals are")
    title = f"{capital(verb)} {name}? {number} in use and will end."
    return _page(name, verb, title, tuple(str(one) for one in endings), 409, is_forced=is_forced)


def _page(name: str, verb: str, title: str, lines: tuple[str, ...], status: int, *, is_forced: bool) -> Response:
    fields = {"sure": "1", **({"force": "1"} if is_forced else {})}
    command = f"dvm {verb} {name}{' --force' if is_forced else ''} --yes"
    return context.page(
        "tabs/stop.html", status, name=name, verb=verb, title=title, lines=lines, fields=fields, command=command
    )
