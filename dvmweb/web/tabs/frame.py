"""The frame of a VM's page: its head, what needs attention, and the row of tabs around the content of one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import Response

from dvmweb.errors import CheckFailed
from dvmweb.guest_text import visible
from dvmweb.records import checkpoint_records
from dvmweb.terminals import client
from dvmweb.verbs import protection
from dvmweb.verbs.vms import Vm
from dvmweb.web.tabs.head import head_of
from dvmweb.web.terminals import views as terminal_views
from dvmweb.web.ui import context
from dvmweb.web.ui.formatting import size
from dvmweb.web.ui.values import Mark
from dvmweb.web.vms.status import badge, failed_line, idle_lines, job_line, trouble

TABS = {
    "overview": "Overview",
    "load": "Load",
    "files": "Files",
    "ports": "Ports",
    "logs": "Logs",
    "recipes": "Recipes",
    "config": "Config",
    "jobs": "Jobs",
    "commands": "Commands",
    "key": "Key",
}
TEMPLATES = {
    **{name: f"vms/_vm_{name}.html" for name in ("overview", "load", "files", "recipes", "config", "jobs")},
    **{name: f"tabs/_{name}.html" for name in ("ports", "logs", "commands", "key")},
}


@dataclass(frozen=True)
class Tab:
    """One tab of the page."""

    name: str
    text: str
    is_current: bool


def tabs(current: str, *, has_key: bool = True) -> tuple[Tab, ...]:
    """Return the tabs with the current one marked; a service VM has no SSH key."""
    shown = (name for name in TABS if has_key or name != "key" or name == current)
    return tuple(Tab(name, TABS[name], name == current) for name in shown)


def vm_page(vm: Vm, tab: str, model: dict[str, Any], status: int = 200) -> Response:
    """Render the page of a VM with the content of one tab."""
    vms, now = context.vms(), time.time()
    checkpoints = len(checkpoint_records.of_vm(vms.paths, vm.name))
    head = head_of(vm, is_protected=protection.is_marked(vms.paths, vm.name), checkpoints=checkpoints)
    return context.page(
        "tabs/vm.html",
        status,
        vm=vm,
        badge=badge(vm, now),
        about=about(vm),
        job=job_line(vm.job, now),
        failed=failed_line(vm),
        trouble=trouble(vm),
        idle=idle_lines(vm, now),
        head=head,
        marks=_marks(vm),
        is_offered=any("-open-" in action.id for action in head.menu) and not checkpoints,
        checkpoint_count=checkpoints,
        tabs=tabs(tab, has_key=vm.config is None or not vm.config.is_service),
        tab=tab,
        tab_template=TEMPLATES[tab],
        problems=tuple(vm.problem.splitlines()),
        **model,
    )


def about(vm: Vm) -> str:
    """Return what the VM is, in one line: its image, its size and its main user."""
    config = vm.config
    if config is None:
        return ""
    cpus = vm.instance.cpus if vm.instance else config.cpus
    memory = vm.instance.memory if vm.instance else config.memory
    parts = [f"{config.kind} service"] if config.is_service else []
    image = visible(config.image, 60).rpartition("/")[2]
    parts += [image, f"{cpus or '?'} CPU{'' if cpus == 1 else 's'}", f"{size(memory)} memory"]
    return " · ".join([*parts, f"user {visible(config.user, 40)}"])


def _marks(vm: Vm) -> tuple[Mark, ...]:
    try:
        return terminal_views.marks(client.list_terminals(context.vms())).get(vm.name, ())
    except CheckFailed as error:
        return (Mark("needs-unknown", "/terminals", error.what, ""),)
