"""The verbs that both faces use: each takes plain words, does one thing, and returns values.

What is done is in the modules beside this one. Those that import much (YAML above all) are imported where a verb needs
them: `dvm sync` hands its work to a process of its own.
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
    """The verbs, over one set of folders."""

    paths: Paths
    environ: Mapping[str, str]

    # -- configs ---------------------------------------------------------------------------------------------------

    def init(self, name: str, recipes: tuple[str, ...] = (), repo: str = "", kind: str = "") -> Path:
        """Write the config of a new VM and return its path. Raises UsageError, ConfigError; nothing is created."""
        return configs.init(self.paths, name, recipes, repo, kind)

    def lacks(self, name: str) -> tuple[Problem, ...]:
        """What a config that can be read has to say yet, before its VM can be made. Raises ConfigError, NotFound."""
        return configs.lacks(self.paths, name)

    def check_config(self, name: str) -> VmConfig:
        """The config of a VM; raises ConfigError with all its errors and NotFound."""
        return configs.check_config(self.paths, name)

    def has_config(self, name: str) -> bool:
        """Say whether `name`, any text, is that of a VM."""
        return configs.has_config(self.paths, name)

    # -- jobs ------------------------------------------------------------------------------------------------------

    def start_job(
        self, name: str, verb: str, options: Mapping[str, Any] = {}, secrets: Mapping[str, bytes] = {}
    ) -> Job:
        """Start sync, start, stop, work or delete. Raises NotFound, VmBusy, ConfigError, NoEngine; then nothing ran."""
        configs.must_have_config(self.paths, name)
        return starting.start(self.paths, self.environ, name, verb, options, secrets)

    def dry_run(self, name: str, options: Mapping[str, Any]) -> tuple[Step, ...]:
        """The steps that a sync would take now: one list, and one question where the guest runs. Changes nothing."""
        from dvmweb.verbs import guest_access

        return guest_access.dry_run(self.paths, self.environ, name, options)

    def jobs(self, name: str = "") -> tuple[Job, ...]:
        """All jobs, newest first."""
        return job_record.newest_first(self.paths, name)

    def job(self, prefix: str) -> Job:
        """The job whose id begins so. Raises NotFound."""
        return job_record.find(self.paths, prefix)

    def cancel(self, job: Job) -> None:
        """Ask a job to end. Raises DvmError when it has ended."""
        starting.cancel(self.paths, job)

    def log(self, job: Job, offset: int = 0, most: int = 1_000_000) -> bytes:
        """The bytes of a job's log from `offset` on, at most `most`."""
        try:
            with files.open_plain(job_record.log_file(self.paths, job.id)) as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""

    # -- looking ---------------------------------------------------------------------------------------------------

    def list_vms(self) -> tuple[Vm, ...]:
        """All VMs by name, with one engine call; what a guest said is remembered, with its time."""
        from dvmweb.verbs import listing

        return listing.list_vms(self.paths, self.environ)

    def remembered(self, vm: Vm) -> Vm:
        """The same VM with what is noted of it by now: reach, work and its job's end; without an engine call."""
        from dvmweb.verbs import listing

        return listing.remembered(self.paths, vm)

    def work_of(self, job: Job) -> UnsavedWorkReport | None:
        """The work report that this job made, None where it made none."""
        from dvmweb.records import work_reports

        return work_reports.of_job(self.paths, job.vm, job.id)

    def standing(self, name: str, instance: Instance | None, *, is_silent: bool = False) -> Facts:
        """What `states` has to know of a VM; `is_silent`: it was asked now and did not answer."""
        from dvmweb.jobs.current_state import facts_about

        return facts_about(self.paths, name, instance, is_silent=is_silent)

    # -- in the guest ------------------------------------------------------------------------------------------------

    def enter(self, name: str, command: tuple[str, ...] = ()) -> int:
        """Enter the VM on our own terminal: a login shell in the code dir, or `command` there; the guest's exit code.

        Raises NotFound where there is no instance and DvmError where it does not run.
        """
        from dvmweb.verbs import guest_access

        return guest_access.enter(self.paths, self.environ, name, command)

    def explain_lost(self, name: str) -> None:
        """After ssh's own code: raise what helps if the VM runs and cannot be entered, or still boots."""
        from dvmweb.verbs import guest_access

        guest_access.explain_lost(self.paths, self.environ, name)

    def running(self, name: str, *, is_quiet: bool = False) -> tuple[PlanInput, Lima]:
        """The plan input of a VM that runs, and the engine for questions to it. Raises NotFound, CheckFailed."""
        from dvmweb.verbs import guest_access

        return guest_access.running(self.paths, self.environ, name, is_quiet=is_quiet)

    def ssh_key(self, name: str) -> tuple[str, str]:
        """The VM's public key and where to paste it; the remembered one where the VM does not run."""
        from dvmweb.verbs import guest_access

        return guest_access.ssh_key(self.paths, self.environ, name)

    def hook(self, name: str) -> Hook:
        """The project hook of a running VM. Raises NotFound, CheckFailed."""
        from dvmweb.verbs import guest_access

        return guest_access.hook(self.paths, self.environ, name)

    def approve_hook(self, name: str, hook: Hook) -> None:
        """Let the next syncs run this very text. Raises UsageError for one that cannot be shown as it is."""
        from dvmweb.verbs import guest_access

        guest_access.approve_hook(self.paths, name, hook)
