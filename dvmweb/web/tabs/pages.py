"""The page of one VM: which tab is shown, and what each is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.tabs import command_pages, key_pages, log_pages, port_pages
from dvmweb.web.tabs.frame import vm_page
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import find_vm
from dvmweb.web.vms.pages import MODELS

blueprint = Blueprint("tabs_pages", __name__)


@blueprint.get("/vms/<name>")
def show(name: str) -> Response:
    """One tab of a VM; the overview for a tab that does not exist."""
    vm, now = find_vm(name), time.time()
    tab = request.args.get("tab", "")
    tab = tab if tab in _TABS else "overview"
    return vm_page(vm, tab, _TABS[tab](context.vms(), vm, now))


_TABS: Mapping[str, Callable[[Vms, Vm, float], dict[str, Any]]] = {
    **MODELS,
    "ports": port_pages.tab,
    "logs": log_pages.tab,
    "commands": command_pages.tab,
    "key": key_pages.tab,
}
