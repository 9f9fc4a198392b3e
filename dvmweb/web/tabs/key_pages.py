"""The tab *Key*: the VM's public SSH key, where to add it, and a test whether it opens the repository."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from dvmweb.ages import age
from dvmweb.config.git_hosts import KeyPage, key_page, ssh_address
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.verbs.keys.key_access import KeyTest, try_key, why_not
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.tabs.frame import vm_page
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import status_of
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.vms.pages import stored_key
from dvmweb.web.vms.tab_views import KeyView, key_view

blueprint = Blueprint("tabs_key_pages", __name__)


@dataclass(frozen=True)
class Result:
    """The result of a test that was made for this page; it is not stored."""

    tone: str
    icon: str
    what: str
    todo: str
    output: str
    age: str  # "" if there was no test


@dataclass(frozen=True)
class KeyTab:
    """The key and its server."""

    key: KeyView | None
    repo: str  # the address in the config
    address: str  # the one that uses the key, "" for none
    page: KeyPage | None
    why_not: str = ""  # why the key cannot be tested now, "" if it can
    test: Result | None = None

    @property
    def is_https(self) -> bool:
        """Whether the repository is reached without the key."""
        return self.repo.startswith(("http://", "https://"))


def tab(vms: Vms, vm: Vm, now: float, test: Result | None = None) -> dict[str, Any]:
    """The key as the guest reported it last; with `ask=1` it is asked."""
    line, repo = stored_key(vms, vm.name), vm.config.repo if vm.config else ""
    if not line and request.args.get("ask") == "1":
        line, _ = vms.ssh_key(vm.name)
    key = key_view(line, "") if line else None
    page, address = key_page(repo) if repo else None, visible(ssh_address(repo), 300)
    return {"keys": KeyTab(key, visible(repo, 300), address, page, _why_not(vm, repo), test)}


def _why_not(vm: Vm, repo: str) -> str:
    if what := why_not(repo)[0]:
        return what
    return "" if vm.status == "Running" else "The VM is not running."


@blueprint.post("/vms/<name>/key/test")
def try_one(name: str) -> Response:
    """Test in the guest whether its key opens the repository, and show the result once."""
    vms, status = context.vms(), 200
    find_vm(checked(name))
    try:
        view = _result(try_key(vms, name), time.time())
    except DvmError as error:
        status = status_of(error)
        view = Result("blind", "eye-off", visible(error.what, 600), visible(error.todo, 600), "", "")
    vm = find_vm(name)
    return vm_page(vm, "key", tab(vms, vm, time.time(), view), status)


def _result(found: KeyTest, now: float) -> Result:
    tone, icon = ("ok", "check") if found.is_accepted else ("bad", "warn") if found.is_known else ("blind", "eye-off")
    output = "" if found.is_accepted else found.output
    return Result(tone, icon, found.what, found.todo, output, age(found.at, now))
