"""What the pages show of VMs and their work: small frozen values made by pure functions, guest text made safe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvmweb.guest_text import visible
from dvmweb.jobs.journal import Job
from dvmweb.jobs.stored import Reach, is_older
from dvmweb.vms import Vm
from dvmweb.web.meters import Meter, meters
from dvmweb.web.wall_view import wall_line
from dvmweb.web.wording import STEP, age, duration, element_id, short_repo
from dvmweb.web.work_line import WorkLine, place, work_line

FRESH = 60.0  # seconds for which an answer counts as "reachable"; a page asks every 15 s
BUSY_WORDS = {"sync": "Syncing", "start": "Starting", "stop": "Stopping", "work": "Looking", "delete": "Deleting"}


@dataclass(frozen=True)
class Badge:
    """A state: a word, an icon and a colour."""

    tone: str  # ok idle warn bad info
    icon: str
    word: str
    age: str = ""
    title: str = ""


@dataclass(frozen=True)
class JobLine:
    """A job that runs on a VM, in a line."""

    id: str
    text: str
    done: int
    total: int


@dataclass(frozen=True)
class FailedLine:
    """The last job of a VM, where it failed, in a line."""

    id: str
    text: str


@dataclass(frozen=True)
class Mark:
    """A terminal of a VM that needs somebody."""

    id: str  # of the element
    path: str  # below the prefix
    text: str
    age: str


@dataclass(frozen=True)
class Port:
    """A port of the guest that is open on this computer."""

    text: str
    url: str  # "" while nothing can answer there
    address: str  # to copy where a browser does not know NAME.localhost


@dataclass(frozen=True)
class Action:
    """A button: a link, or a form of one button."""

    id: str  # of the element, so that the focus survives a new list
    text: str
    icon: str
    path: str  # below the prefix
    is_post: bool = True
    tone: str = ""  # primary danger quiet
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Card:
    """One VM in the list."""

    id: str
    name: str  # as text; an instance that is not ours may be called anything
    path: str  # of its page, "" where it has none
    what: str
    badge: Badge
    marks: tuple[Mark, ...]
    work: WorkLine | None
    wall: WorkLine | None
    job: JobLine | None
    failed: FailedLine | None
    meters: tuple[Meter, ...]
    ports: tuple[Port, ...]
    recipes: tuple[str, ...]
    problem: str
    actions: tuple[Action, ...]
    more: tuple[Action, ...]
    tags: tuple[str, ...]  # running, at-risk, safe, as the filters ask
    search: str


def badge(vm: Vm, now: float) -> Badge:
    """Which word stands for the VM; `Running` is never said without whether it answered."""
    if vm.job is not None:
        word = "Waiting for another VM" if vm.job.state == "queued" else BUSY_WORDS.get(vm.job.verb, vm.job.verb)
        return Badge("info", "sync", word)
    status = visible(vm.status, 30)
    if vm.kind == "unmanaged":
        return Badge("idle", "dot", f"Unmanaged, {status}" if status else "Unmanaged")
    if vm.kind == "not created":
        return Badge("idle", "plus", "Not created")
    if vm.status == "Running":
        return _running(vm, now)
    if vm.status == "Stopped":
        return Badge("idle", "half", "Stopped")
    if vm.status in ("Broken", ""):
        return Badge("bad", "warn", status or "Lima cannot read it")
    return Badge("warn", "warn", status)


def _running(vm: Vm, now: float) -> Badge:
    if vm.reach is None:
        return Badge("idle", "dot", "Running", title="Nobody has asked yet whether it answers")
    asked = age(vm.reach.at, now)
    if not vm.reach.answered:
        return Badge("bad", "warn", "Running, not reachable", asked, "It did not answer when it was asked last")
    if is_older(vm.reach.at, FRESH, now):
        return Badge("idle", "dot", "Running", f"answered {asked}", "Nobody has asked since")
    return Badge("ok", "dot", "Reachable", asked, "It answered when it was asked last")


def _fresh_reach(vm: Vm, now: float) -> Reach | None:
    """Its answer, where it answered a moment ago."""
    reach = vm.reach
    return reach if reach is not None and reach.answered and not is_older(reach.at, FRESH, now) else None


def job_line(job: Job | None, now: float) -> JobLine | None:
    """How far the job of a VM is."""
    if job is None:
        return None
    ended = sum(step.state not in ("waiting", "running") for step in job.steps)
    current = next((step for step in job.steps if step.state == "running"), None)
    number = min(ended + 1, len(job.steps))
    text = f"Step {number} of {len(job.steps)}" if job.steps else "Beginning"
    if current is not None:
        waited = max(0.0, now - current.started)
        text += f": {visible(current.title, 80)}" + (f" · {duration(waited)}" if waited >= STEP else "")
    return JobLine(job.id, text, ended, max(1, len(job.steps)))


def failed_line(vm: Vm) -> FailedLine | None:
    """What the last job of a VM could not do; None where it did, or where another one runs."""
    job = vm.failed
    if job is None or vm.job is not None:
        return None
    step = next((step for step in job.steps if step.state == "failed"), None)
    ended = "was interrupted" if job.state == "interrupted" else "failed"
    at = f": {visible(step.title, 80)}" if step is not None else ""
    if step is None and job.needs_secret:
        at = ": it needs a secret from you"
    return FailedLine(job.id, f"The last {visible(job.verb, 20)} {ended}{at}")


def ports(vm: Vm) -> tuple[Port, ...]:
    """The declared ports; a link names the VM, so that the pages of two VMs share no cookies."""
    declared = vm.config.ports if vm.config else ()
    is_up = vm.kind == "managed" and vm.status == "Running"
    found = []
    for port in declared:
        same = port.host_port == port.guest_port
        text = str(port.host_port) if same else f"{port.host_port} to {port.guest_port}"
        url = f"http://{vm.name}.localhost:{port.host_port}/" if is_up else ""
        found.append(Port(text, url, f"127.0.0.1:{port.host_port}"))
    return tuple(found)


def what(vm: Vm) -> str:
    """The line below the name: what it is made of."""
    if vm.kind == "unmanaged":
        facts = (vm.instance.vm_type, vm.instance.arch) if vm.instance else ()
        return " · ".join(["made outside dvm", *(visible(fact, 20) for fact in facts if fact)])
    if vm.config is None:
        return ""
    arch = "" if vm.config.arch == "default" else vm.config.arch
    kind = f"{vm.config.kind} service" if vm.config.is_service else ""
    return " · ".join(visible(fact, 80) for fact in (kind, vm.config.image, arch, short_repo(vm.config.repo)) if fact)


def tags(vm: Vm, line: WorkLine | None) -> tuple[str, ...]:
    """Which filters show this VM."""
    marks = {
        "running": vm.status == "Running",
        "at-risk": line is not None and line.tone == "risk",
        "safe": vm.kind == "managed" and line is not None and line.tone == "safe",
    }
    return tuple(name for name, holds in marks.items() if holds)


def card(vm: Vm, now: float, disk_used: int = 0, marks: tuple[Mark, ...] = ()) -> Card:
    """The card of a VM; `now` in seconds since the epoch."""
    from dvmweb.web.actions import actions_of, more_of

    line = work_line(vm, now)
    kind = "instance" if vm.kind == "unmanaged" else "vm"
    return Card(
        id=f"{kind}-{element_id(vm.name)}",
        name=visible(vm.name, 80),
        path="" if vm.kind == "unmanaged" else f"/vms/{vm.name}",
        what=what(vm),
        badge=badge(vm, now),
        marks=marks,
        work=line,
        wall=wall_line(vm, now),
        job=job_line(vm.job, now),
        failed=failed_line(vm),
        meters=meters(vm, disk_used, _fresh_reach(vm, now)),
        ports=ports(vm),
        recipes=vm.config.recipes if vm.config else (),
        problem=first_problem(vm),
        actions=actions_of(vm),
        more=more_of(vm),
        tags=tags(vm, line),
        search=search_text(vm),
    )


def search_text(vm: Vm) -> str:
    """All words by which a card is found."""
    places = [place(vm.work, repository.path) for repository in vm.work.repositories[:50]] if vm.work else []
    recipes = vm.config.recipes if vm.config else ()
    words = (visible(vm.name, 80), what(vm), *places, *(port.text for port in ports(vm)), *recipes)
    return " ".join(words).lower()


def first_problem(vm: Vm) -> str:
    """The first error of its config, "" where it has none."""
    text = vm.problem.splitlines()[0] if vm.problem else ""
    file, colon, rest = text.partition(":")
    return visible(f"{file.rsplit('/', 1)[-1]}{colon}{rest}" if text.startswith("/") else text, 400)
