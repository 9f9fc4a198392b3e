"""Watches the VMs whose config has `idle_stop` while the dashboard runs, and stops those that are due."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from dvmweb import plans
from dvmweb.config.store import ConfigStore
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.guest.running_programs import parse_idle
from dvmweb.guest.unsaved_work import Verdict
from dvmweb.guest_text import visible
from dvmweb.lima import connections
from dvmweb.records import idle_times, last_use, work_reports
from dvmweb.records.idle_times import IdleTime
from dvmweb.terminals.client import TerminalFacts, list_terminals
from dvmweb.verbs import monitor, selection
from dvmweb.verbs.idle.deciding import Seen, counted, delayed, is_due
from dvmweb.verbs.vms import Vm, Vms

ROUND = 60.0  # seconds
MARK = b"idle_stop"


class IdleWatch:
    """Counts in rounds. A VM that does not answer delays no other."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._lock = threading.Lock()
        self._busy: set[str] = set()  # VMs that are being stopped or asked

    def run(self, is_ending: threading.Event) -> None:
        """Count until the dashboard ends."""
        while not is_ending.wait(ROUND):
            with suppress(DvmError, OSError):  # the pages show why VMs cannot be listed; nothing is stopped then
                self.round(time.time())

    def round(self, now: float) -> tuple[threading.Thread, ...]:
        """Count for each running VM, and start a thread for each that is due. Raises DvmError without a listing."""
        if not is_used(self._vms):
            return ()
        running = [vm for vm in self._vms.list_vms() if vm.kind == "managed" and vm.status == "Running"]
        watched = [vm for vm in running if vm.config is not None and vm.config.idle_stop]
        if not watched:
            return ()
        terminals: Sequence[TerminalFacts] | None = None
        with suppress(CheckFailed):
            terminals = list_terminals(self._vms)
        addressed = connections.addressed()
        threads = [self._count(vm, self._seen(vm, terminals, addressed), now) for vm in watched]
        return tuple(thread for thread in threads if thread is not None)

    def _seen(self, vm: Vm, terminals: Sequence[TerminalFacts] | None, addressed: Collection[str]) -> Seen:
        boot = vm.instance.host_agent_pid if vm.instance else 0
        use = f"{last_use.read(self._vms.paths, vm.name).mark} {boot}"
        if terminals is None:
            return Seen(use, "its terminals are not known")
        return Seen(use, selection.why_in_use(self._vms, vm, terminals, addressed))

    def _count(self, vm: Vm, seen: Seen, now: float) -> threading.Thread | None:
        with self._lock:
            if vm.name in self._busy:
                return None
            hours = vm.config.idle_stop if vm.config else 0
            record = counted(idle_times.read(self._vms.paths, vm.name), seen, hours, now)
            idle_times.write(self._vms.paths, vm.name, record)
            if not is_due(record, hours):
                return None
            self._busy.add(vm.name)
        thread = threading.Thread(target=self._stop, args=(vm, hours), name=f"idle {vm.name}", daemon=True)
        thread.start()
        return thread

    def _stop(self, vm: Vm, hours: int) -> None:
        """Stop a VM that is due, unless its guest or the check for unsaved work gives a reason not to."""
        paths = self._vms.paths
        try:
            running = programs(self._vms, vm.name)
            if running:
                busy = f"{', '.join(running)} runs in it" if len(running) == 1 else f"{', '.join(running)} run in it"
                idle_times.write(paths, vm.name, IdleTime(at=time.time(), busy=busy))
                return
            monitor.query(self._vms, vm, monitor.WORK)
            known = work_reports.known(paths, vm.name, vm.instance)
            if known is None or known.verdict is Verdict.CHECK_FAILED:
                raise CheckFailed("The check for unsaved work failed.")
            self._start_stop(vm, hours)
        except DvmError as error:
            self._delay(vm, hours, error.what)
        except OSError as error:
            self._delay(vm, hours, f"A file could not be written: {error}.")
        finally:
            with self._lock:
                self._busy.discard(vm.name)

    def _start_stop(self, vm: Vm, hours: int) -> None:
        """Start the job, unless the VM was used or kept running meanwhile."""
        record = idle_times.read(self._vms.paths, vm.name)
        seen = self._seen(vm, list_terminals(self._vms), connections.addressed())
        if not is_due(record, hours) or seen.busy or seen.use != record.use:
            return
        job = self._vms.start_job(vm.name, "stop", {})
        stopped = replace(record, job=job.id, stopped_at=time.time(), problem="")
        idle_times.write(self._vms.paths, vm.name, stopped)

    def _delay(self, vm: Vm, hours: int, problem: str) -> None:
        record = idle_times.read(self._vms.paths, vm.name)
        if is_due(record, hours):
            with suppress(OSError):
                idle_times.write(self._vms.paths, vm.name, delayed(record, hours, visible(problem, 200)))


def is_used(vms: Vms) -> bool:
    """Whether a config names the setting: without it, no VM is listed."""
    store = ConfigStore(vms.paths)
    with suppress(OSError):
        if MARK in vms.paths.config_file.read_bytes():
            return True
    for name in store.names():
        with suppress(DvmError, OSError):
            if MARK in store.source(name)[0]:
                return True
    return False


def programs(vms: Vms, name: str) -> tuple[str, ...]:
    """The programs of users that run in a guest, safe to show. Raises CheckFailed."""
    plan_input, lima = vms.running(name, is_quiet=True)
    finished = lima.query(plan_input.desired.instance, plans.idle_question(plan_input))
    return tuple(sorted({visible(one, 40) for one in parse_idle(finished.stdout, plan_input.nonce)}))


def keep_running(vms: Vms, name: str) -> None:
    """Begin the count anew, so that an announced stop is not made."""
    idle_times.write(vms.paths, name, IdleTime(at=time.time()))
