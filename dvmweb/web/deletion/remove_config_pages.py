"""Removes the config of a VM that is not created, after showing it; a copy is kept."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb import files
from dvmweb.config.store import ConfigStore
from dvmweb.errors import UsageError
from dvmweb.guest_text import visible
from dvmweb.verbs import deletion_preview
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked

blueprint = Blueprint("deletion_remove_config_pages", __name__)


@blueprint.get("/vms/<name>/remove")
def ask(name: str) -> Response:
    """Show the config before it is removed. Changes nothing."""
    return _page(checked(name))


@blueprint.post("/vms/<name>/remove")
def remove(name: str) -> Response:
    """Remove the config if it is the one that was shown."""
    name, digest = checked(name), request.form.get("config", "")
    try:
        kept = deletion_preview.remove_config(context.vms(), name, digest or "none was seen")
    except files.ChangedOnDisk:
        return _page(name, has_changed=True)
    return context.page("deletion/removed.html", name=name, kept=str(kept))


def _page(name: str, *, has_changed: bool = False) -> Response:
    vms = context.vms()
    if deletion_preview.is_created(vms, name):
        what = f"{name} is created, so its config cannot be removed separately."
        raise UsageError(what, "Delete the VM; its config can be removed with it.")
    data, digest = ConfigStore(vms.paths).source(name)
    lines = [visible(line, 400) for line in data.decode("utf-8", "replace").splitlines()]
    return context.page(
        "deletion/remove.html",
        409 if has_changed else 200,
        name=name,
        path=str(vms.paths.vm_config(name)),
        lines=lines,
        digest=digest,
        has_changed=has_changed,
    )
