"""The ports of a VM: what answers now, and forms to open and close one while the VM runs."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request

from dvmweb.errors import DvmError, UsageError
from dvmweb.verbs import ports as verb
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import status_of
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.redirects import see_other
from dvmweb.web.vms.status import ports

blueprint = Blueprint("vms_port_pages", __name__)
MOST = 20  # characters of a port as it was typed


@blueprint.get("/vms/<name>/ports")
def show(name: str) -> Response:
    """All ports; each that seems open was checked by a connection through it."""
    return _page(name)


@blueprint.post("/vms/<name>/ports/open")
def open_one(name: str) -> Response:
    """Open a port, and add it to the config."""
    typed = request.form.get("port", "").strip()[:MOST]
    try:
        verb.add(context.vms(), checked(name), typed)
    except DvmError as error:
        return _page(name, error, typed)
    return see_other(f"/vms/{name}/ports")


@blueprint.post("/vms/<name>/ports/close")
def close_one(name: str) -> Response:
    """Close a port, and remove it from the config."""
    number = request.form.get("port", "")
    try:
        if not (number.isascii() and number.isdecimal() and len(number) <= 5):
            raise UsageError("That is not a port.", "Use the button beside it.")
        verb.remove(context.vms(), checked(name), int(number))
    except DvmError as error:
        return _page(name, error)
    return see_other(f"/vms/{name}/ports")


def _page(name: str, error: DvmError | None = None, typed: str = "") -> Response:
    vm = find_vm(name)
    states = verb.checked(context.vms(), name) if vm.config is not None else vm.ports
    rows = tuple(zip(ports(replace(vm, ports=states)), states, strict=True))
    return context.page(
        "vms/ports.html",
        200 if error is None else status_of(error),
        name=name,
        rows=rows,
        is_running=vm.status == "Running",
        problem=error,
        typed=typed,
    )
