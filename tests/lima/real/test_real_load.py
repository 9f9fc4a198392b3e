"""The load of a real guest and what it reports about itself, beside what the guest says when it is asked directly."""

from __future__ import annotations

import time
from collections.abc import Callable

from dvmweb.records import load_samples
from dvmweb.records.load_samples import Sample
from dvmweb.verbs import monitor
from dvmweb.verbs.load import guest_overview
from dvmweb.verbs.vms import Vm, Vms
from tests.lima.real.conftest import BOOT, RealDvmHome

PATIENCE = 300.0  # seconds; a guest without hardware help takes its time


def in_guest(real: RealDvmHome, script: str) -> str:
    return real.guest("load", script).strip()


def listed(real: RealDvmHome) -> tuple[Vms, Vm]:
    vms = Vms(real.paths, real.environ)
    return vms, next(vm for vm in vms.list_vms() if vm.name == "load")


def sampled(real: RealDvmHome, fits: Callable[[Sample], bool]) -> Sample:
    """The first new sample that fits; the guest is asked as the dashboard does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        vms, vm = listed(real)
        monitor.query(vms, vm, monitor.REACH)
        hour = load_samples.read(real.paths, "load", time.time()).hour
        if hour and fits(hour[-1]):
            return hour[-1]
    raise AssertionError(f"no such sample: {load_samples.read(real.paths, 'load', time.time()).hour[-3:]}")


def test_samples_are_what_the_guest_says_itself(real: RealDvmHome) -> None:
    real.init("load")
    real.ok("sync", "load", timeout=BOOT)
    sample = sampled(real, lambda one: one.cpu is not None)
    used, size = map(int, in_guest(real, "df -B1 --output=used,size / | tail -n 1").split())
    total, available = map(int, in_guest(real, "free -b | awk '/^Mem/ {print $2, $7}'").split())
    assert sample.disk is not None
    assert abs(sample.disk - used) < 200 << 20
    assert used < size
    assert sample.memory is not None
    assert abs(sample.memory - (total - available)) < 200 << 20
    assert sample.received is not None
    assert sample.sent is not None
    assert sample.sent > 0, "our own question was answered over the network"


def test_a_busy_guest_has_a_busy_line_and_a_busy_process(real: RealDvmHome) -> None:
    in_guest(real, "nohup sh -c 'exec -a canary-9 yes' >/dev/null 2>&1 & nohup yes >/dev/null 2>&1 & true")
    sampled(real, lambda one: one.cpu is not None and one.cpu > 0.4)
    vms, vm = listed(real)
    found = guest_overview.ask(vms, vm)
    assert "yes" in [one.name for one in found.processes[:3]]
    in_guest(real, "pkill -x yes; true")


def test_the_overview_is_what_the_guest_says_itself(real: RealDvmHome) -> None:
    in_guest(
        real, "git init -q -b work . && git -c user.name=A -c user.email=a@b commit -q --allow-empty -m 'Round it'"
    )
    vms, vm = listed(real)
    found = guest_overview.ask(vms, vm)
    uptime = float(in_guest(real, "cut -d ' ' -f 1 /proc/uptime"))
    assert found.uptime is not None
    assert 0 <= uptime - found.uptime < 120
    assert found.commit is not None
    assert in_guest(real, "git rev-parse HEAD").startswith(found.commit.hash)
    assert (found.commit.subject, found.commit.branch) == ("Round it", "work")
    assert found.system == in_guest(real, '. /etc/os-release; echo "$PRETTY_NAME"')
    assert found.addresses[0][1] in in_guest(real, "hostname -I").split()
    assert 22 in [one.port for one in found.listeners]
