"""The named checks of a plan: each reads what a step's command said, and may change the world or end the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dvmweb import guest_state
from dvmweb.errors import CouldNotLook, DvmError, NotFound
from dvmweb.guest_text import visible
from dvmweb.jobs import applied as recipes_told
from dvmweb.jobs import stored, trials, walls, work_checks
from dvmweb.jobs.closed import as_created, check_effective, write_lima_yaml
from dvmweb.jobs.outcome import Outcome, Tools
from dvmweb.jobs.worlds import write_note
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.process import Finished
from dvmweb.lima.rendering import expected_difference
from dvmweb.paths import Paths
from dvmweb.plans import World
from dvmweb.remotes import where_to_paste

NO_KEY = "This VM has no key of its own: ssh-keygen is missing. Install the OpenSSH client, then sync again."
Check = Callable[[Tools, World, Finished], Outcome]


def look_first(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Is the instance there, and would `start` not make another one? (lima-measured.md 4.7)"""
    instance = parse_list(finished.stdout).find(world.wish.instance)
    if instance is not None:
        world, notices = as_created(world, instance)
        edits = expected_difference(instance, world.wish, world.overlay)
        check_effective(world, instance, edits)
        return Outcome(replace(world, instance=instance, has_looked=True), _named(instance), notices)
    forget(tools.paths, world.config.name)  # what is remembered was about another VM of this name
    write_lima_yaml(world)
    return Outcome(replace(world, known_id="", key_note="", has_looked=True), "not created")


def _named(instance: Instance) -> str:
    return f"{instance.name}: {visible(instance.status or 'unknown')}"


def must_exist(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Like look_first, for verbs that need an instance."""
    instance = parse_list(finished.stdout).find(world.wish.instance)
    if instance is None:
        raise NotFound(f"{world.config.name} is not created.", f"Create it with `dvm sync {world.config.name}`.")
    world, notices = as_created(world, instance)
    return Outcome(replace(world, instance=instance, has_looked=True), _named(instance), notices)


def deletable(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Like must_exist, and Lima's own protection is off."""
    outcome = must_exist(tools, world, finished)
    if outcome.world.instance is not None and outcome.world.instance.protected:
        name = world.wish.instance
        raise DvmError(f"{name} is protected.", f"Take the protection away first: limactl unprotect {name}")
    return outcome


def effective_config(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Read back what Lima made of our lima.yaml with its own global files."""
    instance = parse_list(finished.stdout).find(world.wish.instance)
    if instance is None:
        raise DvmError(f"{world.wish.instance} is not in `limactl list` after it was created.", "Sync again.")
    check_effective(world, instance)
    write_lima_yaml(world)  # from now on these are the ports that we have declared
    return Outcome(world, "nothing of the host is open")


def effective_known(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Before a start without a change: the listing of the look is still what Lima will do."""
    if world.instance is not None:
        check_effective(world, world.instance)
    return Outcome(world, "nothing of the host is open")


def answer(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The guest answered the state question of this very plan: right guest, right nonce."""
    state = guest_state.parse_state(finished.stdout, world.nonce)
    notices = _check_identity(world, state)
    instance = world.latest
    applied = guest_state.done_recipes(state) if world.recipes else None
    stored.write_reach(tools.paths, world.config.name, instance, is_answered=True, use=state.use, applied=applied)
    asked = [wish.recipe.name for wish in world.recipes]
    recipes_told.keep(tools.paths, world.config.name, instance, {name: state.applied.get(name) for name in asked})
    known_id = world.known_id if state.identity else ""
    if not known_id and state.identity and state.identity[0] == world.wish.instance:
        known_id = state.identity[1]  # our state folder was deleted: the guest remembers
        write_note(tools.paths, world.config.name, "identity", known_id)
    if state.key:
        write_note(tools.paths, world.config.name, "key.pub", state.key)
    notices = () if tools.options.recipe else notices  # nobody goes on with a throwaway VM
    return Outcome(replace(world, guest=state, known_id=known_id), "answered", notices)


def _check_identity(world: World, state: guest_state.GuestState) -> tuple[str, ...]:
    """Raise CouldNotLook for the wrong guest; say so where this one was cloned or renamed."""
    expected_host = f"lima-{world.wish.instance}"
    if state.hostname != expected_host:
        raise CouldNotLook(
            f"Another guest answered: its host name is {visible(state.hostname)}, not {expected_host}.",
            f"A clone reaches its origin until its first start: limactl stop {world.wish.instance}, then sync again.",
        )
    if state.identity is None:
        if not world.known_id:
            return ()
        return (f"This is another VM than the {world.config.name} that dvm knew: it is marked anew.",)
    name, guest_id = state.identity
    if name != world.wish.instance:
        return (
            f"This VM is a copy of {visible(name)}: it got an id of its own, and it still carries that VM's SSH key. "
            f"Make a new one with `dvm ssh {world.config.name} -- rm .ssh/id_ed25519` and a sync.",
        )
    if world.known_id and guest_id != world.known_id:
        raise CouldNotLook(
            f"The guest in {name} is not the one that dvm made: its id is another.",
            f"If you put it there yourself, remove {world.config.name}'s folder below the state folder "
            "(`dvm ls --json` shows it), then sync again.",
        )
    return ()


def state(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Say in words what the answer holds; the plan is drawn again from it."""
    assert world.guest is not None  # noqa: S101
    if not world.recipes:
        return Outcome(world, "the right guest")  # this verb did not ask for recipes
    walls.changes(tools, world)
    count = len(guest_state.done_recipes(world.guest))  # what the demo could not run is not applied
    return Outcome(world, f"{count} recipe{'' if count == 1 else 's'} applied")


def identity(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The guest is marked as ours now."""
    known_id = world.known_id or world.new_id
    write_note(tools.paths, world.config.name, "identity", known_id)
    return Outcome(replace(world, known_id=known_id))


def key(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Keep the public half, so that it can be shown while the VM is stopped."""
    found = guest_state.parse_key(finished.stdout, world.nonce)
    if found is not None:
        write_note(tools.paths, world.config.name, "key.pub", found.line)
    return Outcome(world, found.fingerprint if found else "none")


def forget(paths: Paths, vm: str) -> None:
    """Remove all that is remembered about a VM that is no more."""
    notes = ("identity", "reach.json", "work.json", "key.pub", "no-key", "approved-hook", "lima.yaml")
    for name in (*notes, recipes_told.FILE, walls.FILE):
        (paths.vm_state(vm) / name).unlink(missing_ok=True)


def is_gone(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The instance must be out of the listing before anybody is told that it is deleted."""
    if parse_list(finished.stdout).find(world.wish.instance) is not None:
        raise DvmError(
            f"{world.wish.instance} is still there after the delete.", f"See `limactl list {world.wish.instance}`."
        )
    forget(tools.paths, world.config.name)
    kept = f"Its config is kept: {tools.paths.vm_config(world.config.name)} (delete that file to forget the VM)"
    return Outcome(world, "gone", (kept,))


def end_connections(tools: Tools, world: World, finished: Finished) -> Outcome:
    """A forced stop leaves terminals hanging and an ssh master behind (lima-measured.md 3f)."""
    tools.end_connections()
    return Outcome(world)


def refused_clone(world: World, said: bytes, public_key: str) -> DvmError:
    """The server does not know this VM's key: show the key and where to paste it."""
    repo, name = world.config.repo or "", world.config.name
    last = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()][-2:]
    key = f"This VM has a key of its own:\n\n{public_key}\n\n{where_to_paste(repo)}" if public_key else NO_KEY
    again = f"Then run `dvm sync {name}` again. `dvm ssh-key {name}` prints the key again."
    what = f"The server refused to let {name} clone {repo}: {'; '.join(visible(line) for line in last)}"
    return DvmError(what, f"{key}\n{again}" if public_key else key)


CHECKS: Mapping[str, Check] = {
    "look-first": look_first,
    "trial-first": trials.look_first,
    "must-exist": must_exist,
    "deletable": deletable,
    "effective-config": effective_config,
    "effective-known": effective_known,
    "answer": answer,
    "state": state,
    "identity": identity,
    "key": key,
    "work": work_checks.looked,
    "work-optional": work_checks.looked_optional,
    "work-unchanged": work_checks.work_unchanged,
    "work-unchanged-optional": work_checks.work_unchanged,
    "wall-optional": walls.tested,
    "not-looked": work_checks.not_looked,
    "is-gone": is_gone,
    "end-connections": end_connections,
}
