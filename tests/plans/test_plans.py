"""Plans as data: which steps, in which order, why one is skipped, and which commands stand behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dvmweb.config import kinds
from dvmweb.config.model import Defaults, VmConfig
from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_state import Applied, GuestState
from dvmweb.jobs.worlds import wish_of
from dvmweb.lima.engine import Engine
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.rendering import render
from dvmweb.plans import Options, RecipeWish, Step, World, check_secrets, is_nothing_to_do, plan
from dvmweb.recipes import Recipe

ID = "a" * 32
HASH = "b" * 64
SCRIPTS = (
    "_lib.sh",
    "_state.sh",
    "_apply.sh",
    "_identity.sh",
    "_keys.sh",
    "_clone.sh",
    "_code_dir.sh",
    "_hook.sh",
    "_work.sh",
)
STATE = GuestState(
    identity=("dvm-app", ID),
    hostname="lima-dvm-app",
    user="dev",
    uid=1000,
    boot_id="",
    is_demo=False,
    applied={name: Applied(HASH, "done", 1) for name in ("baseline", "node")},
    probes={"baseline": "ok", "node": "ok"},
    key="ssh-ed25519 AAAA",
    code="repository",
    origin="",
    hook="",
    hook_size=0,
    hook_problem="",
    hook_applied="",
)


def config(**values: Any) -> VmConfig:
    return Defaults(values).config("app")


def world(of: VmConfig | None = None, **changes: Any) -> World:
    found = of or config()
    recipes = tuple(
        RecipeWish(Recipe(name, Path(f"/r/{name}.sh"), "true", False, probe="true", moving=name == "node"), HASH, {})
        for name in ("baseline", "node")
    )
    made = World(
        config=found,
        wish=wish_of(found),
        overlay={},
        recipes=recipes,
        scripts=dict.fromkeys(SCRIPTS, "true"),
        engine=Engine("lima", ("limactl",), ("ssh",)),
        lima_home=Path("/lima"),
        lima_file=Path("/state/vms/app/lima.yaml"),
        known_id=ID,
        new_id="c" * 32,
        nonce="d" * 32,
    )
    return replace(made, **changes)


def instance(status: str = "Running", of: VmConfig | None = None) -> Instance:
    """An instance that is exactly what our rendering asks for."""
    import json

    wish = wish_of(of or config())
    rendered = json.loads(render(wish, {}))
    facts = {
        "name": wish.instance,
        "status": status,
        "dir": f"/lima/{wish.instance}",
        "cpus": wish.cpus,
        "memory": wish.memory_bytes,
        "disk": wish.disk_bytes,
        "config": rendered,
        "protected": False,
        "hostAgentPID": 1,
    }
    found = parse_list(json.dumps(facts).encode()).find(wish.instance)
    assert found is not None
    return found


def titles(steps: tuple[Step, ...], *, run_only: bool = True) -> list[str]:
    return [step.title for step in steps if not (run_only and step.skip_reason)]


@pytest.mark.parametrize("kind", kinds.SERVICES)
def test_a_service_gets_no_key_no_clone_and_no_hook(kind: str) -> None:
    steps = plan("sync", world(config(kind=kind), has_looked=True), Options())
    assert titles(steps)[6:] == ["mark the guest", "baseline", "recipe node", "code dir", "work at risk"]
    done = world(config(kind=kind), guest=replace(STATE, key="", code="empty"), instance=instance(of=config(kind=kind)))
    assert is_nothing_to_do(done, Options())
    assert not is_nothing_to_do(replace(done, guest=replace(STATE, code="absent")), Options())


def test_a_new_vm_gets_every_step_in_order() -> None:
    steps = plan("sync", world(config(repo="git@github.com:me/app.git"), has_looked=True), Options())
    assert titles(steps) == [
        "look first",
        "create instance",
        "effective config",
        "start",
        "reachable",
        "state",
        "mark the guest",
        "baseline",
        "recipe node",
        "VM-local key",
        "clone git@github.com:me/app.git",
        "state after the clone",
        "project hook",
        "work at risk",
    ]
    assert steps[1].argv == ("limactl", "create", "--tty=false", "--name=dvm-app", "/state/vms/app/lima.yaml")
    assert steps[3].argv == ("limactl", "start", "--tty=false", "--timeout=840s", "dvm-app")
    assert steps[3].locks_engine == "running", "the lock of all VMs is given back before READY"


def test_nothing_to_do_leaves_the_look_and_the_question() -> None:
    there = world(instance=instance(), has_looked=True, guest=STATE)
    steps = plan("sync", there, Options())
    assert titles(steps) == ["look first", "reachable", "state"]
    assert is_nothing_to_do(there, Options())
    assert [step.argv[:2] for step in steps if step.argv and not step.skip_reason] == [
        ("limactl", "list"),
        ("ssh", "-F"),
    ]


@pytest.mark.parametrize(
    ("options", "changes", "ran"),
    [
        (Options(fresh=True), {}, ["baseline", "recipe node"]),
        (Options(update=True), {}, ["recipe node"]),
        (Options(), {"probes": {"baseline": "ok", "node": "failed"}}, ["recipe node"]),
        (Options(), {"applied": {"baseline": STATE.applied["baseline"]}}, ["recipe node"]),
        (Options(), {"applied": {**STATE.applied, "node": Applied("e" * 64, "done", 1)}}, ["recipe node"]),
        (Options(), {"applied": {**STATE.applied, "node": Applied(HASH, "not-run", 1)}}, ["recipe node"]),
        (Options(), {"key": ""}, ["VM-local key"]),
        (Options(), {"identity": None}, ["mark the guest"]),
        (Options(), {"code": "absent"}, ["code dir"]),
    ],
)
def test_only_what_is_needed_runs(options: Options, changes: dict[str, Any], ran: list[str]) -> None:
    there = world(instance=instance(), has_looked=True, guest=replace(STATE, **changes))
    steps = titles(plan("sync", there, options))
    assert [title for title in steps if title not in ("look first", "reachable", "state", "work at risk")] == ran
    assert "work at risk" in steps, "after a change the work is looked at"


def test_a_recipe_that_the_demo_cannot_run_is_not_run_again() -> None:
    applied = {**STATE.applied, "node": Applied(HASH, "not-run", 1)}
    there = world(instance=instance(), has_looked=True, guest=replace(STATE, applied=applied, is_demo=True))
    reasons = {step.title: step.skip_reason for step in plan("sync", there, Options())}
    assert reasons["recipe node"] == "unchanged, not run in the demo"


@pytest.mark.parametrize(
    ("hook", "approved", "applied", "reason"),
    [
        ("", "", "", "no .dvm/sync.sh"),
        (HASH, "", "", "not approved yet"),
        ("e" * 64, HASH, HASH, "changed since you approved it"),
        (HASH, HASH, HASH, "unchanged"),
        (HASH, HASH, "", ""),
        (HASH, HASH, "e" * 64, ""),
    ],
)
def test_a_hook_runs_only_as_it_was_approved(hook: str, approved: str, applied: str, reason: str) -> None:
    state = replace(STATE, hook=hook, hook_applied=applied)
    there = world(instance=instance(), has_looked=True, guest=state, approved_hook=approved)
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "project hook"]
    assert step.skip_reason.startswith(reason) if reason else not step.skip_reason


def test_a_repository_that_is_there_is_never_cloned_over() -> None:
    wanted = config(repo="git@github.com:me/app.git")
    for code, origin, words in (
        ("repository", "git@github.com:me/app.git", "is there"),
        ("repository", "https://evil/\x1b[2J", "another repository (https://evil/\\x1b[2J)"),
        ("files", "", "holds files"),
    ):
        there = world(
            wanted, instance=instance(of=wanted), has_looked=True, guest=replace(STATE, code=code, origin=origin)
        )
        (step,) = [step for step in plan("sync", there, Options()) if step.title.startswith("clone")]
        assert words in step.skip_reason


def test_a_change_of_a_running_vm_waits_unless_a_restart_is_allowed() -> None:
    bigger = config(cpus=4)
    there = world(bigger, instance=instance(), has_looked=True, guest=STATE)
    waiting = plan("sync", there, Options())
    assert "stop for the change" not in titles(waiting)
    assert any("--restart" in step.skip_reason for step in waiting)
    restarted = titles(plan("sync", there, Options(restart=True)))
    assert restarted[:6] == [
        "look first",
        "stop for the change",
        "change cpus",
        "effective config",
        "start",
        "reachable",
    ]


def test_a_stopped_vm_is_changed_before_it_starts() -> None:
    there = world(config(cpus=4), instance=instance("Stopped"), has_looked=True)
    assert titles(plan("sync", there, Options()))[:4] == ["look first", "change cpus", "effective config", "start"]
    same = world(instance=instance("Stopped"), has_looked=True)
    assert titles(plan("sync", same, Options()))[:3] == ["look first", "effective config", "start"]


def test_a_disk_never_shrinks() -> None:
    there = world(config(disk="10GiB"), instance=instance("Stopped"), has_looked=True)
    with pytest.raises(UsageError, match=r"(?i)disk"):
        plan("sync", there, Options())


@pytest.mark.parametrize("status", ["Broken", ""])
@pytest.mark.parametrize("verb", ["sync", "start"])
def test_a_broken_vm_is_not_started_but_told(verb: str, status: str) -> None:
    with pytest.raises(DvmError, match="dvm-app"):
        plan(verb, world(instance=instance(status), has_looked=True), Options())


def test_a_delete_looks_under_the_lock_before_it_stops_and_deletes() -> None:
    running = plan("delete", world(instance=instance(), has_looked=True), Options())
    assert titles(running) == ["look first", "work at risk", "stop", "delete instance", "nothing left behind"]
    assert running[1].check == "work-unchanged"
    stopped = plan("delete", world(instance=instance("Stopped"), has_looked=True), Options())
    assert titles(stopped)[1:6] == ["effective config", "start", "reachable", "state", "work at risk"]
    by_report = plan("delete", world(instance=instance("Stopped"), has_looked=True), Options(force=True, expected=HASH))
    assert titles(by_report) == titles(stopped)
    unseen = plan("delete", world(instance=instance("Stopped"), has_looked=True), Options(force=True))
    assert [step.check for step in unseen] == ["deletable", "not-looked", "", "is-gone"]
    forced = plan("delete", world(instance=instance("Broken"), has_looked=True), Options(force=True, expected=HASH))
    assert forced[1].check == "not-looked"
    assert forced[-2].argv == ("limactl", "delete", "--tty=false", "-f", "dvm-app")


def test_a_look_leaves_a_stopped_vm_stopped() -> None:
    steps = plan("work", world(instance=instance("Stopped"), has_looked=True), Options())
    assert titles(steps)[1:] == [
        "effective config",
        "start",
        "reachable",
        "state",
        "work at risk",
        "stop, as it was",
    ]


def test_a_recipe_travels_with_the_files_beside_it() -> None:
    recipe = Recipe("claude", Path("/r"), "true", False)
    there = world(recipes=(RecipeWish(recipe, HASH, {}, files={"_agent.py": "pass"}),))
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "recipe claude"]
    assert step.script is not None
    assert step.script.files["_agent.py"] == "pass"


def test_a_recipe_travels_with_its_releases_only() -> None:
    recipe = Recipe("node", Path("/r"), "true", False)
    for releases, names in ((("node\t1\n"), {"versions.tsv"}), ("", set())):
        there = world(recipes=(RecipeWish(recipe, HASH, {}, releases),))
        (step,) = [step for step in plan("sync", there, Options()) if step.title == "recipe node"]
        assert step.script is not None
        assert set(step.script.files) == {"recipe.sh", "_lib.sh", "probe"} | names
        assert step.script.files.get("versions.tsv", "") == releases


def test_no_step_shows_a_secret() -> None:
    from dvmweb.recipes import Param

    recipe = Recipe("node", Path("/r"), "true", False, params=(Param("token", "Token", "", True, ""),))
    there = world(recipes=(RecipeWish(recipe, HASH, {}),), secrets={"token": b"canary"})
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "recipe node"]
    assert step.script is not None
    assert b"canary" not in step.script.payload().replace(b"Y2FuYXJ5", b""), "only as base64, and only on stdin"
    assert "canary" not in repr(step)
    assert not any("canary" in word for word in step.argv)


def test_a_secret_that_the_guest_keeps_is_left_to_the_guest_to_ask_for() -> None:
    from dvmweb.errors import SecretNeeded
    from dvmweb.recipes import Param

    kept, other = Param("token", "Token", "", True, "", is_kept=True), Param("key", "Key", "", True, "")
    wish = RecipeWish(Recipe("tunnel", Path("/r"), "true", False, params=(kept,)), HASH, {})
    there = world(recipes=(wish,), guest=STATE, instance=instance())
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "recipe tunnel"]
    assert (step.secrets, step.skip_reason) == (("token",), "")
    (given,) = [
        step
        for step in plan("sync", replace(there, secrets={"token": b"x"}), Options())
        if step.title == "recipe tunnel"
    ]
    assert given.secrets == ()
    both = replace(wish, recipe=replace(wish.recipe, params=(kept, other)))
    with pytest.raises(SecretNeeded) as caught:
        check_secrets(replace(there, recipes=(both,)), Options())
    assert caught.value.todo == "Give it on stdin: dvm sync app --secret key=-"
