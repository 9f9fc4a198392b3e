"""From what the user wants and what is there to the steps that bring them together. Pure: nothing is run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError
from dvmweb.guest_state import GuestState
from dvmweb.guest_text import visible
from dvmweb.lima import commands
from dvmweb.lima.engine import Engine
from dvmweb.lima.guest_script import GuestScript
from dvmweb.lima.instances import Instance
from dvmweb.lima.rendering import Wish, expected_difference
from dvmweb.recipes import Recipe

# Deadlines in seconds.
LIST, PROBE, LOOK, EDIT, STOP, START, CREATE, DELETE, SCRIPT = (
    10.0,
    15.0,
    75.0,
    30.0,
    420.0,
    900.0,
    3600.0,
    120.0,
    3600.0,
)
WAIT_FOR_ANSWER = 300.0  # a VM that says Running may still boot for minutes
NOT_HERE = 69  # exit code of a guest script that cannot do its work in the demo
KEY_REFUSED = 77  # exit code of _clone.sh when the server does not know the VM's key


@dataclass(frozen=True)
class Step:
    """One command or one check of ours, as it is shown, journaled and run."""

    title: str
    argv: tuple[str, ...] = ()  # never holds a secret; empty for a check
    timeout: float = 60.0  # seconds
    check: str = ""  # a named check of ours that reads the output, see jobs/checks.py
    script: GuestScript | None = field(default=None, repr=False)  # goes in on stdin, secrets with it; never logged
    skip_reason: str = ""  # shown instead of running
    needs_network: bool = False
    locks_engine: str = ""  # "": no; "step": while it runs; "running": until the instance is Running


@dataclass(frozen=True)
class RecipeWish:
    """A recipe as one VM wants it."""

    recipe: Recipe
    digest: str
    params: Mapping[str, str]


@dataclass(frozen=True)
class World:
    """All that a plan depends on."""

    config: VmConfig
    wish: Wish
    overlay: Mapping[str, Any]
    recipes: tuple[RecipeWish, ...]
    scripts: Mapping[str, str]  # our guest scripts by file name
    engine: Engine
    lima_home: Path
    lima_file: Path  # the lima.yaml that create reads
    known_id: str  # the host's copy of the instance id, "" before the first sync
    new_id: str  # used where the guest has none yet
    nonce: str  # of this plan's questions
    approved_hook: str = ""  # the digest that the user approved
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    instance: Instance | None = None  # as the look said; not changed by later steps
    has_looked: bool = False
    booted: Instance | None = None  # as it was listed after this plan started it; no step depends on it
    guest: GuestState | None = None  # once it answered


@dataclass(frozen=True)
class Options:
    """What the user said beside the VM's name."""

    fresh: bool = False  # run every recipe
    update: bool = False  # also those that follow a moving version
    restart: bool = False  # stop and start where a change needs it
    force: bool = False  # stop: kill; delete: also with work at risk
    expected: str = ""  # delete: the facts hash of the report that the user saw


def plan(verb: str, world: World, options: Options) -> tuple[Step, ...]:
    """The steps of one verb. Once `world.guest` is known they carry their skip reasons."""
    return tuple(_PLANS[verb](world, options))


def _sync(world: World, options: Options) -> Iterator[Step]:
    yield _look_first("look-first")
    yield from _up(world, options)
    yield from _identity(world)
    yield from (_recipe(world, wish, options) for wish in world.recipes)
    yield _key(world)
    yield _code(world)
    yield _hook(world, options)
    yield _look_after_sync(world, options)


def _start(world: World, options: Options) -> Iterator[Step]:
    yield _look_first()
    yield from _up(world, options)


def _stop(world: World, options: Options) -> Iterator[Step]:
    yield _look_first()
    if not options.force:
        yield look(world, is_optional=True)
        yield Step("stop", commands.stop(world.wish.instance), STOP, locks_engine="step", skip_reason=_stopped(world))
    else:
        yield Step("stop by force", commands.stop_force(world.wish.instance), EDIT, locks_engine="step")
        yield Step("end its connections", check="end-connections")


def _work(world: World, options: Options) -> Iterator[Step]:
    is_down = bool(_stopped(world))
    yield _look_first()
    if is_down:
        yield from _change(world, options)
        yield from _boot(world)
    yield look(world)
    if is_down:
        yield Step("stop, as it was", commands.stop(world.wish.instance), STOP, locks_engine="step")


def _delete(world: World, options: Options) -> Iterator[Step]:
    """Look, compare, stop, delete: the lock of the VM is held from the first look to the end."""
    name, status = world.wish.instance, world.instance.status if world.instance else "Running"
    yield _look_first("deletable")
    if status == "Stopped" and not options.force:
        yield from _change(world, options)
        yield from _boot(world)
    if status == "Running" or not options.force:
        yield look(world, "work-unchanged", is_optional=options.force)
    if status == "Running" or (status == "Stopped" and not options.force):
        yield Step("stop", commands.stop(name), STOP, locks_engine="step")
    is_odd = status not in ("Running", "Stopped")
    argv = commands.delete_force(name) if is_odd else commands.delete(name)
    yield Step("delete instance", argv, DELETE, locks_engine="step")
    yield Step("nothing left behind", commands.list_all(), LIST, check="is-gone")


_PLANS = {"sync": _sync, "start": _start, "stop": _stop, "work": _work, "delete": _delete}


def _look_first(check: str = "must-exist") -> Step:
    return Step("look first", commands.list_all(), LIST, check=check)


def _up(world: World, options: Options) -> Iterator[Step]:
    """From whatever is there to a guest that answers."""
    instance = world.instance
    if instance is not None and instance.status in ("Broken", ""):
        raise _cannot_start(instance)
    if instance is None:
        yield Step(
            "create instance", commands.create(str(world.lima_file), world.wish.instance), CREATE, locks_engine="step"
        )
        yield _effective(world)
        yield from _boot(world)
    else:
        yield from _change(world, options)
        yield from _boot(world) if _is_down_now(world, options) else _answer(world)


def _cannot_start(instance: Instance) -> DvmError:
    if instance.status == "Broken":
        return DvmError(
            f"{instance.name} is Broken: one of its two processes died.",
            f"End it with `dvm stop {instance.name.removeprefix('dvm-')} --force`, then run this again. "
            "What the guest had not written to its disk may be lost.",
        )
    return DvmError(
        f"Lima cannot read {instance.name}: its lima.yaml is not valid.",
        f"Mend {instance.directory}/lima.yaml, or delete the instance with limactl.",
    )


def _change(world: World, options: Options) -> Iterator[Step]:
    """Bring an instance that exists to its config; a running one only with leave to restart it."""
    assert world.instance is not None  # noqa: S101
    edits = expected_difference(world.instance, world.wish, world.overlay)
    running = world.instance.status == "Running"
    if not edits:
        # A listing made before this plan is enough where nothing was edited since.
        yield Step("effective config", check="effective-known", skip_reason="checked at the look" if running else "")
        return
    wait = f"waits for a restart: `dvm sync {world.config.name} --restart`" if running and not options.restart else ""
    if running and not wait:
        yield Step("stop for the change", commands.stop(world.wish.instance), STOP, locks_engine="step")
    what = ", ".join(sorted(edits))
    yield Step(f"change {what}", commands.edit(world.wish.instance, edits), EDIT, locks_engine="step", skip_reason=wait)
    if not wait:
        yield _effective(world)


def _is_down_now(world: World, options: Options) -> bool:
    assert world.instance is not None  # noqa: S101
    if world.instance.status != "Running":
        return True
    return options.restart and bool(expected_difference(world.instance, world.wish, world.overlay))


def _effective(world: World) -> Step:
    return Step("effective config", commands.list_all(), LIST, check="effective-config")


def _boot(world: World) -> Iterator[Step]:
    yield Step("start", commands.start(world.wish.instance, int(START) - 60), START, locks_engine="running")
    yield from _answer(world)


def _answer(world: World) -> Iterator[Step]:
    script = state_question(world)
    yield Step("reachable", _ask(world, script), WAIT_FOR_ANSWER, check="answer", script=script)
    yield Step("state", check="state")


def state_question(world: World) -> GuestScript:
    """Which guest is it, what is applied, do the probes pass: the one question of a sync."""
    names = "\n".join(wish.recipe.name for wish in world.recipes)
    probes = {f"probe-{wish.recipe.name}": wish.recipe.probe for wish in world.recipes if wish.recipe.probe}
    return _script(world, "_state.sh", {"DVM_RECIPES": names}, probes)


def _identity(world: World) -> Iterator[Step]:
    if world.guest is not None and world.guest.identity == (world.wish.instance, world.known_id):
        return
    script = _script(world, "_identity.sh", {"DVM_ID": world.known_id or world.new_id})
    yield _run("mark the guest", world, script, PROBE, check="identity")


def _recipe(world: World, wish: RecipeWish, options: Options) -> Step:
    name = wish.recipe.name
    script = GuestScript(
        main=world.scripts["_apply.sh"],
        files={"recipe.sh": wish.recipe.text, "_lib.sh": world.scripts["_lib.sh"], "probe": wish.recipe.probe},
        variables={**_common(world), **wish.params, "DVM_RECIPE": name, "DVM_RECIPE_HASH": wish.digest},
        secrets={param.name: world.secrets[param.name] for param in wish.recipe.params if param.name in world.secrets},
    )
    reason = _recipe_skip(world, wish, options)
    return _run(
        f"recipe {name}" if name != "baseline" else name, world, script, SCRIPT, needs_network=True, skip_reason=reason
    )


def _recipe_skip(world: World, wish: RecipeWish, options: Options) -> str:
    name, guest = wish.recipe.name, world.guest
    has_secret = any(param.name in world.secrets for param in wish.recipe.params)
    if guest is None or options.fresh or has_secret or (options.update and wish.recipe.moving):
        return ""
    applied = guest.applied.get(name)
    if applied is None or applied.hash != wish.digest:
        return ""
    if applied.result == "not-run":
        return "unchanged, not run in the demo" if guest.is_demo else ""
    if guest.probes.get(name) == "failed":
        return ""
    return "unchanged, probe passes" if guest.probes.get(name) == "ok" else "unchanged"


def _key(world: World) -> Step:
    reason = "there already" if world.guest and world.guest.key else ""
    return _run("VM-local key", world, _script(world, "_keys.sh", {}), PROBE * 2, check="key", skip_reason=reason)


def _code(world: World) -> Step:
    repo, guest = world.config.repo, world.guest
    script = _script(world, "_clone.sh", {"DVM_REPO": repo}) if repo else _script(world, "_code_dir.sh", {})
    title = f"clone {repo}" if repo else "code dir"
    reason = ""
    if guest is not None and guest.code == "repository":
        reason = "a repository is there" if not repo or guest.origin == repo else _other_repository(guest)
    elif guest is not None and guest.code != "absent" and (guest.code == "files" or not repo):
        reason = "there already" if not repo else "the code dir holds files, so nothing is cloned over them"
    return _run(
        title, world, script, SCRIPT, check="clone" if repo else "", needs_network=bool(repo), skip_reason=reason
    )


def _other_repository(guest: GuestState) -> str:
    return f"the code dir holds another repository ({visible(guest.origin) or 'without origin'}), left as it is"


def _hook(world: World, options: Options) -> Step:
    guest = world.guest
    digest = guest.hook if guest else ""
    script = _script(world, "_hook.sh", {"DVM_HOOK_HASH": digest or world.approved_hook})
    return _run("project hook", world, script, SCRIPT, needs_network=True, skip_reason=_hook_skip(world, options))


def _hook_skip(world: World, options: Options) -> str:
    guest = world.guest
    if guest is None:
        return ""
    if not guest.hook:
        return guest.hook_problem or "no .dvm/sync.sh in the code dir"
    if guest.hook != world.approved_hook:
        how = "changed since you approved it" if world.approved_hook else "not approved yet"
        return f"{how}: `dvm hook {world.config.name}` shows it and asks"
    is_applied = guest.hook == guest.hook_applied and not options.fresh
    return "unchanged" if is_applied else ""


def _look_after_sync(world: World, options: Options) -> Step:
    is_idle = world.guest is not None and is_nothing_to_do(world, options)
    return look(world, is_optional=True, skip_reason="nothing was changed" if is_idle else "")


def is_nothing_to_do(world: World, options: Options) -> bool:
    """Say whether a sync of this world would run no guest step (the guest has answered)."""
    steps = (*_identity(world), *(_recipe(world, wish, options) for wish in world.recipes))
    return all(step.skip_reason for step in (*steps, _key(world), _code(world), _hook(world, options)))


def look(world: World, check: str = "work", *, is_optional: bool = False, skip_reason: str = "") -> Step:
    """The step that asks the guest for its work at risk; an optional one may fail without failing the job."""
    script = _script(world, "_work.sh", {})
    name = f"{check}-optional" if is_optional else check
    return Step("work at risk", _ask(world, script), LOOK, check=name, script=script, skip_reason=skip_reason)


def key_question(world: World) -> GuestScript:
    """Ask for the public key without making one."""
    return _script(world, "_keys.sh", {"DVM_KEY": "print"})


def hook_question(world: World) -> GuestScript:
    """Ask for the text of the project hook."""
    return _script(world, "_show_hook.sh", {})


def _stopped(world: World) -> str:
    is_down = world.has_looked and world.instance is not None and world.instance.status == "Stopped"
    return "stopped already" if is_down else ""


def _script(world: World, main: str, variables: Mapping[str, str], more: Mapping[str, str] = {}) -> GuestScript:
    files = {"_lib.sh": world.scripts["_lib.sh"], **more}
    return GuestScript(world.scripts[main], files, {**_common(world), **variables}, {})


def _common(world: World) -> dict[str, str]:
    return {
        "DVM_INSTANCE": world.wish.instance,
        "DVM_CODE_DIR": world.config.guest_code_dir,
        "DVM_NONCE": world.nonce,
    }


def _ask(world: World, script: GuestScript) -> tuple[str, ...]:
    return commands.ssh(world.engine, world.lima_home, world.wish.instance, script.argv(), fresh=False)


def _run(title: str, world: World, script: GuestScript, timeout: float, **more: Any) -> Step:
    argv = commands.shell(world.wish.instance, script.argv())
    return Step(title, argv, timeout, script=script, **more)
