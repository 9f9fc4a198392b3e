"""One VM as a value: its config, its instance and its current records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dvmweb.states import Facts

if TYPE_CHECKING:
    from dvmweb.config.model import VmConfig
    from dvmweb.guest.agent.sandbox_report import SandboxReport
    from dvmweb.guest.unsaved_work import UnsavedWorkReport
    from dvmweb.jobs.job_record import Job
    from dvmweb.lima.instances import Instance
    from dvmweb.lima.lima_yaml.differences import Difference
    from dvmweb.lima.lima_yaml.ports import PortState
    from dvmweb.records.guest_status import GuestStatus
    from dvmweb.records.idle_times import IdleTime
    from dvmweb.records.known_work import WorkStatus


@dataclass(frozen=True)
class Vm:
    """A VM: its config and its instance; one of them can be missing."""

    name: str
    kind: str  # managed, not created, unmanaged
    status: str  # Lima's status, "" without an instance
    config: VmConfig | None
    instance: Instance | None
    problem: str  # why the config cannot be read, "" otherwise
    reach: GuestStatus | None  # None: not checked in this boot
    work: UnsavedWorkReport | None  # the last complete report, else the failed check; None: not checked yet
    job: Job | None  # the running job
    failed: Job | None = None  # the last job, if it failed or was interrupted
    failed_check: UnsavedWorkReport | None = None  # the newest check, if it failed after that report
    since: str = ""  # what happened after that report: see records.known_work
    used_at: float = 0.0  # last use, seconds since the epoch
    sandbox: SandboxReport | None = None  # None: the agent sandbox was not tested
    job_ended: float = 0.0  # when its last job ended, seconds since the epoch
    ports: tuple[PortState, ...] = ()  # their states on the host
    pending: tuple[Difference, ...] = ()  # differences between config and instance
    idle: IdleTime | None = None  # None if its config does not stop it when idle

    @property
    def pending_lines(self) -> tuple[str, ...]:
        """The differences between config and instance, as sentences."""
        from dvmweb.lima.lima_yaml.differences import lines

        return lines(self.pending, is_running=self.status == "Running")

    @property
    def pending_todo(self) -> tuple[str, ...]:
        """What to do about them."""
        from dvmweb.lima.lima_yaml.differences import todo

        return todo(self.name, self.pending, is_running=self.status == "Running")

    @property
    def known(self) -> WorkStatus | None:
        """What is known of its unsaved work; None if it was not checked yet."""
        from dvmweb.records.known_work import WorkStatus

        return WorkStatus(self.work, self.failed_check, self.since) if self.work is not None else None

    @property
    def made_of(self) -> tuple[str, ...]:
        """The recipes of its config if the VM is created, else ()."""
        return self.config.recipes if self.config and self.kind == "managed" else ()


def facts_of_listing(vm: Vm) -> Facts:
    """The facts for the table of states, from the last listing."""
    one = vm.instance
    if one is None:
        return Facts(vm.name, status=vm.status if vm.kind == "managed" else None)
    return Facts(vm.name, one.name, vm.status, one.directory, one.errors, has_config=one.config is not None)
