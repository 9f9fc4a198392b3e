"""Asks a running guest what goes on in it, for the page of its VM, and keeps the answer for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dvmweb.errors import CheckFailed, DvmError, sentence
from dvmweb.verbs.vms import Vm, Vms

if TYPE_CHECKING:
    from dvmweb.guest.overview import GuestOverview

KEPT = 20.0  # seconds for which an answer serves all pages
MOST = 200  # VMs whose answers are kept


@dataclass(frozen=True)
class GuestReport:
    """An answer with its time, or why there is none."""

    at: float = 0.0  # seconds since the epoch; 0: there was no question
    answer: GuestOverview | None = None
    problem: str = ""
    boot: int = 0


def why_not(vm: Vm) -> str:
    """Why a question to a guest is not possible now, "" if it is."""
    if vm.kind != "managed" or vm.config is None:
        return "the VM has no config that can be read" if vm.config is None else "the VM is not created"
    if vm.status != "Running":
        return "the VM is not running"
    if vm.reach is None:
        return "the guest was not checked yet"
    return "" if vm.reach.answered else "the guest did not respond to the last check"


def ask(vms: Vms, vm: Vm) -> GuestOverview:
    """Ask the guest now. Raises CheckFailed with the reason, and DvmError if no command can be started."""
    from dvmweb import plans
    from dvmweb.guest.overview import parse_overview
    from dvmweb.verbs import guest_access

    if reason := why_not(vm):
        raise CheckFailed(sentence(reason[0].upper() + reason[1:]))
    plan_input, lima = guest_access.of_listing(vms.paths, vms.environ, vm)
    finished = lima.query(plan_input.desired.instance, plans.overview_question(plan_input))
    return parse_overview(finished.stdout, plan_input.nonce)


class Overviews:
    """The last answer of each guest. Requests for the same guest wait for one question."""

    def __init__(self, ask_guest: Callable[[Vms, Vm], GuestOverview] = ask) -> None:
        self._ask = ask_guest
        self._lock = threading.Lock()
        self._known: dict[str, GuestReport] = {}
        self._busy: dict[str, threading.Lock] = {}

    def known(self, vm: Vm) -> GuestReport:
        """What is known without a question; nothing of another boot, and nothing while no question is possible."""
        if reason := why_not(vm):
            return GuestReport(problem=reason)
        with self._lock:
            found = self._known.get(vm.name, GuestReport())
        return found if found.boot == _boot(vm) else GuestReport()

    def fresh(self, vms: Vms, vm: Vm) -> GuestReport:
        """An answer that is at most KEPT seconds old, by a question if necessary; or why there is none."""
        if why_not(vm):
            return self.known(vm)
        with self._lock:
            if len(self._busy) >= MOST:
                self._busy.clear()
                self._known.clear()
            busy = self._busy.setdefault(vm.name, threading.Lock())
        with busy:
            found = self.known(vm)
            if not 0 <= time.time() - found.at < KEPT:
                found = self._requested(vms, vm)
                with self._lock:
                    self._known[vm.name] = found
        return found

    def _requested(self, vms: Vms, vm: Vm) -> GuestReport:
        try:
            return GuestReport(time.time(), self._ask(vms, vm), boot=_boot(vm))
        except (DvmError, OSError) as error:
            what = error.what if isinstance(error, DvmError) else str(error)
            return GuestReport(time.time(), None, what.rstrip("."), _boot(vm))


def _boot(vm: Vm) -> int:
    return vm.instance.host_agent_pid if vm.instance is not None else 0
