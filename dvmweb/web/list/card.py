"""The card of one VM in the list: its facts, its state, and the text that a search matches. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.ages import age, is_older
from dvmweb.guest_text import visible
from dvmweb.records.guest_status import GuestStatus
from dvmweb.verbs.vms import Vm
from dvmweb.web.list.agents import AgentLine, agents_of
from dvmweb.web.ui.formatting import element_id, short_repo
from dvmweb.web.ui.meters import Meter, meters
from dvmweb.web.ui.plots import Plot
from dvmweb.web.ui.values import Action, Badge, Mark
from dvmweb.web.vms.actions import actions_of, more_of
from dvmweb.web.vms.sandbox_view import sandbox_line
from dvmweb.web.vms.status import (
    FRESH,
    FailedLine,
    JobLine,
    Port,
    badge,
    failed_line,
    idle_lines,
    job_line,
    ports,
    trouble,
)
from dvmweb.web.vms.work_line import StatusLine, place, work_line


@dataclass(frozen=True)
class Card:
    """One VM in the list."""

    id: str
    name: str  # safe to show; an unmanaged instance can have any name
    vm: str  # its name to select it, "" for an unmanaged instance
    path: str  # of its page, "" where it has none
    what: str
    badge: Badge
    marks: tuple[Mark, ...]
    work: StatusLine | None
    sandbox: StatusLine | None
    job: JobLine | None
    failed: FailedLine | None
    pending: tuple[str, ...]
    trouble: tuple[str, str]  # why it cannot be started, and what to do
    meters: tuple[Meter, ...]
    load: Plot | None  # CPU in the last hour; None for a VM that does not run
    ports: tuple[Port, ...]
    recipes: tuple[str, ...]
    agents: tuple[AgentLine, ...]
    image: str
    repository: str
    used: str  # how long ago, "" for never or not known
    problem: str
    actions: tuple[Action, ...]
    more: tuple[Action, ...]
    tags: tuple[str, ...]  # the filters that show it: running, unsaved, recipe=node, kind=project
    search: str


def card(
    vm: Vm,
    now: float,
    disk_used: int = 0,
    marks: tuple[Mark, ...] = (),
    load: Plot | None = None,
    opened: tuple[AgentLine, ...] = (),
) -> Card:
    """Return the card of a VM; `now` in seconds since the epoch, `disk_used` in bytes (0: not known).

    `marks`: its terminals that wait; `opened`: the agents in its open terminals.
    """
    line, agents = work_line(vm, now), agents_of(vm, opened)
    kind = "instance" if vm.kind == "unmanaged" else "vm"
    return Card(
        id=f"{kind}-{element_id(vm.name)}",
        name=visible(vm.name, 80),
        vm="" if vm.kind == "unmanaged" else vm.name,
        path="" if vm.kind == "unmanaged" else f"/vms/{vm.name}",
        what=what(vm),
        badge=badge(vm, now),
        marks=marks,
        work=line,
        sandbox=sandbox_line(vm, now),
        job=job_line(vm.job, now),
        failed=failed_line(vm),
        pending=(*vm.pending_lines, *idle_lines(vm, now)),
        trouble=trouble(vm),
        meters=meters(vm, disk_used, _fresh_reach(vm, now)),
        load=load,
        ports=ports(vm),
        recipes=vm.config.recipes if vm.config else (),
        agents=agents,
        image=visible(vm.config.image, 60) if vm.config else "",
        repository=visible(short_repo(vm.config.repo), 120) if vm.config else "",
        used=age(vm.used_at, now) if vm.used_at else "",
        problem=first_problem(vm),
        actions=actions_of(vm),
        more=more_of(vm),
        tags=tags(vm, line, agents, is_waiting=bool(marks)),
        search=search_text(vm),
    )


def _fresh_reach(vm: Vm, now: float) -> GuestStatus | None:
    """Return the last guest status if the guest responded less than a minute ago, else None."""
    reach = vm.reach
    return reach if reach is not None and reach.answered and not is_older(reach.at, FRESH, now) else None


def what(vm: Vm) -> str:
    """Return the line below the name: kind, image, architecture, repository, protection."""
    if vm.kind == "unmanaged":
        facts = (vm.instance.vm_type, vm.instance.arch) if vm.instance else ()
        return " · ".join(["not created by dvm", *(visible(fact, 20) for fact in facts if fact)])
    if vm.config is None:
        return ""
    arch = "" if vm.config.arch == "default" else vm.config.arch
    kind = f"{vm.config.kind} service" if vm.config.is_service else ""
    protected = "protected" if vm.instance and vm.instance.protected else ""
    known = (kind, vm.config.image, arch, short_repo(vm.config.repo), protected)
    return " · ".join(visible(fact, 80) for fact in known if fact)


def tags(
    vm: Vm, line: StatusLine | None, agents: tuple[AgentLine, ...] = (), *, is_waiting: bool = False
) -> tuple[str, ...]:
    """Return the names of the filters that show this VM; what is known of its work is what its line shows."""
    tone = line.tone if line is not None else ""
    marks = {
        "running": vm.status == "Running",
        "unsaved": tone == "risk",
        "unknown": tone == "blind",
        "waiting": is_waiting,
        "agent": bool(agents),
        "service": vm.config is not None and vm.config.is_service,
        "clean": vm.kind == "managed" and tone == "safe",
    }
    config = (*(f"recipe={name}" for name in vm.config.recipes), f"kind={vm.config.kind}") if vm.config else ()
    return (*(name for name, applies in marks.items() if applies), *config)


def search_text(vm: Vm) -> str:
    """Return the text that a search matches, in lower case."""
    reports = [report for report in (vm.work, vm.failed_check) if report is not None]
    places = [place(report, one.path) for report in reports for one in report.repositories[:50]]
    recipes = vm.config.recipes if vm.config else ()
    words = (visible(vm.name, 80), what(vm), *places, *(port.text for port in ports(vm)), *recipes)
    return " ".join(words).lower()


def first_problem(vm: Vm) -> str:
    """Return the first error of its config, "" if there is none."""
    text = vm.problem.splitlines()[0] if vm.problem else ""
    file, colon, rest = text.partition(":")
    return visible(f"{file.rsplit('/', 1)[-1]}{colon}{rest}" if text.startswith("/") else text, 400)
