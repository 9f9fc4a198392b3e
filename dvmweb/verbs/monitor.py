"""Checks running VMs while a page is open, outside of jobs: whether they respond, and for unsaved work."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dvmweb.ages import is_older
from dvmweb.errors import DvmError
from dvmweb.jobs import starting
from dvmweb.lima.watching import Acts, Watch
from dvmweb.records import last_use
from dvmweb.records.known_work import RAN, USED
from dvmweb.verbs.vms import Vm, Vms

if TYPE_CHECKING:
    from dvmweb.guest.state import GuestState
    from dvmweb.lima.client import Lima
    from dvmweb.plans import PlanInput

REACH_AGE = 15.0  # seconds between two checks whether a running VM responds
WORK_AGE = 600.0  # seconds between two checks for unsaved work
QUIET = 8.0  # seconds without use after which a VM that was used since its last check is checked
LEAST = 20.0  # least seconds between two such checks, so that a slow guest is not always busy with them
BUSY_AGE = 120.0  # seconds between two checks of a VM that is used all the time
FAILED_AGE = 120.0  # seconds after a check that failed
MOST = 4  # VMs checked at the same time; one that hangs blocks only its own thread
REACH, WORK = "reach", "work"


def watch_over(vms: Vms) -> Watch[Vm]:
    """The watch of the dashboard: it lists VMs and checks those that are running."""

    def remember(found: tuple[Vm, ...]) -> tuple[Vm, ...]:
        return tuple(vms.remembered(vm) for vm in found)

    return Watch(vms.paths, Acts(vms.list_vms, remember, Monitor(vms).visit))


def what_is_due(vm: Vm, now: float) -> str:
    """The check that is due for a VM: REACH, WORK or "". A VM with a job is not checked, because the job does that."""
    if vm.kind != "managed" or vm.config is None or vm.job is not None or vm.status != "Running":
        return ""
    if vm.reach is None or is_older(vm.reach.at, REACH_AGE, now) or vm.reach.at < vm.job_ended:
        return REACH
    return WORK if vm.reach.answered and _is_work_due(vm, now) else ""


def _is_work_due(vm: Vm, now: float) -> bool:
    """Whether a reachable VM must be checked for unsaved work."""
    if vm.known is None:
        return True
    last = vm.known.last.checked_at
    if vm.known.failed is not None or not vm.known.has_worked:
        return is_older(last, FAILED_AGE, now)
    is_quiet = vm.since == USED and is_older(vm.used_at, QUIET, now) and is_older(last, LEAST, now)
    return vm.since == RAN or is_quiet or is_older(last, BUSY_AGE if vm.since else WORK_AGE, now)


class Monitor:
    """Runs the checks that are due, at most one per VM, in daemon threads."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def visit(self, found: tuple[Vm, ...]) -> None:
        """Start the checks that are due; returns at once. Without a free thread, a check waits for a later tick."""
        now = time.time()
        for vm in found:
            due = what_is_due(vm, now)
            if due and self._takes(vm.name):
                threading.Thread(target=self._query, args=(vm, due), name=f"check {vm.name}", daemon=True).start()

    def _takes(self, name: str) -> bool:
        with self._lock:
            if name in self._busy or len(self._busy) >= MOST:
                return False
            self._busy.add(name)
            return True

    def _query(self, vm: Vm, due: str) -> None:
        try:
            with suppress(DvmError, OSError):  # deleted, or its config is broken: the next list shows it
                query(self._vms, vm, due)
        finally:
            with self._lock:
                self._busy.discard(vm.name)


def query(vms: Vms, vm: Vm, due: str) -> None:
    """Run one check of a running VM and store its result. Raises DvmError if it cannot be started."""
    from dvmweb.verbs import guest_access

    plan_input, lima = guest_access.of_listing(vms.paths, vms.environ, vm)
    began = time.time()
    if due == WORK:
        _query_work(vms, plan_input, lima, began)
    else:
        _query_reach(vms, plan_input, lima, began)


def check_again(vms: Vms, vm: Vm) -> None:
    """Check a running VM for unsaved work; if that cannot be started, the last report stays."""
    with suppress(DvmError, OSError):
        query(vms, vm, WORK)


class WorkChecks:
    """Checks VMs for unsaved work after they were used; one check at a time for each, so that the newest ends last."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._lock = threading.Lock()
        self._wanted: dict[str, bool] = {}  # VMs that are being checked now, and whether to check again

    def soon(self, vm: Vm) -> None:
        """Start a check of a running VM, or another one after the running check; returns at once."""
        with self._lock:
            is_busy = vm.name in self._wanted
            self._wanted[vm.name] = is_busy
        if not is_busy:
            threading.Thread(target=self._check, args=(vm,), name=f"work {vm.name}", daemon=True).start()

    def _check(self, vm: Vm) -> None:
        is_wanted = True
        while is_wanted:
            check_again(self._vms, vm)
            with self._lock:
                is_wanted = self._wanted.pop(vm.name)
                if is_wanted:
                    self._wanted[vm.name] = False


def _query_reach(vms: Vms, plan_input: PlanInput, lima: Lima, began: float) -> None:
    from dvmweb import plans
    from dvmweb.guest.state import done_recipes, parse_state
    from dvmweb.jobs import live_forwards
    from dvmweb.records import applied_recipes, guest_status
    from dvmweb.verbs.load import sampling

    recipes_of_vm = _recipes(vms, plan_input)
    finished = lima.query(plan_input.desired.instance, plans.state_question(plan_input, recipes_of_vm))
    is_answered, use, applied, state = False, None, None, None
    with suppress(DvmError):
        state = parse_state(finished.stdout, plan_input.nonce)
        is_answered, use = _is_ours(state, plan_input), state.use
        applied = done_recipes(state) if is_answered else None
    name = plan_input.config.name
    if not _was_disturbed(vms, name, began):
        guest_status.write(
            vms.paths, name, plan_input.instance, is_answered=is_answered, use=use, applied=applied, question=finished
        )
        if is_answered and plan_input.instance is not None:
            live_forwards.reopen(vms.paths, lima, plan_input.instance, name, plan_input.config.ports)
        if is_answered and state is not None and plan_input.instance is not None:
            sampling.keep(vms.paths, name, plan_input.instance, state)
        if is_answered and state is not None:
            reported = {recipe: state.applied.get(recipe) for recipe in recipes_of_vm}
            applied_recipes.keep(vms.paths, name, plan_input.instance, reported)


def _recipes(vms: Vms, plan_input: PlanInput) -> tuple[str, ...]:
    """The recipes of a VM with their needs; only those in the config if the catalog cannot be read."""
    from dvmweb import recipes

    config, catalog = plan_input.config, recipes.RecipeCatalog(vms.paths)
    found = recipes.arrange(config.recipes, catalog, has_baseline=config.baseline)[0]
    return tuple(dict.fromkeys((*(recipe.name for recipe in found), *config.recipes)))


def _is_ours(state: GuestState, plan_input: PlanInput) -> bool:
    """Whether the right guest answered: ssh to a new clone can reach its origin."""
    name, guest_id = state.identity or ("", "")
    is_marked = name == plan_input.desired.instance and plan_input.known_id in ("", guest_id)
    return is_marked and state.hostname == f"lima-{plan_input.desired.instance}"


def _query_work(vms: Vms, plan_input: PlanInput, lima: Lima, began: float) -> None:
    from dvmweb.jobs.checks import unsaved_work as work_checks
    from dvmweb.plans import guest_steps

    step = guest_steps.check_work(plan_input)
    if step.script is None:
        return
    use = last_use.read(vms.paths, plan_input.config.name)
    finished = lima.query(plan_input.desired.instance, step.script, step.timeout)
    if not _was_disturbed(vms, plan_input.config.name, began):
        work_checks.keep_report(vms.paths, "", plan_input, finished, use)


def _was_disturbed(vms: Vms, name: str, began: float) -> bool:
    """Whether a job began or ended on the VM since `began`; then its results are newer."""
    job = starting.last_job(vms.paths, name)
    return job is not None and (job.is_open or job.created >= began or job.ended >= began)
