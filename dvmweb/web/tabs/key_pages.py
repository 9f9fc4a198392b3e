"""The tab *Key*: the VM's public SSH key, where to add it, and whether it opens the repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request

from dvmweb.config.git_hosts import KeyPage, key_page, ssh_address
from dvmweb.guest_text import visible
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.vms.pages import stored_key
from dvmweb.web.vms.tab_views import KeyView, key_view

blueprint = Blueprint("tabs_key_pages", __name__)


@dataclass(frozen=True)
class KeyTab:
    """The key and its server."""

    key: KeyView | None
    repo: str  # the address in the config
    address: str  # the one that uses the key, "" for none
    page: KeyPage | None

    @property
    def is_https(self) -> bool:
        """Whether the repository is reached without the key."""
        return self.repo.startswith(("http://", "https://"))


def tab(vms: Vms, vm: Vm, now: float) -> dict[str, Any]:
    """The key as the guest reported it last; with `ask=1` it is asked."""
    line, repo = stored_key(vms, vm.name), vm.config.repo if vm.config else ""
    if not line and request.args.get("ask") == "1":
        line, _ = vms.ssh_key(vm.name)
    key = key_view(line, "") if line else None
    return {"keys": KeyTab(key, visible(repo, 300), visible(ssh_address(repo), 300), key_page(repo) if repo else None)}
