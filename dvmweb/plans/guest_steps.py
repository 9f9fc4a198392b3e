"""The steps that run in the guest, with their skip reasons once the guest has reported its state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dvmweb.errors import SecretNeeded
from dvmweb.guest.state import GuestState
from dvmweb.guest_text import in_prose
from dvmweb.lima import commands
from dvmweb.lima.deadlines import (
    FIRST_PROBE_RUN,
    PROBE,
    SANDBOX,
    WORK_ALL,
    WORK_CALL,
    WORK_CHECK,
    scaled,
    whole,
)
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import titles
from dvmweb.plans.model import DesiredRecipe, Options, PlanInput, Step
from dvmweb.plans.script_requests import common, guest_script, library, state_question
from dvmweb.recipes import Param, Recipe

# Deadlines in seconds.
SCRIPT = 3600.0
CLEAN = 600.0
AGENT_USER = "agent-user"  # the recipe of the account and the launcher of all agents
NOT_RUN = "not run"  # the stored note on a demo guest that could not make a key
LATE = "not known: its probe did not finish in time"  # neither passed nor a reason to run the recipe again
WAIT_FOR_ANSWER = 300.0  # a VM with status Running can still boot for minutes


def reachable(plan_input: PlanInput) -> Step:
    """Read the state of the guest; a guest that answers this is reachable."""
    script = state_question(plan_input)
    return Step(titles.WAIT_FOR_GUEST, _query(plan_input, script), WAIT_FOR_ANSWER, check="answer", script=script)


def identity(plan_input: PlanInput) -> Step:
    """Write the VM's identity into the guest."""
    is_marked = plan_input.guest is not None and plan_input.guest.identity == (
        plan_input.desired.instance,
        plan_input.known_id,
    )
    copied = {"DVM_COPY": "1"} if plan_input.is_copy else {}
    script = guest_script(plan_input, "identity.sh", {"DVM_ID": plan_input.known_id or plan_input.new_id, **copied})
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


def clean_base(plan_input: PlanInput) -> Step:
    """Remove from the guest what a copy must not share, and refuse a guest that has keys or a project."""
    return _run(titles.CLEAN_BASE, plan_input, guest_script(plan_input, "base_clean.sh", {}), CLEAN)


def secret_needed(vm: str, recipe: str, names: Sequence[str]) -> SecretNeeded:
    """The error of a recipe that cannot run without these secrets."""
    given = " ".join(f"--secret {name}=-" for name in names)
    return SecretNeeded(
        f"Recipe `{recipe}` needs a secret: {', '.join(names)}.",
        f"Give it on stdin: dvm sync {vm} {given}",
    )


def check_secrets(plan_input: PlanInput, options: Options) -> None:
    """Raise SecretNeeded if a recipe that would run needs a secret that was not given and is not in the guest."""
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
    """Create the VM's own SSH key."""
    mode = "new" if plan_input.is_copy else "replace" if plan_input.is_base_copy else ""
    reason = "already there" if plan_input.guest and plan_input.guest.key and not mode else ""
    if plan_input.guest and plan_input.guest.is_demo and plan_input.key_note == NOT_RUN:
        reason = "not run in the demo: the host has no ssh-keygen"
    patience = scaled(PROBE * 2, plan_input.pace)
    script = guest_script(plan_input, "keys.sh", {"DVM_KEY": mode} if mode else {})
    return _run(titles.CREATE_KEY, plan_input, script, patience, check="key", skip_reason=reason)


def code(plan_input: PlanInput) -> Step:
    """Clone the repository, or create an empty code folder; nothing is cloned over existing files."""
    repo, guest = plan_input.config.repo, plan_input.guest
    script = (
        guest_script(plan_input, "clone.sh", {"DVM_REPO": repo})
        if repo
        else guest_script(plan_input, "code_dir.sh", {})
    )
    title = titles.clone(repo) if repo else titles.CODE_FOLDER
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
    return f"the code folder contains another repository ({in_prose(guest.origin) or 'without origin'}), which is kept"


def hook(plan_input: PlanInput, options: Options) -> Step:
    """Run .dvm/sync.sh if its text is the one that the user approved."""
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
    """Read the guest state again after a clone, which can have brought a hook."""
    reason = "nothing was cloned" if code(plan_input).skip_reason else ""
    script, patience = state_question(plan_input), scaled(PROBE, plan_input.pace)
    return Step(
        titles.READ_STATE_AGAIN, _query(plan_input, script), patience, check="answer", script=script, skip_reason=reason
    )


def check_work_after_sync(plan_input: PlanInput, options: Options) -> Step:
    """The check at the end of a sync; skipped if the sync changed nothing and the last check still counts."""
    is_known = plan_input.is_work_known and plan_input.instance is not None and plan_input.instance.is_running
    is_idle = is_known and plan_input.guest is not None and is_nothing_to_do(plan_input, options)
    return check_work(plan_input, is_optional=True, skip_reason="nothing was changed" if is_idle else "")


def is_nothing_to_do(plan_input: PlanInput, options: Options) -> bool:
    """Whether a sync would run no step in the guest; the guest must have reported its state."""
    steps = (identity(plan_input), *(recipe(plan_input, desired, options) for desired in plan_input.recipes))
    project = () if plan_input.config.is_service else (key(plan_input), hook(plan_input, options))
    return all(step.skip_reason for step in (*steps, code(plan_input), *project))


def check_work(plan_input: PlanInput, check: str = "work", *, is_optional: bool = False, skip_reason: str = "") -> Step:
    """The step that checks the guest for unsaved work; if it is optional, a failed check does not fail the job."""
    parts = {
        name: text for name, text in plan_input.scripts.items() if name.startswith("work") and name.endswith(".py")
    }
    seconds = {"DVM_WORK_CALL_SECONDS": WORK_CALL, "DVM_WORK_SECONDS": WORK_ALL}
    bounds = {name: whole(base, plan_input.pace) for name, base in seconds.items()}
    script = GuestScript(plan_input.scripts["work.sh"], parts, {**common(plan_input), **bounds})
    name = f"{check}-optional" if is_optional else check
    patience = scaled(WORK_CHECK, plan_input.pace)
    return Step(titles.UNSAVED_WORK, _query(plan_input, script), patience, name, script, skip_reason)


def agent_recipes(plan_input: PlanInput) -> tuple[DesiredRecipe, ...]:
    """The recipes of a VM on which the agent sandbox depends."""
    return tuple(desired for desired in plan_input.recipes if desired.recipe.category == "agent")


def agents(plan_input: PlanInput) -> tuple[str, ...]:
    """The recipes of a VM that install an agent, bundled or local; all must run in the sandbox."""
    names = (desired.recipe.name for desired in agent_recipes(plan_input))
    return tuple(name for name in names if name != AGENT_USER)


def has_agents(recipes: Iterable[Recipe]) -> bool:
    """Whether one of these recipes installs an agent."""
    return any(recipe.category == "agent" and recipe.name != AGENT_USER for recipe in recipes)


def sandbox(plan_input: PlanInput) -> Iterator[Step]:
    """The step that tests the agent sandbox, in every sync of a VM with agents."""
    if names := agents(plan_input):
        script = guest_script(plan_input, "sandbox_test.sh", {"DVM_AGENTS": "\n".join(names)})
        reason = "not run in the demo" if plan_input.guest is not None and plan_input.guest.is_demo else ""
        patience = scaled(SANDBOX, plan_input.pace)
        yield Step(titles.SANDBOX, _query(plan_input, script), patience, "sandbox-optional", script, skip_reason=reason)


def _query(plan_input: PlanInput, script: GuestScript) -> tuple[str, ...]:
    return commands.ssh(
        plan_input.engine, plan_input.lima_home, plan_input.desired.instance, script.argv(), fresh=False
    )


def _run(title: str, plan_input: PlanInput, script: GuestScript, timeout: float, **more: Any) -> Step:
    argv = commands.shell(plan_input.desired.instance, script.argv())
    return Step(title, argv, timeout, script=script, **more)
