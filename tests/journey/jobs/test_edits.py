"""An edit of the config reaches the VM: a plan names what really changes, and what cannot change is said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journey.driver import User, Vm
from tests.journey.test_ports import free_port

CHANGES = {"cpus": "cpus: 1", "memory": "memory: 3GiB", "disk": "disk: 30GiB", "ports": "ports: [{port}]", "env": ""}


@pytest.fixture
def app(user: User, guests_work: None) -> Vm:
    """A synced VM without the baseline recipe, which the demo cannot run on every machine."""
    user.dvm("init app").succeeds()
    user.vm("app").adds_to_config("baseline: false")
    user.dvm("sync app").succeeds()
    return user.vm("app")


def differences(user: User) -> dict[str, tuple[Any, str]]:
    return {one["name"]: (one["wanted"], one["way"]) for one in user.dvm("diff app --json").succeeds().json}


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_is_planned_alone_and_waits_for_a_restart(user: User, app: Vm, field: str) -> None:
    assert differences(user) == {}
    if field == "env":
        user.paths.overlay_file.write_text("env:\n  COLOUR: green\n")
    else:
        app.adds_to_config(CHANGES[field].format(port=free_port()))
    assert list(differences(user)) == [field]
    assert differences(user)[field][1] == "restart"

    plan = user.dvm("sync app --dry-run").succeeds().out
    others = [line for line in plan.splitlines() if "Change " in line and field not in line]
    assert f"Change {field}" in plan, plan
    assert "needs a restart: `dvm sync app --restart`" in plan
    assert not others
    user.dvm("diff app").succeeds().prints("Waiting for a restart").warns("dvm sync app --restart")
    user.dvm("sync app").succeeds().prints(f"Change {field}", "needs a restart")
    assert list(differences(user)) == [field], "a running VM is not changed unasked"
    user.dvm("sync app --restart").succeeds()
    assert differences(user) == {}
    app.shows(status="Running")
    assert "Change " not in user.dvm("sync app --dry-run").succeeds().out


def test_a_stopped_vm_gets_all_changes_at_its_next_sync(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    app.adds_to_config("cpus: 1\nmemory: 3GiB")
    user.dvm("diff app").succeeds().prints("The next start changes: cpus 2 → 1").warns("To apply it: dvm sync app\n")
    user.dvm("sync app").succeeds().prints("Change cpus, memory")
    app.shows(cpus=1, status="Running")
    assert differences(user) == {}


def test_what_cannot_change_is_said_in_the_plan_and_in_diff(user: User, app: Vm) -> None:
    app.adds_to_config("user: bob\nimage: debian-12")
    assert {name: way for name, (_, way) in differences(user).items()} == {"user": "new VM", "image": "new VM"}
    said = user.dvm("diff app").succeeds().prints("Only in a new VM: user dev → bob, image fedora → debian-12")
    said.warns("dvm rm app, then dvm sync app")
    plan = user.dvm("sync app --dry-run").succeeds()
    plan.prints("Not changed by a sync: user dev → bob, image fedora → debian-12.", "dvm rm app, then dvm sync app")
    assert "Change " not in plan.out
    user.dvm("sync app").succeeds().prints("The user stays dev", "The image stays fedora")

    app.adds_to_config("disk: 10GiB")
    assert differences(user)["disk"] == ("10GiB", "never")
    user.dvm("diff app").succeeds().prints("a disk cannot shrink").warns("Write `disk: 20GiB` or more in its config")
    user.dvm("sync app --dry-run").exits("usage error", "cannot shrink", "or create a new VM")
    user.dvm("sync app").exits("usage error", "cannot shrink")
    app.shows(status="Running")
