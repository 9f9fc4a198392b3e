"""The verbs that the command line and the dashboard call: each takes values and returns values.

The work is in the other modules of this room. Those that import much (such as YAML) are imported inside the verbs,
because `dvm sync` passes its work to another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvmweb import files
from dvmweb.jobs import job_record, starting
from dvmweb.jobs.job_record import Job
from dvmweb.paths import Paths
from dvmweb.records import renames
from dvmweb.verbs import configs
from dvmweb.verbs.vm import Vm

__all__ = ["Vm", "Vms"]

if TYPE_CHECKING:
    from dvmweb.config.model import VmConfig
    from dvmweb.errors import Problem
    from dvmweb.guest.unsaved_work import UnsavedWorkReport
    from dvmweb.lima.client import Lima
    from dvmweb.lima.instances import Instance
    from dvmweb.plans import PlanInput, Step
    from dvmweb.states import Facts
    from dvmweb.verbs.guest_access import Hook


@dataclass(frozen=True)
class Vms:
    """The verbs, for one set of folders."""

    paths: Paths
    environ: Mapping[str, str]

    def lima(self, vm: str = "") -> Lima:
        """The engine, for all VMs or for one. Raises NoEngine."""
        from dvmweb.lima.client import Lima
        from dvmweb.lima.engine import find_engine

        return Lima(find_engine(self.environ, self.paths), self.paths, self.environ, vm=vm)

    # -- configs ---------------------------------------------------------------------------------------------------

    def init(self, name: str, recipes: tuple[str, ...] = (), repo: str = "", kind: str = "") -> Path:
        """Write the config of a new VM and return its path. Raises UsageError, ConfigError; nothing is written then."""
        return configs.init(self.paths, name, recipes, repo, kind)

    def lacks(self, name: str) -> tuple[Problem, ...]:
        """What is missing in a valid config before its VM can be created. Raises ConfigError, NotFound."""
        return configs.lacks(self.paths, name)

    def check_config(self, name: str) -> VmConfig:
        """The config of a VM. Raises NotFound, and ConfigError with all its errors."""
        return configs.check_config(self.paths, name)

    def has_config(self, name: str) -> bool:
        """Whether a VM with a config has this name; `name` can be any text."""
        return configs.has_config(self.paths, name)

    # -- jobs ------------------------------------------------------------------------------------------------------

    def start_job(
        self, name: str, verb: str, options: Mapping[str, Any] = {}, secrets: Mapping[str, bytes] = {}
    ) -> Job:
        """Start a job of this verb. Raises NotFound, VmBusy, ConfigError, NoEngine; then nothing was run."""
        configs.must_have_config(self.paths, name)
        renames.refuse_half(self.paths, name)
        return starting.start(self.paths, self.environ, name, verb, options, secrets)

    def dry_run(self, name: str, options: Mapping[str, Any]) -> tuple[Step, ...]:
        """The steps of a sync started now, by one listing and, if the VM runs, one question to it. Changes nothing."""
        from dvmweb.verbs import guest_access

        return guest_access.dry_run(self.paths, self.environ, name, options)

    def jobs(self, name: str = "") -> tuple[Job, ...]:
        """All jobs, newest first."""
        return job_record.newest_first(self.paths, name)

    def job(self, prefix: str) -> Job:
        """The job whose id begins with `prefix`. Raises NotFound."""
        return job_record.find(self.paths, prefix)

    def cancel(self, job: Job) -> None:
        """Cancel a job. Raises DvmError if it has ended."""
        starting.cancel(self.paths, job)

    def log(self, job: Job, offset: int = 0, most: int = 1_000_000) -> bytes:
        """The bytes of a job's log from `offset` on, at most `most`."""
        try:
            with files.open_plain(job_record.log_file(self.paths, job.id)) as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""

    # -- lists and records -----------------------------------------------------------------------------------------

    def list_vms(self) -> tuple[Vm, ...]:
        """All VMs by name, with one limactl call and the stored reports of their guests."""
        from dvmweb.verbs import listing

        return listing.list_vms(self.paths, self.environ)

    def listed(self, name: str) -> Vm | None:
        """One VM as it is listed now, with one engine call; None if there is none of that name."""
        return next((vm for vm in self.list_vms() if vm.name == name), None)

    def remembered(self, vm: Vm) -> Vm:
        """The VM with its current records: guest status, unsaved work, last job. Runs no limactl."""
        from dvmweb.verbs import listing

        return listing.remembered(self.paths, vm)

    def work_of(self, job: Job) -> UnsavedWorkReport | None:
        """The unsaved-work report that this job made, None if it made none."""
        from dvmweb.records import work_reports

        return work_reports.of_job(self.paths, job.vm, job.id)

    def standing(self, name: str, instance: Instance | None, *, is_silent: bool = False) -> Facts:
        """The facts for `dvmweb.states`; `is_silent`: the guest was checked now and did not respond."""
        from dvmweb.jobs.current_state import facts_about

        return facts_about(self.paths, name, instance, is_silent=is_silent)

    # -- in the guest ------------------------------------------------------------------------------------------------

    def enter(self, name: str, command: tuple[str, ...] = ()) -> int:
        """Open a login shell in the code folder, or run `command` there, on this terminal; return its exit code.

        Raises NotFound without an instance, DvmError if it is not running.
        """
        from dvmweb.verbs import guest_access

        return guest_access.enter(self.paths, self.environ, name, command)

    def explain_lost(self, name: str) -> None:
        """After exit code 255 of ssh: raise the error of a guest that does not respond or is still booting."""
        from dvmweb.verbs import guest_access

        guest_access.explain_lost(self.paths, self.environ, name)

    def running(self, name: str, *, is_quiet: bool = False) -> tuple[PlanInput, Lima]:
        """The plan input of a running VM, and the engine to query it. Raises NotFound, CheckFailed."""
        from dvmweb.verbs import guest_access

        return guest_access.running(self.paths, self.environ, name, is_quiet=is_quiet)

    def ssh_key(self, name: str) -> tuple[str, str]:
        """The VM's public key and where to add it; the stored one if there is one. Raises NotFound, CheckFailed."""
        from dvmweb.verbs import guest_access

        return guest_access.ssh_key(self.paths, self.environ, name)

    def hook(self, name: str) -> Hook:
        """The project hook of a running VM. Raises NotFound, CheckFailed."""
        from dvmweb.verbs import guest_access

        return guest_access.hook(self.paths, self.environ, name)

    def approve_hook(self, name: str, hook: Hook) -> None:
        """Approve this text of the hook for later syncs. Raises UsageError for one that cannot be shown exactly."""
        from dvmweb.verbs import guest_access

        guest_access.approve_hook(self.paths, name, hook)
