"""The steps inside the guest: each says what it runs, and why it is skipped once the guest has answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dvmweb.errors import SecretNeeded
from dvmweb.guest_state import GuestState
from dvmweb.guest_text import visible
from dvmweb.lima import commands
from dvmweb.lima.deadlines import PROBE
from dvmweb.lima.guest_script import GuestScript
from dvmweb.names import numbered_parts
from dvmweb.plans.model import Options, RecipeWish, Step, World
from dvmweb.recipes import Param

# Deadlines in seconds.
LOOK, WALL, SCRIPT = 75.0, 75.0, 3600.0
AGENT_USER = "agent-user"  # the recipe of the account and the launcher of all agents
NOT_RUN = "not run"  # what is noted about a demo guest that could not make a key
WAIT_FOR_ANSWER = 300.0  # a VM that says Running may still boot for minutes


def reachable(world: World) -> Step:
    """Ask the guest which one it is and what is applied; that it answers is what "reachable" means."""
    script = state_question(world)
    return Step("reachable", _ask(world, script), WAIT_FOR_ANSWER, check="answer", script=script)


def state_question(world: World, also: Iterable[str] = ()) -> GuestScript:
    """Which guest is it, what is applied, do the probes pass: the one question of a sync.

    `also`: recipes of which only is asked whether they are applied.
    """
    names = "\n".join((*(wish.recipe.name for wish in world.recipes), *also))
    probes = {f"probe-{wish.recipe.name}": wish.recipe.probe for wish in world.recipes if wish.recipe.probe}
    return _script(world, "_state.sh", {"DVM_RECIPES": names}, probes)


def identity(world: World) -> Step:
    """Give the guest an id of its own."""
    is_marked = world.guest is not None and world.guest.identity == (world.wish.instance, world.known_id)
    script = _script(world, "_identity.sh", {"DVM_ID": world.known_id or world.new_id})
    return _run(
        "mark the guest", world, script, PROBE, check="identity", skip_reason="marked already" if is_marked else ""
    )


def recipe(world: World, wish: RecipeWish, options: Options) -> Step:
    """Run one recipe with its probe."""
    name = wish.recipe.name
    script = GuestScript(
        main=world.scripts["_apply.sh"],
        files={
            "recipe.sh": wish.recipe.text,
            "_lib.sh": world.scripts["_lib.sh"],
            "probe": wish.recipe.probe,
            **({"versions.tsv": wish.releases} if wish.releases else {}),
            **wish.files,
        },
        variables={**_common(world), **wish.params, "DVM_RECIPE": name, "DVM_RECIPE_HASH": wish.digest},
        secrets={param.name: world.secrets[param.name] for param in wish.recipe.params if param.name in world.secrets},
    )
    reason = _recipe_skip(world, wish, options)
    return _run(
        f"recipe {name}" if name != "baseline" else name,
        world,
        script,
        SCRIPT,
        needs_network=True,
        secrets=tuple(param.name for param in _not_given(world, wish) if param.is_kept),
        skip_reason=reason,
    )


def secret_needed(vm: str, recipe: str, names: Sequence[str]) -> SecretNeeded:
    """The error of a recipe that cannot run without these secrets."""
    given = " ".join(f"--secret {name}=-" for name in names)
    return SecretNeeded(
        f"The recipe {recipe} takes a secret that was not given: {', '.join(names)}.",
        f"Give it on stdin: dvm sync {vm} {given}",
    )


def check_secrets(world: World, options: Options) -> None:
    """Raise SecretNeeded where a recipe that would run takes a secret that nobody gave and no guest keeps."""
    for wish in world.recipes:
        missing = [param.name for param in _not_given(world, wish) if not param.is_kept]
        if missing and not _recipe_skip(world, wish, options):
            raise secret_needed(world.config.name, wish.recipe.name, missing)


def _not_given(world: World, wish: RecipeWish) -> list[Param]:
    return [param for param in wish.recipe.params if param.secret and param.name not in world.secrets]


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
    return "unchanged, probe passes" if guest.probes.get(name) == "ok" else "unchanged, probe not known"


def key(world: World) -> Step:
    """Make the VM's own SSH key."""
    reason = "there already" if world.guest and world.guest.key else ""
    if world.guest and world.guest.is_demo and world.key_note == NOT_RUN:
        reason = "not run in the demo: this computer has no ssh-keygen"
    return _run("VM-local key", world, _script(world, "_keys.sh", {}), PROBE * 2, check="key", skip_reason=reason)


def code(world: World) -> Step:
    """Clone the repository, or make the empty code dir; nothing is ever cloned over what is there."""
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


def hook(world: World, options: Options) -> Step:
    """Run .dvm/sync.sh, only as the user approved it."""
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


def hook_after_clone(world: World, options: Options) -> Step:
    """A clone may have brought a hook: ask again, because the first answer came before it."""
    reason = "nothing was cloned" if code(world).skip_reason else ""
    script = state_question(world)
    return Step("state after the clone", _ask(world, script), PROBE, check="answer", script=script, skip_reason=reason)


def look_after_sync(world: World, options: Options) -> Step:
    """Where nothing was changed the last look still stands."""
    is_idle = world.guest is not None and is_nothing_to_do(world, options)
    return look(world, is_optional=True, skip_reason="nothing was changed" if is_idle else "")


def is_nothing_to_do(world: World, options: Options) -> bool:
    """Say whether a sync of this world would run no guest step (the guest has answered)."""
    steps = (identity(world), *(recipe(world, wish, options) for wish in world.recipes))
    project = () if world.config.is_service else (key(world), hook(world, options))
    return all(step.skip_reason for step in (*steps, code(world), *project))


def look(world: World, check: str = "work", *, is_optional: bool = False, skip_reason: str = "") -> Step:
    """The step that asks the guest for its work at risk; an optional one may fail without failing the job."""
    script = _script(world, "_work.sh", {})
    name = f"{check}-optional" if is_optional else check
    return Step("work at risk", _ask(world, script), LOOK, check=name, script=script, skip_reason=skip_reason)


def agent_wishes(world: World) -> tuple[RecipeWish, ...]:
    """The recipes of a VM on which the wall around its agents depends."""
    return tuple(wish for wish in world.recipes if wish.recipe.category == "agent")


def agents(world: World) -> tuple[str, ...]:
    """The recipes of a VM that bring an agent; also a local one, which then must be behind the wall."""
    names = (wish.recipe.name for wish in agent_wishes(world))
    return tuple(name for name in names if name != AGENT_USER)


def wall(world: World) -> Iterator[Step]:
    """The step that attacks the wall around the agents of a VM that has any, in every sync."""
    if names := agents(world):
        script = _script(world, "_wall.sh", {"DVM_AGENTS": "\n".join(names)})
        reason = "not run in the demo" if world.guest is not None and world.guest.is_demo else ""
        yield Step("wall test", _ask(world, script), WALL, check="wall-optional", script=script, skip_reason=reason)


def key_question(world: World) -> GuestScript:
    """Ask for the public key without making one."""
    return _script(world, "_keys.sh", {"DVM_KEY": "print"})


def hook_question(world: World) -> GuestScript:
    """Ask for the text of the project hook."""
    return _script(world, "_show_hook.sh", {})


def terminal_question(world: World, terminal: str) -> GuestScript:
    """Ask what runs in a terminal."""
    return _script(world, "_terminals.sh", {"DVM_TERMINAL_ID": terminal})


def journal_question(world: World, units: Sequence[str], lines: int, *, is_followed: bool) -> GuestScript:
    """Ask for the last lines of the journal, and to go on with those that come."""
    more = {"DVM_FOLLOW": "1"} if is_followed else {}
    return _script(world, "_journal.sh", {"DVM_UNITS": "\n".join(units), "DVM_LINES": str(lines), **more})


def receiving(world: World, name: str, size: int, *, reserve: int, piece: int) -> GuestScript:
    """Take a file of the user's, whose bytes come behind the script."""
    stem, end = numbered_parts(name)
    variables = {
        "DVM_ID": world.known_id,
        "DVM_HOST": commands.ssh_alias(world.wish.instance),
        "DVM_NAME": name,
        "DVM_STEM": stem,
        "DVM_END": end,
        "DVM_SIZE": str(size),
        "DVM_RESERVE": str(reserve),
        "DVM_PIECE": str(piece),
    }
    return GuestScript(world.scripts["_receive.sh"], {}, {**_common(world), **variables}, takes_stream=True)


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
