"""The page that shows what a VM and its agents can reach, by its last test, and runs a new one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Blueprint, Response

from dvmweb.ages import age, is_older
from dvmweb.errors import DvmError
from dvmweb.guest.exposure import ExposureReport
from dvmweb.guest.exposure.report import CLOSED, EXPECTED, KINDS, NONE, OPEN
from dvmweb.records import exposures
from dvmweb.verbs import exposure as tests
from dvmweb.verbs.vms import Vm, Vms
from dvmweb.web.ui import context
from dvmweb.web.ui.error_pages import status_of
from dvmweb.web.ui.find_vm import checked, find_vm
from dvmweb.web.ui.redirects import see_other
from dvmweb.web.ui.values import Badge

blueprint = Blueprint("vms_exposure_pages", __name__)
DAY = 86_400.0  # seconds
FOUND = {"mounts": "Mounted", "keys": "Found", "tokens": "Found", "sudo": "Allowed"}


@dataclass(frozen=True)
class Cell:
    """What one side can reach of one kind."""

    badge: Badge | None  # None if it does not apply
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One kind: for the user of the VM and, if the test covered them, for its agents."""

    label: str
    user: Cell
    agent: Cell | None


@dataclass(frozen=True)
class Exposure:
    """A report as it is shown."""

    rows: tuple[Row, ...]
    age: str
    has_agents: bool
    is_old: bool  # a job ran on the VM since, or it is a day old: nothing is shown as none any more


@blueprint.get("/vms/<name>/exposure")
def show(name: str) -> Response:
    """The last test."""
    return _page(find_vm(name))


@blueprint.post("/vms/<name>/exposure")
def test(name: str) -> Response:
    """Test now; the answer comes when the test has ended."""
    try:
        tests.test(context.vms(), checked(name))
    except DvmError as error:
        return _page(find_vm(name), error)
    return see_other(f"/vms/{name}/exposure")


def view(vms: Vms, vm: Vm, now: float) -> Exposure | None:
    """Return the last test of a VM as rows; None if there is none."""
    report = exposures.read(vms.paths, vm.name, vm.instance)
    return exposure_view(report, vm.job_ended, now) if report is not None else None


def exposure_view(report: ExposureReport, job_ended: float, now: float) -> Exposure:
    """Return a report as rows. `job_ended`: when the last job on the VM ended; times in seconds since the epoch."""
    is_old = report.at < job_ended or is_older(report.at, DAY, now)
    rows = tuple(
        Row(
            label,
            _cell(report, "user", kind, is_old=is_old),
            _cell(report, "agent", kind, is_old=is_old) if report.has_agents else None,
        )
        for kind, label in KINDS.items()
        if kind != "own" or report.has_agents
    )
    return Exposure(rows, age(report.at, now), report.has_agents, is_old)


def _cell(report: ExposureReport, who: str, kind: str, *, is_old: bool) -> Cell:
    found = report.of(who, kind)
    badge = _badge(who, kind, report.result(who, kind), is_old=is_old) if found else None
    return Cell(badge, tuple(one.text for one in found))


def _badge(who: str, kind: str, result: str, *, is_old: bool) -> Badge:
    if result == OPEN:
        tone = "info" if (who, kind) in EXPECTED else "warn"
        return Badge(tone, "dot" if tone == "info" else "warn", FOUND.get(kind, "Reached"))
    if result == NONE:
        return Badge("idle", "dot", "None then") if is_old else Badge("ok", "check", "None")
    return Badge("idle", "dot", "No answer") if result == CLOSED else Badge("blind", "eye-off", "Not tested")


def _page(vm: Vm, error: DvmError | None = None) -> Response:
    return context.page(
        "vms/exposure.html",
        200 if error is None else status_of(error),
        vm=vm,
        exposure=view(context.vms(), vm, time.time()),
        problem=error,
    )
