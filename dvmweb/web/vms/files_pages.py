"""The tab *Files* of a running VM: a folder of the guest, downloads from it; uploads go through a WebSocket."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState

from dvmweb.errors import DvmError, UsageError
from dvmweb.verbs.copies import GuestPath, list_folder
from dvmweb.verbs.uploads import Slots
from dvmweb.verbs.uploads.messages import is_guest_folder
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_vm
from dvmweb.web.vms import download
from dvmweb.web.vms.files_views import folder_view

blueprint = Blueprint("vms_files_pages", __name__)


@blueprint.record_once
def _init_app(state: BlueprintSetupState) -> None:
    state.app.extensions["dvm.downloads"] = Slots("downloads from")


def tab(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    """One folder, by default the code folder; or why it cannot be listed."""
    path = request.args.get("path", "")
    try:
        folder = list_folder(vms, GuestPath(vm.name, _checked(path) if path else ""))
    except DvmError as error:
        return {"folder": None, "folder_problem": error, "is_top": not path}
    return {"folder": folder_view(folder, now), "folder_problem": None, "is_top": not path}


@blueprint.post("/vms/<name>/files/download")
def send(name: str) -> Response:
    """A file as it is, or a folder as a tar archive: `file` or `folder` is its path."""
    vm, is_folder = find_vm(name), "folder" in request.form
    path = _checked(request.form.get("folder" if is_folder else "file", ""))
    slots = cast(Slots, current_app.extensions["dvm.downloads"])
    return download.response(context.vms(), GuestPath(vm.name, path), slots, is_folder=is_folder)


def _checked(path: str) -> str:
    if not is_guest_folder(path):
        raise UsageError("This is not an absolute path in a VM.", "Use the links of the page.")
    return path
