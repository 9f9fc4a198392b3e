"""Protects a VM from its deletion, and removes the protection."""

from __future__ import annotations

from flask import Blueprint, Response, request

from dvmweb.verbs import protection
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked
from dvmweb.web.ui.redirects import see_other

blueprint = Blueprint("deletion_protection_pages", __name__)


@blueprint.post("/vms/<name>/protect")
def protect(name: str) -> Response:
    """Protect the VM; with `off` in the form, remove the protection."""
    protection.protect(context.vms(), checked(name), on="off" not in request.form)
    return see_other(f"/vms/{name}")
