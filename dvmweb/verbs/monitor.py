"""While somebody watches: ask running VMs whether they answer and what work is at risk, outside of jobs."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dvmweb.errors import DvmError
from dvmweb.jobs import starting
from dvmweb.lima.watching import Acts, Watch
from dvmweb.records import last_use
from dvmweb.records.known_work import RAN, USED
from dvmweb.records.work_reports import is_older
from dvmweb.verbs.vms import Vm, Vms

if TYPE_CHECKING:
    from dvmweb.guest.state import GuestState
    from dvmweb.lima.client import Lima
    from dvmweb.plans import PlanInput

REACH_AGE = 15.0  # seconds after which a running VM is asked again whether it answers
WORK_AGE = 600.0  # seconds after which one that answers is asked for its work
QUIET = 8.0  # seconds after its last use for which one that was used since its last check is left alone
LEAST = 20.0  # seconds between two such checks: a slow guest must not only be checked
BUSY_AGE = 120.0  # seconds after a check for which one that is used all the time is left alone
FAILED_AGE = 120.0  # seconds after a check that failed
MOST = 4  # VMs asked at the same time: one that hangs keeps one thread, not the others
REACH, WORK = "reach", "work"


def watch_over(vms: Vms) -> Watch[Vm]:
    """The watch of a dashboard: its list, and its checks of running VMs."""

    def remember(found: tuple[Vm, ...]) -> tuple[Vm, ...]:
        return tuple(vms.remembered(vm) for vm in found)

    return Watch(vms.paths, Acts(vms.list_vms, remember, Monitor(vms).visit))


def what_is_due(vm: Vm, now: float) -> str:
    """What to ask this VM now: REACH, WORK or nothing. A job asks by itself, so its VM is left alone until it ended."""
    if vm.kind != "managed" or vm.config is None or vm.job is not None or vm.status != "Running":
        return ""
    if vm.reach is None or is_older(vm.reach.at, REACH_AGE, now) or vm.reach.at < vm.job_ended:
        return REACH
    return WORK if vm.reach.answered and _is_work_due(vm, now) else ""


def _is_work_due(vm: Vm, now: float) -> bool:
    """Whether the work of a VM that answers is not known well enough."""
    if vm.known is None:
        return True
    last = vm.known.last.looked_at
    if vm.known.failed is not None or not vm.known.has_worked:
        return is_older(last, FAILED_AGE, now)
    is_quiet = vm.since == USED and is_older(vm.used_at, QUIET, now) and is_older(last, LEAST, now)
    return vm.since == RAN or is_quiet or is_older(last, BUSY_AGE if vm.since else WORK_AGE, now)


class Monitor:
    """Visits VMs that are due, each by at most one thread; the threads end with the process, whatever hangs."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def visit(self, found: tuple[Vm, ...]) -> None:
        """Ask whoever is due; returns at once. Whoever finds no free thread is asked at a later tick."""
        now = time.time()
        for vm in found:
            due = what_is_due(vm, now)
            if due and self._takes(vm.name):
                threading.Thread(target=self._ask, args=(vm, due), name=f"round {vm.name}", daemon=True).start()

    def _takes(self, name: str) -> bool:
        with self._lock:
            if name in self._busy or len(self._busy) >= MOST:
                return False
            self._busy.add(name)
            return True

    def _ask(self, vm: Vm, due: str) -> None:
        try:
            with suppress(DvmError, OSError):  # gone, or its config broke meanwhile: the next list shows it
                ask(self._vms, vm, due)
        finally:
            with self._lock:
                self._busy.discard(vm.name)


def ask(vms: Vms, vm: Vm, due: str) -> None:
    """Put one question to a running VM and note the answer. Raises DvmError where it cannot be put."""
    from dvmweb.jobs.inputs import load_input
    from dvmweb.lima.client import Lima
    from dvmweb.records import guest_status

    pace = guest_status.pace(vms.paths, vm.name, vm.instance)
    plan_input = load_input(vms.paths, vms.environ, vm.name, "look")
    plan_input = replace(plan_input, instance=vm.instance, has_looked=True, pace=pace)
    lima = Lima(plan_input.engine, vms.paths, vms.environ, vm=vm.name, is_quiet=True, pace=pace)
    began = time.time()
    if due == WORK:
        _ask_work(vms, plan_input, lima, began)
    else:
        _ask_reach(vms, plan_input, lima, began)


def look_again(vms: Vms, vm: Vm) -> None:
    """Look into a running VM outside of a job; where that fails the last report stays, with its age."""
    with suppress(DvmError, OSError):
        ask(vms, vm, WORK)


class Looks:
    """Looks into VMs in which something was done. One after another for each: no older look may end last and count."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._lock = threading.Lock()
        self._wanted: dict[str, bool] = {}  # VMs that are being checked now, and whether to check again

    def soon(self, vm: Vm) -> None:
        """Look into a running VM, from now on at the earliest; returns at once."""
        with self._lock:
            is_busy = vm.name in self._wanted
            self._wanted[vm.name] = is_busy
        if not is_busy:
            threading.Thread(target=self._look, args=(vm,), name=f"look {vm.name}", daemon=True).start()

    def _look(self, vm: Vm) -> None:
        is_wanted = True
        while is_wanted:
            look_again(self._vms, vm)
            with self._lock:
                is_wanted = self._wanted.pop(vm.name)
                if is_wanted:
                    self._wanted[vm.name] = False


def _ask_reach(vms: Vms, plan_input: PlanInput, lima: Lima, began: float) -> None:
    from dvmweb import plans
    from dvmweb.guest.state import done_recipes, parse_state
    from dvmweb.records import applied_recipes, guest_status

    asked = _recipes(vms, plan_input)
    finished = lima.ask(plan_input.desired.instance, plans.state_question(plan_input, asked))
    is_answered, use, applied, state = False, None, None, None
    with suppress(DvmError):
        state = parse_state(finished.stdout, plan_input.nonce)
        is_answered, use = _is_ours(state, plan_input), state.use
        applied = done_recipes(state) if is_answered else None
    name = plan_input.config.name
    if not _was_disturbed(vms, name, began):
        guest_status.write(
            vms.paths, name, plan_input.instance, is_answered=is_answered, use=use, applied=applied, asked=finished
        )
        if is_answered and state is not None:
            told = {recipe: state.applied.get(recipe) for recipe in asked}
            applied_recipes.keep(vms.paths, name, plan_input.instance, told)


def _recipes(vms: Vms, plan_input: PlanInput) -> tuple[str, ...]:
    """The recipes of a VM with their needs; of a catalog that cannot be read only the named ones."""
    from dvmweb import recipes

    config, catalog = plan_input.config, recipes.RecipeCatalog(vms.paths)
    found = recipes.arrange(config.recipes, catalog, has_baseline=config.baseline)[0]
    return tuple(dict.fromkeys((*(recipe.name for recipe in found), *config.recipes)))


def _is_ours(state: GuestState, plan_input: PlanInput) -> bool:
    """Say whether the right guest answered: a fresh clone's ssh leads to its origin."""
    name, guest_id = state.identity or ("", "")
    is_marked = name == plan_input.desired.instance and plan_input.known_id in ("", guest_id)
    return is_marked and state.hostname == f"lima-{plan_input.desired.instance}"


def _ask_work(vms: Vms, plan_input: PlanInput, lima: Lima, began: float) -> None:
    from dvmweb.jobs.checks import unsaved_work as work_checks
    from dvmweb.plans import guest_steps

    step = guest_steps.look(plan_input)
    if step.script is None:
        return
    use = last_use.read(vms.paths, plan_input.config.name)
    finished = lima.ask(plan_input.desired.instance, step.script, step.timeout)
    if not _was_disturbed(vms, plan_input.config.name, began):
        work_checks.keep_report(vms.paths, "", plan_input, finished, use)


def _was_disturbed(vms: Vms, name: str, began: float) -> bool:
    """Say whether a job began or ended on the VM since then: its own answer is the better one."""
    job = starting.last_job(vms.paths, name)
    return job is not None and (job.is_open or job.created >= began or job.ended >= began)
