"""The named checks of a plan: each reads what a step's command said, and may change the world or end the job."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dvmweb import files, guest_state, work
from dvmweb.errors import CouldNotLook, DvmError, NotFound, WorkAtRisk
from dvmweb.guest_text import visible
from dvmweb.jobs.worlds import write_note
from dvmweb.lima import effective
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.process import Finished
from dvmweb.lima.rendering import expected_difference, render
from dvmweb.paths import Paths
from dvmweb.plans import Options, World
from dvmweb.remotes import where_to_paste


@dataclass(frozen=True)
class Outcome:
    """What a check found: the world from now on, a word for the step, sentences for the user."""

    world: World
    reason: str = ""
    notices: tuple[str, ...] = ()


class Tools(Protocol):
    """What the runner gives to a check."""

    paths: Paths
    options: Options

    def end_connections(self) -> None: ...


Check = Callable[[Tools, World, Finished], Outcome]


def look_first(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Is the instance there, and would `start` not make another one? (lima-measured.md 4.7)"""
    instance = parse_list(finished.stdout).find(world.wish.instance)
    if instance is not None:
        _check_effective(world, instance, expected_difference(instance, world.wish, world.overlay))
    else:
        folder = files.private_folder(tools.paths.vm_state(world.config.name))
        files.write_whole(folder / "lima.yaml", render(world.wish, world.overlay).encode())
    word = f"{instance.name}: {visible(instance.status or 'unknown')}" if instance else "not created"
    return Outcome(replace(world, instance=instance, has_looked=True), word)


def must_exist(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Like look_first, for verbs that need an instance."""
    instance = parse_list(finished.stdout).find(world.wish.instance)
    if instance is None:
        raise NotFound(f"{world.config.name} is not created.", f"Create it with `dvm sync {world.config.name}`.")
    return Outcome(replace(world, instance=instance, has_looked=True), f"{instance.name}: {visible(instance.status)}")


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
    _check_effective(world, instance)
    return Outcome(world, "nothing of the host is open")


def effective_known(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Before a start without a change: the listing of the look is still what Lima will do."""
    if world.instance is not None:
        _check_effective(world, world.instance)
    return Outcome(world, "nothing of the host is open")


def _check_effective(world: World, instance: Instance, edits: Mapping[str, Any] = {}) -> None:
    """Raise DvmError when the instance opens the host, apart from what `edits` is about to change."""
    if instance.config is None:
        return
    config = dict(instance.config)
    if "portForwards" in edits:
        config["portForwards"] = edits["portForwards"][-1:]  # the closing rule; the ports are about to be ours
    problems = effective.problems(config, world.wish)
    if problems:
        raise DvmError(
            f"{instance.name} would open the host:\n" + "\n".join(f"- {problem}" for problem in problems),
            f"Mend Lima's global files in {world.lima_home}/_config (default.yaml, override.yaml, base.yaml), "
            f"or the instance's own {instance.directory}/lima.yaml. dvm did not start it.",
        )


def answer(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The guest answered the state question of this very plan: right guest, right nonce."""
    state = guest_state.parse_state(finished.stdout, world.nonce)
    notices = _check_identity(world, state)
    write_reach(tools.paths, world, is_answered=True)
    known_id = world.known_id
    if not known_id and state.identity and state.identity[0] == world.wish.instance:
        known_id = state.identity[1]  # our state folder was deleted: the guest remembers
        write_note(tools.paths, world.config.name, "identity", known_id)
    if state.key:
        write_note(tools.paths, world.config.name, "key.pub", state.key)
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
        return ()
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


def write_reach(paths: Paths, world: World, *, is_answered: bool) -> None:
    """Remember when this boot of the VM answered last; another boot is another host agent."""
    instance = world.booted or world.instance
    agent = instance.host_agent_pid if instance else 0
    facts = {"version": 1, "answered": is_answered, "at": time.time(), "host_agent_pid": agent}
    folder = files.private_folder(paths.vm_state(world.config.name))
    files.write_whole(folder / "reach.json", json.dumps(facts).encode())


def state(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Say in words what the answer holds; the plan is drawn again from it."""
    assert world.guest is not None  # noqa: S101
    count = len(world.guest.applied)
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


def looked(tools: Tools, world: World, finished: Finished) -> Outcome:
    """Keep the work report; "could not look" is kept as such and ends the job unless the look is optional."""
    report = _report(tools, world, finished)
    return Outcome(world, report.summary())


def looked_optional(tools: Tools, world: World, finished: Finished) -> Outcome:
    """A look that may fail: the report says so, the job goes on."""
    report = keep_report(tools.paths, world, finished)
    return Outcome(world, report.summary())


def work_unchanged(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The last look before a delete: the same facts as the user saw, and nothing at risk unless that was accepted."""
    report = keep_report(tools.paths, world, finished)
    name, verdict = world.config.name, report.verdict
    was_down = world.instance is not None and world.instance.status == "Stopped"
    stop = f" It was started to be looked at: `dvm stop {name}` stops it again." if was_down else ""
    is_blind = verdict is work.Verdict.COULD_NOT_LOOK
    if tools.options.expected and report.facts_hash() != tools.options.expected and not is_blind:
        raise WorkAtRisk(
            f"Work in {name} has changed since you looked: {report.summary()}. Nothing was deleted.",
            f"See it with `dvm work {name}`, then decide again: `dvm rm {name} --yes`.{stop}",
        )
    if verdict is not work.Verdict.CLEAN and not tools.options.force:
        raise WorkAtRisk(
            f"{name} was not deleted: {report.summary()}.",
            f"Push or copy it out (`dvm sh {name}`), or delete it with the VM: `dvm rm {name} --yes --force`.{stop}",
        )
    # What is lost is told in full; the stored report goes with the VM.
    told = () if verdict is work.Verdict.CLEAN else report.lines()
    return Outcome(world, report.summary(), told)


def _report(tools: Tools, world: World, finished: Finished) -> work.WorkReport:
    report = keep_report(tools.paths, world, finished)
    if report.verdict is work.Verdict.COULD_NOT_LOOK and not report.code_dir:
        raise CouldNotLook(f"{world.config.name}: {report.summary()}.", "Sync it, then look again.")
    return report


def keep_report(paths: Paths, world: World, finished: Finished) -> work.WorkReport:
    """Turn what the guest said into a report and store it; whatever is wrong with it becomes "could not look"."""
    try:
        if finished.code != 0:
            raise CouldNotLook(_why(finished))
        report = work.parse_report(finished.stdout, world.nonce, f"{world.wish.instance} {world.known_id}")
    except CouldNotLook as error:
        report = work.could_not_look(error.what)
    folder = files.private_folder(paths.vm_state(world.config.name))
    files.write_whole(folder / "work.json", report.to_json().encode("ascii"))
    return report


def _why(finished: Finished) -> str:
    if finished.ended == "deadline":
        return "the guest did not answer in time"
    last = finished.stderr.strip().splitlines()[-1:] or [b"no reason given"]
    return f"the guest's answer ended with exit code {finished.code}: {visible(last[0])}"


def is_gone(tools: Tools, world: World, finished: Finished) -> Outcome:
    """The instance must be out of the listing before anybody is told that it is deleted."""
    if parse_list(finished.stdout).find(world.wish.instance) is not None:
        raise DvmError(
            f"{world.wish.instance} is still there after the delete.", f"See `limactl list {world.wish.instance}`."
        )
    folder = tools.paths.vm_state(world.config.name)
    for name in ("identity", "reach.json", "work.json", "key.pub", "approved-hook", "lima.yaml"):
        (folder / name).unlink(missing_ok=True)
    kept = f"Its config is kept: {tools.paths.vm_config(world.config.name)}"
    return Outcome(world, "gone", (kept,))


def end_connections(tools: Tools, world: World, finished: Finished) -> Outcome:
    """A forced stop leaves terminals hanging and an ssh master behind (lima-measured.md 3f)."""
    tools.end_connections()
    return Outcome(world)


def refused_clone(world: World, said: bytes, public_key: str) -> DvmError:
    """The server does not know this VM's key: show the key and where to paste it."""
    repo, name = world.config.repo or "", world.config.name
    last = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()][-2:]
    return DvmError(
        f"The server refused to let {name} clone {repo}: {'; '.join(visible(line) for line in last)}",
        f"This VM has a key of its own:\n\n{public_key}\n\n{where_to_paste(repo)}\nThen run `dvm sync {name}` again. "
        f"`dvm ssh-key {name}` prints the key again.",
    )


CHECKS: Mapping[str, Check] = {
    "look-first": look_first,
    "must-exist": must_exist,
    "deletable": deletable,
    "effective-config": effective_config,
    "effective-known": effective_known,
    "answer": answer,
    "state": state,
    "identity": identity,
    "key": key,
    "work": looked,
    "work-optional": looked_optional,
    "work-unchanged": work_unchanged,
    "work-unchanged-optional": work_unchanged,
    "is-gone": is_gone,
    "end-connections": end_connections,
}
