"""One VM as the faces get it: its config, its instance, and what is noted of it by now. A value."""

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
    from dvmweb.records.known_work import WorkStatus


@dataclass(frozen=True)
class Vm:
    """The pair that the user sees: config or none, instance or none."""

    name: str
    kind: str  # managed, not created, unmanaged
    status: str  # limactl's own word, "" where there is no instance
    config: VmConfig | None
    instance: Instance | None
    problem: str  # why the config cannot be read, "" otherwise
    reach: GuestStatus | None  # None: not asked in this boot
    work: UnsavedWorkReport | None  # the last complete report, else the failed check; None: not checked yet
    job: Job | None  # the one that holds the VM now
    failed: Job | None = None  # the last one, where it did not do what it should
    failed_check: UnsavedWorkReport | None = None  # the newest one, where it failed after that report
    since: str = ""  # what came after that report: see records.known_work
    used_at: float = 0.0  # when something was last done in it, seconds since the epoch
    sandbox: SandboxReport | None = None  # None: the agent sandbox was not tested
    job_ended: float = 0.0  # when its last job ended, seconds since the epoch
    ports: tuple[PortState, ...] = ()  # how each stands on the host
    pending: tuple[Difference, ...] = ()  # what of the config is not so in the instance

    @property
    def pending_lines(self) -> tuple[str, ...]:
        """What of the config is not so in the instance, in sentences."""
        from dvmweb.lima.lima_yaml.differences import lines

        return lines(self.pending, is_running=self.status == "Running")

    @property
    def known(self) -> WorkStatus | None:
        """What is known of the work in it; None if it was not checked yet."""
        from dvmweb.records.known_work import WorkStatus

        return WorkStatus(self.work, self.failed_check, self.since) if self.work is not None else None

    @property
    def made_of(self) -> tuple[str, ...]:
        """The recipes that its config names, where there is an instance to have them."""
        return self.config.recipes if self.config and self.kind == "managed" else ()


def facts_of_listing(vm: Vm) -> Facts:
    """What the table of states has to know, as far as the last listing tells it."""
    one = vm.instance
    if one is None:
        return Facts(vm.name, status=vm.status if vm.kind == "managed" else None)
    return Facts(vm.name, one.name, vm.status, one.directory, one.errors, has_config=one.config is not None)
