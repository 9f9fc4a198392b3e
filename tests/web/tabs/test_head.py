"""The head of a VM's page: one primary, the verbs for its state, and a menu with the rest."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.jobs.job_record import Job
from dvmweb.lima.instances import Instance
from dvmweb.verbs.vms import Vm
from dvmweb.web.tabs.head import Head, head_of

VM = Vm("app", "managed", "Running", None, Instance("dvm-app", "Running"), "", None, None, None)


def head(vm: Vm, *, is_protected: bool = False, checkpoints: int = 0) -> Head:
    return head_of(vm, is_protected=is_protected, checkpoints=checkpoints)


def buttons(vm: Vm) -> list[tuple[str, str]]:
    return [(one.action.text, one.key) for one in head(vm).buttons]


def menu(vm: Vm, *, is_protected: bool = False, checkpoints: int = 0) -> list[str]:
    return [one.text for one in head(vm, is_protected=is_protected, checkpoints=checkpoints).menu]


def test_a_running_vm_has_one_primary_and_all_verbs() -> None:
    assert buttons(VM) == [("Terminal", "t"), ("Sync", "s"), ("Restart", ""), ("Stop", "")]
    assert [one.action.tone for one in head(VM).buttons].count("primary") == 1
    assert menu(VM, checkpoints=2) == [
        *("Edit config", "Force stop", "What can be reached", "Clone", "Rename", "Checkpoint", "Rewind", "Protect"),
        "Delete app",
    ]
    assert "Remove protection" in menu(VM, is_protected=True)
    force = next(one for one in head(VM).menu if one.text == "Force stop")
    assert (force.path, force.is_post) == ("/vms/app/force-stop", False), "it asks first"


def test_what_cannot_be_done_in_a_state_has_no_button() -> None:
    stopped = replace(VM, status="Stopped", instance=Instance("dvm-app", "Stopped"))
    assert buttons(stopped) == [("Start", "s"), ("Sync", "")], "a key has one button"
    assert "Force stop" not in menu(stopped)
    absent = replace(VM, kind="not created", status="", instance=None)
    assert menu(absent) == ["Edit config", "Rename", "Remove config"]
    busy = replace(VM, job=Job("1" * 32, "app", "sync", state="running"))
    assert "Restart" not in [text for text, _ in buttons(busy)]
    assert "Restart" not in [text for text, _ in buttons(replace(VM, problem="cpus: many"))]
