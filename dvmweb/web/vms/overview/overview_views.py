"""The cards of the overview of a VM: its agents, and what its guest reports about itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.guest.overview import Commit, GuestOverview, Listener, Process
from dvmweb.guest_text import visible
from dvmweb.records.agent_turns import Turn
from dvmweb.terminals.agents import AGENTS, label
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.load.guest_overview import GuestReport
from dvmweb.verbs.load.turns import worked
from dvmweb.verbs.vms import Vm
from dvmweb.web.terminals.views import row
from dvmweb.web.ui import plots
from dvmweb.web.ui.formatting import duration, size
from dvmweb.web.ui.values import Badge

MOST_LISTENERS = 8  # shown; the others are counted


@dataclass(frozen=True)
class AgentRow:
    """One agent of a VM: an open terminal of it, or only what it did."""

    name: str
    badge: Badge | None  # its state now, None if no terminal of it is open
    path: str  # of its terminal, "" for none
    work: str  # how often and how long it worked, "" if it reported nothing


@dataclass(frozen=True)
class ProcessRow:
    """A process of the guest."""

    name: str
    user: str
    cpu: str
    memory: str


@dataclass(frozen=True)
class ListenerRow:
    """A port on which something in the guest listens."""

    port: str
    program: str
    place: str


@dataclass(frozen=True)
class InsideView:
    """What the guest reports about itself, or why that is not known."""

    age: str
    problem: str
    is_pending: bool  # the question was not put yet
    facts: tuple[tuple[str, str], ...]
    processes: tuple[ProcessRow, ...]
    listeners: tuple[ListenerRow, ...]
    more_listeners: int


def agent_rows(vm: Vm, terminals: Iterable[TerminalFacts], turns: Sequence[Turn]) -> tuple[AgentRow, ...]:
    """Return the agents that have a terminal, then those that only worked or are installed."""
    mine = [one for one in terminals if one.vm == vm.name and one.command in AGENTS]
    rows = [AgentRow(label(one.command), row(one).badge, row(one).path, worked(turns, one.command)) for one in mine]
    open_ones = {one.command for one in mine}
    applied = vm.reach.applied if vm.reach is not None else ()
    others = [name for name, agent in AGENTS.items() if name not in open_ones and agent.recipe in applied]
    others += [turn.agent for turn in turns if turn.agent not in open_ones]
    rows += [AgentRow(label(name), None, "", worked(turns, name)) for name in dict.fromkeys(others)]
    return tuple(rows)


def facts(vm: Vm, disk_used: int) -> tuple[tuple[str, str], ...]:
    """Return what is known of a VM without its guest, as (label, value)."""
    config, instance = vm.config, vm.instance
    cpus, memory, disk = (
        (instance.cpus, instance.memory, instance.disk)
        if instance
        else (config.cpus, config.memory, config.disk)
        if config
        else (0, 0, 0)
    )
    rows = [("Size", f"{cpus or '?'} CPUs, {size(memory)} memory")]
    rows.append(("Disk", f"{size(disk_used)} of {size(disk)} used on this computer" if disk_used else size(disk)))
    if config is not None:
        kind = [("Kind", f"{config.kind} service")] if config.is_service else []
        repository = [] if config.is_service else [("Repository", visible(config.repo) or "none")]
        rows = [*kind, *repository, *rows]
        rows += [("Image", visible(config.image)), ("User", visible(config.user))]
        rows += [("Code folder", visible(config.guest_code_dir))]
        rows += [("Host name", config.guest_name)] if instance is not None else []
        rows += [("Recipes", ", ".join(config.recipes) or "none")]
    if instance is not None:
        rows += [("Lima instance", visible(instance.name)), ("Status", visible(instance.status) or "not readable")]
        rows += [("Driver", visible(instance.vm_type) or "?"), ("Folder", visible(instance.directory) or "?")]
    return tuple(rows)


def inside_view(report: GuestReport, now: float) -> InsideView:
    """Return the card. All texts of the guest are made safe to show."""
    answer = report.answer
    if answer is None:
        is_pending = not report.at and not report.problem
        problem = "" if is_pending else visible(report.problem, 300) or "the guest did not answer"
        return InsideView(age(report.at, now) if report.at else "", problem, is_pending, (), (), (), 0)
    shown = answer.listeners[:MOST_LISTENERS]
    return InsideView(
        age=age(report.at, now),
        problem="",
        is_pending=False,
        facts=_facts(answer, report.at, now),
        processes=tuple(_process(one) for one in answer.processes),
        listeners=tuple(_listener(one) for one in shown),
        more_listeners=len(answer.listeners) - len(shown),
    )


def _facts(answer: GuestOverview, at: float, now: float) -> tuple[tuple[str, str], ...]:
    up = "not known" if answer.uptime is None else duration(answer.uptime + max(0.0, now - at))
    rows = [("Last commit", _commit(answer.commit, answer.no_commit, now)), ("Up", up)]
    rows += [("System", visible(answer.system, 100))] if answer.system else []
    if answer.addresses:
        rows.append(("Address", ", ".join(f"{address} ({visible(name, 20)})" for name, address in answer.addresses)))
    return tuple(rows)


def _commit(commit: Commit | None, reason: str, now: float) -> str:
    if commit is None:
        return "no repository in the code folder" if reason == "none" else "none, or Git cannot read it"
    where = f" on {visible(commit.branch, 60)}" if commit.branch else ""
    return f"{commit.hash[:10]} {visible(commit.subject, 120)}{where}, {age(commit.at, now)}"


def _process(one: Process) -> ProcessRow:
    return ProcessRow(
        visible(one.name, 32) or "?", visible(one.user, 32) or "?", plots.percent(one.cpus), plots.gib(one.memory)
    )


def _listener(one: Listener) -> ListenerRow:
    program = visible(one.program, 32) or f"a program of {visible(one.user, 32) or 'another user'}"
    return ListenerRow(str(one.port), program, "only inside the VM" if one.is_loopback else "on all addresses")
