"""While somebody watches: ask running VMs whether they answer and what work is at risk, outside of jobs."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dvmweb.errors import DvmError
from dvmweb.jobs import starting
from dvmweb.jobs.stored import is_older
from dvmweb.lima.watching import Acts, Watch
from dvmweb.vms import Vm, Vms

if TYPE_CHECKING:
    from dvmweb.guest_state import GuestState
    from dvmweb.lima.client import Lima
    from dvmweb.plans import World

REACH_AGE = 15.0  # seconds after which a running VM is asked again whether it answers
WORK_AGE = 600.0  # seconds after which one that answers is asked for its work
MOST = 4  # VMs asked at the same time: one that hangs keeps one thread, not the others
REACH, WORK = "reach", "work"


def watch_over(vms: Vms) -> Watch[Vm]:
    """The watch of a dashboard: its list, and the rounds that it makes."""

    def remember(found: tuple[Vm, ...]) -> tuple[Vm, ...]:
        return tuple(vms.remembered(vm) for vm in found)

    return Watch(vms.paths, Acts(vms.list_vms, remember, Rounds(vms).visit))


def what_is_due(vm: Vm, now: float) -> str:
    """What to ask this VM now: REACH, WORK or nothing. A job asks by itself, so its VM is left alone until it ended."""
    if vm.kind != "managed" or vm.config is None or vm.job is not None or vm.status != "Running":
        return ""
    if vm.reach is None or is_older(vm.reach.at, REACH_AGE, now) or vm.reach.at < vm.job_ended:
        return REACH
    if vm.reach.answered and (vm.work is None or is_older(vm.work.looked_at, WORK_AGE, now)):
        return WORK
    return ""


class Rounds:
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
    from dvmweb.jobs.worlds import load_world
    from dvmweb.lima.client import Lima

    world = replace(load_world(vms.paths, vms.environ, vm.name, "look"), instance=vm.instance, has_looked=True)
    lima = Lima(world.engine, vms.paths, vms.environ, vm=vm.name, is_quiet=True)
    began = time.time()
    if due == WORK:
        _ask_work(vms, world, lima, began)
    else:
        _ask_reach(vms, world, lima, began)


def look_again(vms: Vms, vm: Vm) -> None:
    """Look into a running VM outside of a job; where that fails the last report stays, with its age."""
    with suppress(DvmError, OSError):
        ask(vms, vm, WORK)


class Looks:
    """Looks into VMs in which something was done. One after another for each: no older look may end last and count."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._lock = threading.Lock()
        self._wanted: dict[str, bool] = {}  # VMs that are looked into now, and whether once more

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


def _ask_reach(vms: Vms, world: World, lima: Lima, began: float) -> None:
    from dvmweb import plans
    from dvmweb.guest_state import done_recipes, parse_state
    from dvmweb.jobs import applied as recipes_told
    from dvmweb.jobs import stored

    asked = _recipes(vms, world)
    finished = lima.ask(world.wish.instance, plans.state_question(world, asked))
    is_answered, use, applied, state = False, None, None, None
    with suppress(DvmError):
        state = parse_state(finished.stdout, world.nonce)
        is_answered, use = _is_ours(state, world), state.use
        applied = done_recipes(state) if is_answered else None
    name = world.config.name
    if not _was_disturbed(vms, name, began):
        stored.write_reach(vms.paths, name, world.instance, is_answered=is_answered, use=use, applied=applied)
        if is_answered and state is not None:
            told = {recipe: state.applied.get(recipe) for recipe in asked}
            recipes_told.keep(vms.paths, name, world.instance, told)


def _recipes(vms: Vms, world: World) -> tuple[str, ...]:
    """The recipes of a VM with their needs; of a shelf that cannot be read only the named ones."""
    from dvmweb import recipes

    config, shelf = world.config, recipes.Shelf(vms.paths)
    found = recipes.arrange(config.recipes, shelf, has_baseline=config.baseline)[0]
    return tuple(dict.fromkeys((*(recipe.name for recipe in found), *config.recipes)))


def _is_ours(state: GuestState, world: World) -> bool:
    """Say whether the right guest answered: a fresh clone's ssh leads to its origin."""
    name, guest_id = state.identity or ("", "")
    is_marked = name == world.wish.instance and world.known_id in ("", guest_id)
    return is_marked and state.hostname == f"lima-{world.wish.instance}"


def _ask_work(vms: Vms, world: World, lima: Lima, began: float) -> None:
    from dvmweb.jobs import work_checks
    from dvmweb.plans import guest_steps

    step = guest_steps.look(world)
    if step.script is None:
        return
    finished = lima.ask(world.wish.instance, step.script, step.timeout)
    if not _was_disturbed(vms, world.config.name, began):
        work_checks.keep_report(vms.paths, "", world, finished)


def _was_disturbed(vms: Vms, name: str, began: float) -> bool:
    """Say whether a job began or ended on the VM since then: its own answer is the better one."""
    job = starting.last_job(vms.paths, name)
    return job is not None and (job.is_open or job.created >= began or job.ended >= began)
