"""The buttons for the state of a VM: one primary, then the others. Pure."""

from __future__ import annotations

from dvmweb.states import State
from dvmweb.verbs.vm import facts_of_listing
from dvmweb.verbs.vms import Vm
from dvmweb.web.terminals import views as terminal_views
from dvmweb.web.ui.values import Action


def actions_of(vm: Vm) -> tuple[Action, ...]:
    """Return the buttons of a VM's card and page; none for an unmanaged instance."""
    if vm.kind == "unmanaged":
        return ()
    if vm.problem:
        return (_link(vm, "edit", "Fix config", "edit", f"/vms/{vm.name}/edit", "primary"),)
    if vm.job is not None:
        job = _link(vm, "job", "Job", "clock", f"/jobs/{vm.job.id}", "primary")
        return (job, _terminal(vm, "")) if vm.status == "Running" and vm.job.verb in ("sync", "work") else (job,)
    if vm.kind == "not created":
        return (
            _post(vm, "sync", "Create and sync", "sync", "primary"),
            _link(vm, "edit", "Edit", "edit", f"/vms/{vm.name}/edit", ""),
        )
    return _by_status(vm)


def _by_status(vm: Vm) -> tuple[Action, ...]:
    sync, stop = _post(vm, "sync", "Sync", "sync", ""), _post(vm, "stop", "Stop", "stop", "")
    if vm.status == "Stopped":
        return (_post(vm, "start", "Start", "play", "primary"), sync)
    if vm.status == "Running" and vm.reach is not None and not vm.reach.answered:
        return (_post(vm, "start", "Wait for the guest", "sync", "primary"), stop)
    if vm.status == "Running":
        return (_terminal(vm, "primary"), sync, stop)
    force = Action(f"{vm.name}-force", "Force stop", "stop", f"/vms/{vm.name}/stop", True, "danger", {"force": "1"})
    state = facts_of_listing(vm).state
    if state is State.BAD_FILE:  # the only thing Lima can still do is delete it
        return (_link(vm, "delete", f"Delete {vm.name}", "trash", f"/vms/{vm.name}/delete", "danger"),)
    return (force,) if state in (State.DIED, State.ODD) else ()


def more_of(vm: Vm) -> tuple[Action, ...]:
    """Return the links of the menu: the pages of a VM that no button opens."""
    if vm.kind == "unmanaged":
        return ()
    page = f"/vms/{vm.name}"
    links = [
        *agents_of(vm),
        _link(vm, "more-edit", "Edit config", "edit", f"{page}/edit", "quiet"),
        _link(vm, "more-jobs", "Jobs", "clock", f"{page}?tab=jobs", "quiet"),
        _link(vm, "more-commands", "Commands", "file", f"{page}?tab=commands", "quiet"),
    ]
    if vm.instance is None:
        links.append(_link(vm, "more-remove", "Remove config", "trash", f"{page}/remove", "quiet"))
    else:
        links.append(_link(vm, "more-key", "Key", "key", f"{page}?tab=key", "quiet"))
        links.append(_link(vm, "more-delete", f"Delete {vm.name}", "trash", f"{page}/delete", "quiet"))
    return tuple(links)


def agents_of(vm: Vm) -> tuple[Action, ...]:
    """Return the buttons that open an agent, for agents whose recipe the guest reported as applied."""
    if vm.status != "Running":
        return ()
    path = f"/vms/{vm.name}/terminals"
    return tuple(
        Action(f"{vm.name}-open-{one.command}", one.text, "play", path, True, "quiet", {"command": one.command})
        for one in terminal_views.openers(vm)
    )


def _terminal(vm: Vm, tone: str) -> Action:
    return _link(vm, "terminal", "Terminal", "term", f"/vms/{vm.name}/terminal", tone)


def _link(vm: Vm, word: str, text: str, icon: str, path: str, tone: str) -> Action:
    return Action(f"{vm.name}-{word}", text, icon, path, False, tone)


def _post(vm: Vm, verb: str, text: str, icon: str, tone: str) -> Action:
    return Action(f"{vm.name}-{verb}", text, icon, f"/vms/{vm.name}/{verb}", True, tone)
