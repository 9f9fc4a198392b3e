"""Sampling without an open page."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from dvmweb.lima.instances import Instance
from dvmweb.verbs import monitor
from dvmweb.verbs.load.background import BackgroundSampling
from dvmweb.verbs.vms import Vm, Vms


@pytest.fixture
def ten(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> tuple[Vm, ...]:
    """Ten running VMs and a stopped one."""
    vms.init("app")
    config = vms.check_config("app")
    one = Vm("app", "managed", "Running", config, Instance("dvm-app", "Running"), "", None, None, None)
    found = (*(replace(one, name=f"vm-{number}") for number in range(10)), replace(one, name="off", status="Stopped"))
    monkeypatch.setattr(Vms, "list_vms", lambda _self: found)
    host_agent = vms.paths.lima_home / "dvm-app" / "ha.pid"
    host_agent.parent.mkdir(parents=True)
    host_agent.write_text("1\n")
    return found[:10]


def test_each_running_guest_is_asked_and_one_that_hangs_delays_no_other(
    vms: Vms, ten: tuple[Vm, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    goes_on = threading.Event()

    def query(_vms: Vms, vm: Vm, due: str) -> None:
        assert due == monitor.REACH
        asked.append(vm.name)
        assert vm.name != "vm-0" or goes_on.wait(30)

    monkeypatch.setattr(monitor, "query", query)
    sampling = BackgroundSampling(vms, lambda: False)
    hanging, *others = sampling.round()
    for thread in others:
        thread.join(30)
    assert sorted(asked) == [vm.name for vm in ten]
    again = sampling.round()
    for thread in again:
        thread.join(30)
    assert asked.count("vm-0") == 1
    assert asked.count("vm-1") == 2
    goes_on.set()
    hanging.join(30)


def test_while_a_page_is_open_nothing_is_asked_twice(vms: Vms, ten: tuple[Vm, ...]) -> None:
    assert BackgroundSampling(vms, lambda: True).round() == ()


def test_without_a_running_vm_nothing_is_listed(vms: Vms, monkeypatch: pytest.MonkeyPatch) -> None:
    vms.init("app")
    monkeypatch.setattr(Vms, "list_vms", lambda _self: pytest.fail("listed"))
    assert BackgroundSampling(vms, lambda: False).round() == ()
