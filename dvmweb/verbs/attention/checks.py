"""Checks for unsaved work that failed, and sandbox tests that failed or were not run."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.guest.agent import sandbox_report
from dvmweb.guest.unsaved_work import Verdict
from dvmweb.guest_text import in_prose
from dvmweb.verbs.attention.item import CHECK, PROBLEMS, SYNC, VM_PAGE, Facts, Item, Todo
from dvmweb.verbs.vm import Vm


def items(facts: Facts) -> Iterator[Item]:
    """The failed check and the failed sandbox test of each VM."""
    for vm in facts.vms:
        if vm.kind != "managed" or vm.job is not None:
            continue
        yield from _work(vm)
        yield from _sandbox(vm)


def _work(vm: Vm) -> Iterator[Item]:
    if vm.known is None:
        return
    last = vm.known.last
    todos = (Todo(CHECK), Todo(VM_PAGE)) if vm.status == "Running" else (Todo(VM_PAGE),)
    if last.verdict is Verdict.CHECK_FAILED:
        why = in_prose(last.problems[0], 200) if last.problems else ""
        last_whole = vm.known.report.checked_at if vm.known.has_worked else 0.0
        title, key = "Check for unsaved work failed", f"check {vm.name} {last_whole} {why}"
        yield Item(key, PROBLEMS, vm.name, title, why, todos, last.checked_at)
    elif vm.known.is_doubted and vm.status == "Stopped":
        detail = "No unsaved work was found then, and the VM was used afterwards."
        key = f"stale {vm.name} {last.checked_at}"
        yield Item(key, PROBLEMS, vm.name, "Check for unsaved work is stale", detail, todos, last.checked_at)


def _sandbox(vm: Vm) -> Iterator[Item]:
    if vm.sandbox is None or sandbox_report.standing(vm.sandbox, vm.made_of) != sandbox_report.FAILED:
        return
    why = in_prose(vm.sandbox.summary(), 200)
    key = f"sandbox {vm.name} {vm.sandbox.at}"
    yield Item(key, PROBLEMS, vm.name, "Agent sandbox failed its test", why, (Todo(VM_PAGE), Todo(SYNC)), vm.sandbox.at)
