"""The buttons in the head of a VM's page: one primary, the common verbs, and a menu with the rest. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.verbs.vm import Vm
from dvmweb.web.ui.values import Action
from dvmweb.web.vms.actions import actions_of, agents_of

KEYS = {"terminal": "t", "start": "s", "sync": "s", "edit": "e"}  # verb -> its key; static/js/tabs/verb-keys.js


@dataclass(frozen=True)
class HeadButton:
    """A button with its key, "" for none."""

    action: Action
    key: str = ""


@dataclass(frozen=True)
class Head:
    """What can be done with a VM, by how often it is needed."""

    buttons: tuple[HeadButton, ...]  # the first one is the primary
    menu: tuple[Action, ...]


def head_of(vm: Vm, *, is_protected: bool, checkpoints: int) -> Head:
    """Return the buttons for the state of a VM; an act that cannot be undone asks on its own page."""
    every = [*actions_of(vm)]
    if _can_restart(vm):
        restart = Action(f"{vm.name}-restart", "Restart", "sync", f"/vms/{vm.name}/restart")
        every.insert(max(0, len(every) - 1), restart)  # before Stop
    return Head(_with_keys(vm, every), (*agents_of(vm), *_menu(vm, is_protected=is_protected, checkpoints=checkpoints)))


def _can_restart(vm: Vm) -> bool:
    return vm.kind == "managed" and vm.status == "Running" and vm.job is None and not vm.problem


def _with_keys(vm: Vm, every: list[Action]) -> tuple[HeadButton, ...]:
    found, free = [], set(KEYS.values())
    for action in every:
        key = KEYS.get(action.id.removeprefix(f"{vm.name}-"), "")
        found.append(HeadButton(action, key if key in free else ""))
        free.discard(key)
    return tuple(found)


def _menu(vm: Vm, *, is_protected: bool, checkpoints: int) -> tuple[Action, ...]:
    page, name = f"/vms/{vm.name}", vm.name
    lines = [_link("edit", "Edit config", "edit", f"{page}/edit")]
    if vm.status == "Running":
        lines.append(_link("force-stop", "Force stop", "stop", f"{page}/force-stop"))
        lines.append(_link("exposure", "What can be reached", "eye", f"{page}/exposure"))
    if vm.instance is not None:
        lines.append(_link("clone", "Clone", "copy", f"{page}/clone"))
    lines.append(_link("rename", "Rename", "edit", f"{page}/rename"))
    if vm.instance is None:
        return (*lines, _link("remove", "Remove config", "trash", f"{page}/remove"))
    if vm.status in ("Running", "Stopped") and not vm.problem:
        lines.append(_link("checkpoint", "Checkpoint", "copy", f"{page}/checkpoint"))
    if checkpoints:
        lines.append(_link("rewind", "Rewind", "back", "/checkpoints"))
    text, fields = ("Remove protection", {"off": "1"}) if is_protected else ("Protect", {})
    lines.append(Action("menu-protect", text, "lock", f"{page}/protect", True, "quiet", fields))
    return (
        *lines,
        Action("delete-vm", f"Delete {name}", "trash", f"{page}/delete", False, "danger"),
    )


def _link(word: str, text: str, icon: str, path: str) -> Action:
    return Action(f"menu-{word}", text, icon, path, False, "quiet")
