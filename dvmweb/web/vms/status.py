"""The state of a VM in words, for its card and page: badge, job, problems, ports. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.ages import STEP, age, is_older
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.states import refusal
from dvmweb.verbs.idle import seconds_left
from dvmweb.verbs.vm import facts_of_listing
from dvmweb.verbs.vms import Vm
from dvmweb.web.ui.formatting import duration
from dvmweb.web.ui.values import Badge

FRESH = 60.0  # seconds for which a response counts as "reachable"; a page checks every 15 s
BUSY_WORDS = {
    "sync": "Syncing",
    "start": "Starting",
    "stop": "Stopping",
    "restart": "Restarting",
    "work": "Checking",
    "delete": "Deleting",
    "checkpoint": "Copying",
    "rewind": "Rewinding",
}


@dataclass(frozen=True)
class JobLine:
    """The running job of a VM, in one line."""

    id: str
    text: str
    done: int
    total: int


@dataclass(frozen=True)
class FailedLine:
    """The last job of a VM if it failed, in one line."""

    id: str
    text: str
    is_refused: bool = False  # nothing was changed


@dataclass(frozen=True)
class Port:
    """A port of the guest, forwarded to the host."""

    text: str
    url: str  # "" unless the guest listens on it
    address: str  # for browsers that cannot resolve NAME.localhost
    note: str  # shown beside its number, "" for none
    is_lost: bool  # another program listens there, or none
    is_late: bool  # a restart changes it


def badge(vm: Vm, now: float) -> Badge:
    """Return the state of a VM as a badge; a running VM shows whether it responded."""
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
        return Badge("bad", "warn", status or "Not readable by Lima")
    return Badge("warn", "warn", status)


def _running(vm: Vm, now: float) -> Badge:
    if vm.reach is None:
        return Badge("idle", "dot", "Running", title="Not checked yet")
    when = age(vm.reach.at, now)
    if not vm.reach.answered:
        before = f"; last response {age(vm.reach.last_answer, now)}" if vm.reach.last_answer else ""
        title = f"The guest did not respond to the last check{before}"
        return Badge("bad", "warn", "Running, not reachable", when, title)
    if is_older(vm.reach.at, FRESH, now):
        return Badge("idle", "dot", "Running", f"reachable {when}", "Not checked since")
    return Badge("ok", "dot", "Reachable", when, "The guest responded to the last check")


def trouble(vm: Vm) -> tuple[str, str]:
    """Return why a VM can neither run nor be started, with Lima's reason, and what to do; ("", "") if it can."""
    if vm.kind != "managed" or vm.instance is None or vm.status in ("Running", "Stopped") or vm.job is not None:
        return "", ""
    error = refusal("start", facts_of_listing(vm))
    return (error.what, error.todo) if error is not None else ("", "")


def job_line(job: Job | None, now: float) -> JobLine | None:
    """Return the progress of the running job, None for no job."""
    if job is None:
        return None
    ended = sum(step.state not in ("waiting", "running") for step in job.steps)
    current = next((step for step in job.steps if step.state == "running"), None)
    number = min(ended + 1, len(job.steps))
    text = f"Step {number} of {len(job.steps)}" if job.steps else "Job is starting"
    if current is not None:
        waited = max(0.0, now - current.started)
        text += f": {visible(current.title, 80)}" + (f" · {duration(waited)}" if waited >= STEP else "")
    return JobLine(job.id, text, ended, max(1, len(job.steps)))


def failed_line(vm: Vm) -> FailedLine | None:
    """Return why the last job of a VM failed; None if it did not, or if another job is running."""
    job = vm.failed
    if job is None or vm.job is not None:
        return None
    cause = job.failure.headline.partition(". ")[0].rstrip(".").replace("`", "") if job.failure else ""
    why = f": {visible(cause, 160)}" if cause else ""
    return FailedLine(job.id, f"Last {visible(job.verb, 20)} {job.bad_end}{why}", job.is_refused)


def ports(vm: Vm) -> tuple[Port, ...]:
    """Return the ports of a VM; a link contains the VM's name, so that the pages of two VMs share no cookies.

    Only a port that the VM itself listens on is a link: another program could serve any other.
    """
    found = []
    for port in vm.ports:
        same = port.host_port == port.guest_port
        text = str(port.host_port) if same else f"{port.host_port} → {port.guest_port}"
        is_guests = port.is_held and not port.met_first
        url = f"http://{vm.name}.localhost:{port.host_port}/" if is_guests else ""
        found.append(Port(text, url, f"127.0.0.1:{port.host_port}", port.note, port.is_lost, port.is_late))
    return tuple(found)


def idle_lines(vm: Vm, now: float) -> tuple[str, ...]:
    """Return the announced stop of a VM that is not used, or why it was not made; () for none."""
    left = seconds_left(vm.idle, vm.config.idle_stop, now) if vm.idle is not None and vm.config is not None else None
    if left is None or vm.idle is None or vm.status != "Running":
        return ()
    if vm.idle.problem:
        return (f"Not used, and not stopped: {vm.idle.problem}",)
    return (f"Stops in about {max(1, round(left / 60))} min, because nothing uses it",)
