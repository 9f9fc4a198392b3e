"""The verbs that both faces use: each takes plain words, does one thing, and returns values."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvmweb.config.kinds import SIZES
from dvmweb.errors import ConfigError, CouldNotLook, DvmError, NotFound, Problem, UsageError
from dvmweb.guest_text import why_not_plain
from dvmweb.jobs import journal, starting
from dvmweb.jobs.journal import Job
from dvmweb.names import check_socket_path, instance_name, vm_name
from dvmweb.paths import Paths

if TYPE_CHECKING:
    from dvmweb.config.model import VmConfig
    from dvmweb.config.store import ConfigStore
    from dvmweb.jobs.stored import Reach
    from dvmweb.lima.client import Lima
    from dvmweb.lima.instances import Instance
    from dvmweb.plans import Step, World
    from dvmweb.wall import WallReport
    from dvmweb.work import WorkReport

# Heavy rooms (YAML above all) are imported where a verb needs them: `dvm sync` hands its work to a process of its own.


@dataclass(frozen=True)
class Hook:
    """The project hook .dvm/sync.sh as the guest shows it; an agent can have written it."""

    digest: str  # SHA-256, "" where there is none
    text: bytes
    is_approved: bool  # this very text
    odd: str  # why it cannot be approved, "" for plain text


@dataclass(frozen=True)
class Vm:
    """The pair that the user sees: config or none, instance or none."""

    name: str
    kind: str  # managed, not created, unmanaged
    status: str  # limactl's own word, "" where there is no instance
    config: VmConfig | None
    instance: Instance | None
    problem: str  # why the config cannot be read, "" otherwise
    reach: Reach | None  # None: nobody has asked in this boot
    work: WorkReport | None  # None: nobody has looked
    job: Job | None  # the one that holds the VM now
    failed: Job | None = None  # the last one, where it did not do what it should
    has_run_since: bool = False  # stopped, and it ran again after it was looked into
    wall: WallReport | None = None  # None: the wall around its agents was not tested
    job_ended: float = 0.0  # when its last job ended, seconds since the epoch

    @property
    def made_of(self) -> tuple[str, ...]:
        """The recipes that its config names, where there is an instance to have them."""
        return self.config.recipes if self.config and self.kind == "managed" else ()


@dataclass(frozen=True)
class Vms:
    """The verbs, over one set of folders."""

    paths: Paths
    environ: Mapping[str, str]

    # -- configs ---------------------------------------------------------------------------------------------------

    def init(self, name: str, recipes: tuple[str, ...] = (), repo: str = "", kind: str = "") -> Path:
        """Write the config of a new VM and return its path. Raises UsageError, ConfigError; nothing is created."""
        check_socket_path(str(self.paths.lima_home), vm_name(name))
        given = (("kind", kind), ("repo", repo), ("recipes", list(recipes)))
        values = {field: value for field, value in given if value} | SIZES.get(kind, {})
        try:
            self._check_recipes(recipes)
            return self._store().create(name, values)
        except ConfigError as error:
            raise ConfigError(tuple(_of_the_words(problem) for problem in error.problems)) from error

    def _check_recipes(self, names: tuple[str, ...]) -> None:
        from dvmweb import recipes

        bundles = self._store().read_defaults().bundles
        recipes.order([name for name in names if name not in bundles], recipes.Shelf(self.paths))

    def check_config(self, name: str) -> VmConfig:
        """The config of a VM; raises ConfigError with all its errors and NotFound."""
        return self._store().read(vm_name(name))

    def _store(self) -> ConfigStore:
        from dvmweb.config.store import ConfigStore

        return ConfigStore(self.paths)

    def _must_have_config(self, name: str) -> None:
        if not self.paths.vm_config(vm_name(name)).exists():
            raise NotFound(
                f"There is no VM {name}.", f"Make its config with `dvm init {name}`; `dvm ls` lists all VMs."
            )

    # -- jobs ------------------------------------------------------------------------------------------------------

    def start_job(
        self, name: str, verb: str, options: Mapping[str, Any] = {}, secrets: Mapping[str, bytes] = {}
    ) -> Job:
        """Start sync, start, stop, work or delete. Raises NotFound, VmBusy, ConfigError, NoEngine; then nothing ran."""
        self._must_have_config(name)
        return starting.start(self.paths, self.environ, name, verb, options, secrets)

    def dry_run(self, name: str, options: Mapping[str, Any]) -> tuple[Step, ...]:
        """The steps that a sync would take now: one list, and one question where the guest runs. Changes nothing."""
        from dvmweb import plans
        from dvmweb.guest_state import parse_state

        world, lima = self._asked(name, "sync")
        wanted = plans.Options(**options)
        if world.instance is not None and world.instance.status == "Running":
            finished = lima.ask(world.wish.instance, plans.state_question(world))
            with suppress(CouldNotLook):  # not reachable: the plan is drawn without its answer
                world = replace(world, guest=parse_state(finished.stdout, world.nonce))
        return plans.plan("sync", world, wanted)

    def _asked(self, name: str, verb: str, *, is_quiet: bool = False) -> tuple[World, Lima]:
        """The world of a VM with its instance as limactl tells it now."""
        from dvmweb.jobs.worlds import load_world
        from dvmweb.lima.client import Lima

        self._must_have_config(name)
        world = load_world(self.paths, self.environ, name, verb)
        lima = Lima(world.engine, self.paths, self.environ, vm=name, is_quiet=is_quiet)
        return replace(world, instance=lima.list().find(world.wish.instance), has_looked=True), lima

    def jobs(self, name: str = "") -> tuple[Job, ...]:
        """All jobs, newest first."""
        return journal.newest_first(self.paths, name)

    def job(self, prefix: str) -> Job:
        """The job whose id begins so. Raises NotFound."""
        return journal.find(self.paths, prefix)

    def cancel(self, job: Job) -> None:
        """Ask a job to end. Raises DvmError when it has ended."""
        starting.cancel(self.paths, job)

    def log(self, job: Job, offset: int = 0, most: int = 1_000_000) -> bytes:
        """The bytes of a job's log from `offset` on, at most `most`."""
        try:
            with journal.log_file(self.paths, job.id).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""

    # -- looking ---------------------------------------------------------------------------------------------------

    def list_vms(self) -> tuple[Vm, ...]:
        """All VMs by name, with one engine call; what a guest said is remembered, with its time."""
        from dvmweb.lima.client import Lima
        from dvmweb.lima.engine import find_engine

        lima = Lima(find_engine(self.environ, self.paths), self.paths, self.environ)
        instances = {instance.name: instance for instance in lima.list().instances}
        names = self._store().names()
        ours = [self._vm(name, instances.pop(instance_name(name), None)) for name in names]
        others = [_unmanaged(instance) for instance in instances.values()]
        return tuple(sorted((*ours, *others), key=lambda vm: (vm.kind == "unmanaged", vm.name)))

    def _vm(self, name: str, instance: Instance | None) -> Vm:
        config, problem = None, ""
        try:
            config = self._store().read(name)
        except DvmError as error:
            problem = error.what
        kind, status = ("managed", instance.status) if instance else ("not created", "")
        return self.remembered(Vm(name, kind, status, config, instance, problem, None, None, None))

    def stored_work(self, vm: Vm) -> WorkReport | None:
        """The last work report about this very instance; None where nobody has looked since it was made."""
        from dvmweb.jobs import stored

        known = stored.read(self.paths, vm.name, vm.instance)
        return known.report if known else None

    def remembered(self, vm: Vm) -> Vm:
        """The same VM with what is noted of it by now: reach, work and its job's end; without an engine call."""
        from dvmweb.jobs import stored, walls

        if vm.kind == "unmanaged":
            return vm
        known = stored.read(self.paths, vm.name, vm.instance)
        last = starting.last_job(self.paths, vm.name)
        job, failed = _jobs(last)
        return replace(
            vm,
            reach=stored.read_reach(self.paths, vm.name, vm.instance),
            work=known.report if known else None,
            wall=walls.read(self.paths, vm.name, vm.instance),
            has_run_since=stored.has_run_since(known, vm.instance),
            job=job,
            failed=failed,
            job_ended=last.ended if last is not None else 0.0,
        )

    def work_of(self, job: Job) -> WorkReport | None:
        """The work report that this job made, None where it made none."""
        from dvmweb.jobs import stored

        return stored.of_job(self.paths, job.vm, job.id)

    # -- in the guest ------------------------------------------------------------------------------------------------

    def enter(self, name: str, command: tuple[str, ...] = ()) -> int:
        """Enter the VM on our own terminal: a login shell in the code dir, or `command` there; the guest's exit code.

        Raises NotFound where there is no instance and DvmError where it does not run.
        """
        from dvmweb.lima.entering import enter

        world, lima = self.running(name)
        return lima.attach(enter(world.wish.instance, world.config.guest_code_dir, command))

    def need_running(self, name: str) -> None:
        """Raise NotFound where there is no such instance, CouldNotLook where it does not run."""
        self.running(name)

    def running(self, name: str, *, is_quiet: bool = False) -> tuple[World, Lima]:
        """The world of a VM that runs, and the engine for questions to it. Raises NotFound, CouldNotLook."""
        world, lima = self._asked(name, "look", is_quiet=is_quiet)
        if world.instance is None:
            raise NotFound(f"{name} is not created.", f"Create it with `dvm sync {name}`.")
        if world.instance.status != "Running":
            status = world.instance.status or "in an unknown state"
            raise CouldNotLook(f"{name} is {status}.", f"Start it with `dvm start {name}`.")
        return world, lima

    def ssh_key(self, name: str) -> tuple[str, str]:
        """The VM's public key and where to paste it; the remembered one where the VM does not run."""
        from dvmweb.guest_state import parse_key
        from dvmweb.jobs.worlds import read_note
        from dvmweb.plans import key_question
        from dvmweb.remotes import where_to_paste

        config = self.check_config(name)
        if config.is_service:
            raise NotFound(f"{name} has no key of its own: it is a {config.kind} VM.", "It clones no repository.")
        key = read_note(self.paths, name, "key.pub")
        if not key and read_note(self.paths, name, "no-key"):
            raise NotFound(f"{name} has no key: ssh-keygen is missing.", "Install the OpenSSH client, then sync again.")
        if not key:
            world, lima = self.running(name)
            found = parse_key(lima.ask(world.wish.instance, key_question(world)).stdout, world.nonce)
            key = found.line if found else ""
        if not key:
            raise NotFound(f"{name} has no key yet.", f"`dvm sync {name}` makes one.")
        return key, where_to_paste(config.repo) if config.repo else ""

    def hook(self, name: str) -> Hook:
        """The project hook of a running VM. Raises NotFound, CouldNotLook."""
        from dvmweb.guest_state import parse_hook
        from dvmweb.jobs.worlds import read_note
        from dvmweb.plans import hook_question

        world, lima = self.running(name)
        found = parse_hook(lima.ask(world.wish.instance, hook_question(world)).stdout, world.nonce)
        digest, text = found or ("", b"")
        is_approved = bool(digest) and digest == read_note(self.paths, name, "approved-hook")
        return Hook(digest, text, is_approved, why_not_plain(text))

    def approve_hook(self, name: str, hook: Hook) -> None:
        """Let the next syncs run this very text. Raises UsageError for one that cannot be shown as it is."""
        from dvmweb.jobs.worlds import write_note

        if hook.odd or not hook.digest:
            raise UsageError(
                f"This hook cannot be approved: {hook.odd or 'there is none'}.", "Write it in plain lines."
            )
        write_note(self.paths, name, "approved-hook", hook.digest)


def _of_the_words(problem: Problem) -> Problem:
    """A problem of words given to `init`: it names the option, as there is no file yet."""
    option = {"repo": "--repo", "recipes": "--recipe", "kind": "--kind"}.get(problem.field.partition(".")[0])
    return replace(problem, field=option) if option and not problem.file else problem


def _jobs(last: Job | None) -> tuple[Job | None, Job | None]:
    """The last job of a VM as the one that holds it, or as one that failed; a refused delete or look is no failure."""
    is_failed = last is not None and last.state in ("failed", "interrupted") and last.verb not in ("delete", "work")
    return last if last is not None and last.is_open else None, last if is_failed else None


def _unmanaged(instance: Instance) -> Vm:
    return Vm(instance.name, "unmanaged", instance.status, None, instance, "", None, None, None)
