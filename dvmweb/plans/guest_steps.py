"""The steps inside the guest: each says what it runs, and why it is skipped once the guest has answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dvmweb.errors import SecretNeeded
from dvmweb.guest.state import GuestState
from dvmweb.guest_text import in_prose
from dvmweb.lima import commands
from dvmweb.lima.deadlines import (
    FIRST_PROBE_RUN,
    LOOK,
    PROBE,
    SANDBOX,
    WORK_ALL,
    WORK_CALL,
    scaled,
    whole,
)
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import titles
from dvmweb.plans.model import DesiredRecipe, Options, PlanInput, Step
from dvmweb.plans.script_requests import common, guest_script, library, state_question
from dvmweb.recipes import Param

# Deadlines in seconds.
SCRIPT = 3600.0
AGENT_USER = "agent-user"  # the recipe of the account and the launcher of all agents
NOT_RUN = "not run"  # what is noted about a demo guest that could not make a key
LATE = "not known: its probe did not finish in time"  # no reason to run it again, and not a pass
WAIT_FOR_ANSWER = 300.0  # a VM that says Running may still boot for minutes


def reachable(plan_input: PlanInput) -> Step:
    """Ask the guest which one it is and what is applied; that it answers is what "reachable" means."""
    script = state_question(plan_input)
    return Step(titles.WAIT_FOR_GUEST, _ask(plan_input, script), WAIT_FOR_ANSWER, check="answer", script=script)


def identity(plan_input: PlanInput) -> Step:
    """Give the guest an id of its own."""
    is_marked = plan_input.guest is not None and plan_input.guest.identity == (
        plan_input.desired.instance,
        plan_input.known_id,
    )
    script = guest_script(plan_input, "identity.sh", {"DVM_ID": plan_input.known_id or plan_input.new_id})
    reason, patience = "already written" if is_marked else "", scaled(PROBE, plan_input.pace)
    return _run(titles.WRITE_IDENTITY, plan_input, script, patience, check="identity", skip_reason=reason)


def recipe(plan_input: PlanInput, desired: DesiredRecipe, options: Options) -> Step:
    """Run one recipe with its probe."""
    name, probing = desired.recipe.name, {"DVM_PROBE_SECONDS": whole(FIRST_PROBE_RUN, plan_input.pace)}
    script = GuestScript(
        main=plan_input.scripts["apply.sh"],
        files={
            "recipe.sh": desired.recipe.text,
            **library(plan_input),
            "probe": desired.recipe.probe,
            **({"versions.tsv": desired.releases} if desired.releases else {}),
            **desired.files,
        },
        variables={
            **common(plan_input),
            **desired.params,
            "DVM_RECIPE": name,
            "DVM_RECIPE_HASH": desired.digest,
            **probing,
        },
        secrets={
            param.name: plan_input.secrets[param.name]
            for param in desired.recipe.params
            if param.name in plan_input.secrets
        },
    )
    reason = _recipe_skip(plan_input, desired, options)
    return _run(
        titles.recipe(name),
        plan_input,
        script,
        SCRIPT,
        needs_network=True,
        secrets=tuple(param.name for param in _not_given(plan_input, desired) if param.is_kept),
        skip_reason=reason,
    )


def secret_needed(vm: str, recipe: str, names: Sequence[str]) -> SecretNeeded:
    """The error of a recipe that cannot run without these secrets."""
    given = " ".join(f"--secret {name}=-" for name in names)
    return SecretNeeded(
        f"Recipe `{recipe}` needs a secret: {', '.join(names)}.",
        f"Give it on stdin: dvm sync {vm} {given}",
    )


def check_secrets(plan_input: PlanInput, options: Options) -> None:
    """Raise SecretNeeded where a recipe that would run needs a secret that was not given and is not in the guest."""
    for desired in plan_input.recipes:
        missing = [param.name for param in _not_given(plan_input, desired) if not param.is_kept]
        if missing and not _recipe_skip(plan_input, desired, options):
            raise secret_needed(plan_input.config.name, desired.recipe.name, missing)


def _not_given(plan_input: PlanInput, desired: DesiredRecipe) -> list[Param]:
    return [param for param in desired.recipe.params if param.secret and param.name not in plan_input.secrets]


def _recipe_skip(plan_input: PlanInput, desired: DesiredRecipe, options: Options) -> str:
    name, guest = desired.recipe.name, plan_input.guest
    has_secret = any(param.name in plan_input.secrets for param in desired.recipe.params)
    if guest is None or options.fresh or has_secret or (options.update and desired.recipe.moving):
        return ""
    applied = guest.applied.get(name)
    if applied is None or applied.hash != desired.digest:
        return ""
    if applied.result == "not-run":
        return "unchanged; not run in the demo" if guest.is_demo else ""
    if guest.probes.get(name) == "failed":
        return ""
    if guest.probes.get(name) == "late":
        return LATE
    return "unchanged; its probe passes" if guest.probes.get(name) == "ok" else "unchanged; its probe is not known"


def key(plan_input: PlanInput) -> Step:
    """Make the VM's own SSH key."""
    reason = "already there" if plan_input.guest and plan_input.guest.key else ""
    if plan_input.guest and plan_input.guest.is_demo and plan_input.key_note == NOT_RUN:
        reason = "not run in the demo: the host has no ssh-keygen"
    patience = scaled(PROBE * 2, plan_input.pace)
    script = guest_script(plan_input, "keys.sh", {})
    return _run(titles.CREATE_KEY, plan_input, script, patience, check="key", skip_reason=reason)


def code(plan_input: PlanInput) -> Step:
    """Clone the repository, or make the empty code dir; nothing is ever cloned over what is there."""
    repo, guest = plan_input.config.repo, plan_input.guest
    script = (
        guest_script(plan_input, "clone.sh", {"DVM_REPO": repo})
        if repo
        else guest_script(plan_input, "code_dir.sh", {})
    )
    title = f"Clone {repo}" if repo else titles.CODE_FOLDER
    reason = ""
    if guest is not None and guest.code == "repository":
        reason = "already there" if not repo or guest.origin == repo else _other_repository(guest)
        if repo and guest.is_origin_late:
            reason = "a repository is already there; its origin could not be read in time"
    elif guest is not None and guest.code != "absent" and (guest.code == "files" or not repo):
        reason = "already there" if not repo else "the code folder is not empty; nothing is cloned over its files"
    return _run(
        title, plan_input, script, SCRIPT, check="clone" if repo else "", needs_network=bool(repo), skip_reason=reason
    )


def _other_repository(guest: GuestState) -> str:
    return f"the code folder holds another repository ({in_prose(guest.origin) or 'without origin'}), which is kept"


def hook(plan_input: PlanInput, options: Options) -> Step:
    """Run .dvm/sync.sh, only as the user approved it."""
    guest = plan_input.guest
    digest = guest.hook if guest else ""
    script = guest_script(plan_input, "hook.sh", {"DVM_HOOK_HASH": digest or plan_input.approved_hook})
    reason = _hook_skip(plan_input, options)
    return _run(titles.HOOK, plan_input, script, SCRIPT, needs_network=True, skip_reason=reason)


def _hook_skip(plan_input: PlanInput, options: Options) -> str:
    guest = plan_input.guest
    if guest is None:
        return ""
    if not guest.hook:
        return guest.hook_problem or "no .dvm/sync.sh in the code folder"
    if guest.hook != plan_input.approved_hook:
        how = "changed since you approved it" if plan_input.approved_hook else "not approved yet"
        return f"{how}; review it with `dvm hook {plan_input.config.name}`"
    is_applied = guest.hook == guest.hook_applied and not options.fresh
    return "unchanged" if is_applied else ""


def hook_after_clone(plan_input: PlanInput, options: Options) -> Step:
    """A clone may have brought a hook: ask again, because the first answer came before it."""
    reason = "nothing was cloned" if code(plan_input).skip_reason else ""
    script, patience = state_question(plan_input), scaled(PROBE, plan_input.pace)
    return Step(
        titles.READ_STATE_AGAIN, _ask(plan_input, script), patience, check="answer", script=script, skip_reason=reason
    )


def look_after_sync(plan_input: PlanInput, options: Options) -> Step:
    """Where nothing was changed the last look still stands, if it was whole and is about this run of the VM."""
    is_known = plan_input.is_work_known and plan_input.instance is not None and plan_input.instance.is_running
    is_idle = is_known and plan_input.guest is not None and is_nothing_to_do(plan_input, options)
    return look(plan_input, is_optional=True, skip_reason="nothing was changed" if is_idle else "")


def is_nothing_to_do(plan_input: PlanInput, options: Options) -> bool:
    """Say whether a sync of this input would run no guest step (the guest has answered)."""
    steps = (identity(plan_input), *(recipe(plan_input, desired, options) for desired in plan_input.recipes))
    project = () if plan_input.config.is_service else (key(plan_input), hook(plan_input, options))
    return all(step.skip_reason for step in (*steps, code(plan_input), *project))


def look(plan_input: PlanInput, check: str = "work", *, is_optional: bool = False, skip_reason: str = "") -> Step:
    """The step that asks the guest for its work at risk; an optional one may fail without failing the job."""
    parts = {
        name: text for name, text in plan_input.scripts.items() if name.startswith("work") and name.endswith(".py")
    }
    seconds = {"DVM_WORK_CALL_SECONDS": WORK_CALL, "DVM_WORK_SECONDS": WORK_ALL}
    bounds = {name: whole(base, plan_input.pace) for name, base in seconds.items()}
    script = GuestScript(plan_input.scripts["work.sh"], parts, {**common(plan_input), **bounds})
    name = f"{check}-optional" if is_optional else check
    patience = scaled(LOOK, plan_input.pace)
    return Step(titles.UNSAVED_WORK, _ask(plan_input, script), patience, name, script, skip_reason)


def agent_recipes(plan_input: PlanInput) -> tuple[DesiredRecipe, ...]:
    """The recipes of a VM on which the agent sandbox depends."""
    return tuple(desired for desired in plan_input.recipes if desired.recipe.category == "agent")


def agents(plan_input: PlanInput) -> tuple[str, ...]:
    """The recipes of a VM that bring an agent; also a local one, which then must be in the sandbox."""
    names = (desired.recipe.name for desired in agent_recipes(plan_input))
    return tuple(name for name in names if name != AGENT_USER)


def sandbox(plan_input: PlanInput) -> Iterator[Step]:
    """The step that attacks the agent sandbox of a VM with agents, in every sync."""
    if names := agents(plan_input):
        script = guest_script(plan_input, "sandbox_test.sh", {"DVM_AGENTS": "\n".join(names)})
        reason = "not run in the demo" if plan_input.guest is not None and plan_input.guest.is_demo else ""
        patience = scaled(SANDBOX, plan_input.pace)
        yield Step(titles.SANDBOX, _ask(plan_input, script), patience, "sandbox-optional", script, skip_reason=reason)


def _ask(plan_input: PlanInput, script: GuestScript) -> tuple[str, ...]:
    return commands.ssh(
        plan_input.engine, plan_input.lima_home, plan_input.desired.instance, script.argv(), fresh=False
    )


def _run(title: str, plan_input: PlanInput, script: GuestScript, timeout: float, **more: Any) -> Step:
    argv = commands.shell(plan_input.desired.instance, script.argv())
    return Step(title, argv, timeout, script=script, **more)
