"""Plans as data: which steps, in which order, and why one is skipped. Their calls: test_job_playbooks.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dvmweb.config import kinds
from dvmweb.errors import DvmError, UsageError
from dvmweb.guest.state import Applied
from dvmweb.plans import DesiredRecipe, Options, Step, check_secrets, is_nothing_to_do, marked_unknown, plan
from dvmweb.recipes import Recipe
from tests.plans.given import HASH, STATE, config, instance, plan_input


def titles(steps: tuple[Step, ...], *, run_only: bool = True) -> list[str]:
    return [step.title for step in steps if not (run_only and step.skip_reason)]


@pytest.mark.parametrize("kind", kinds.SERVICES)
def test_a_service_gets_no_key_no_clone_and_no_hook(kind: str) -> None:
    steps = plan("sync", plan_input(config(kind=kind), is_listed=True), Options())
    assert titles(steps)[6:] == [
        "Write VM identity",
        "Baseline",
        "Recipe node",
        "Create code folder",
        "Check for unsaved work",
    ]
    done = plan_input(
        config(kind=kind), guest=replace(STATE, key="", code="empty"), instance=instance(of=config(kind=kind))
    )
    assert is_nothing_to_do(done, Options())
    assert not is_nothing_to_do(replace(done, guest=replace(STATE, code="absent")), Options())


def test_a_new_vm_gets_every_step_in_order() -> None:
    steps = plan("sync", plan_input(config(repo="git@github.com:me/app.git"), is_listed=True), Options())
    assert titles(steps) == [
        "Check instance",
        "Create instance",
        "Verify applied config",
        "Start VM",
        "Wait for the guest",
        "Read guest state",
        "Write VM identity",
        "Baseline",
        "Recipe node",
        "Create SSH key",
        "Clone git@github.com:me/app.git",
        "Read guest state again",
        "Run project hook",
        "Check for unsaved work",
    ]
    assert steps[3].locks_engine == "running", "the lock of all VMs is given back before READY"


def test_nothing_to_do_leaves_the_look_and_the_question() -> None:
    there = plan_input(instance=instance(), is_listed=True, guest=STATE)
    steps = plan("sync", there, Options())
    assert titles(steps) == ["Check instance", "Wait for the guest", "Read guest state"]
    assert is_nothing_to_do(there, Options())


@pytest.mark.parametrize(
    ("options", "changes", "ran"),
    [
        (Options(fresh=True), {}, ["Baseline", "Recipe node"]),
        (Options(update=True), {}, ["Recipe node"]),
        (Options(), {"probes": {"baseline": "ok", "node": "failed"}}, ["Recipe node"]),
        (Options(), {"applied": {"baseline": STATE.applied["baseline"]}}, ["Recipe node"]),
        (Options(), {"applied": {**STATE.applied, "node": Applied("e" * 64, "done", 1)}}, ["Recipe node"]),
        (Options(), {"applied": {**STATE.applied, "node": Applied(HASH, "not-run", 1)}}, ["Recipe node"]),
        (Options(), {"key": ""}, ["Create SSH key"]),
        (Options(), {"identity": None}, ["Write VM identity"]),
        (Options(), {"code": "absent"}, ["Create code folder"]),
    ],
)
def test_only_what_is_needed_runs(options: Options, changes: dict[str, Any], ran: list[str]) -> None:
    there = plan_input(instance=instance(), is_listed=True, guest=replace(STATE, **changes))
    steps = titles(plan("sync", there, options))
    always = ("Check instance", "Wait for the guest", "Read guest state", "Check for unsaved work")
    assert [title for title in steps if title not in always] == ran
    assert "Check for unsaved work" in steps, "after a change the work is looked at"


def test_a_recipe_that_the_demo_cannot_run_is_not_run_again() -> None:
    applied = {**STATE.applied, "node": Applied(HASH, "not-run", 1)}
    there = plan_input(instance=instance(), is_listed=True, guest=replace(STATE, applied=applied, is_demo=True))
    reasons = {step.title: step.skip_reason for step in plan("sync", there, Options())}
    assert reasons["Recipe node"] == "unchanged; not run in the demo"


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
    there = plan_input(instance=instance(), is_listed=True, guest=state, approved_hook=approved)
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "Run project hook"]
    assert step.skip_reason.startswith(reason) if reason else not step.skip_reason


def test_a_repository_that_is_there_is_never_cloned_over() -> None:
    wanted = config(repo="git@github.com:me/app.git")
    for code, origin, words in (
        ("repository", "git@github.com:me/app.git", "already there"),
        ("repository", "https://evil/\x1b[2J", "another repository (https://evil/\\x1b[2J)"),
        ("files", "", "not empty"),
    ):
        there = plan_input(
            wanted, instance=instance(of=wanted), is_listed=True, guest=replace(STATE, code=code, origin=origin)
        )
        (step,) = [step for step in plan("sync", there, Options()) if step.title.startswith("Clone")]
        assert words in step.skip_reason


def test_a_change_of_a_running_vm_waits_unless_a_restart_is_allowed() -> None:
    bigger = config(cpus=4)
    there = plan_input(bigger, instance=instance(), is_listed=True, guest=STATE)
    waiting = plan("sync", there, Options())
    assert "Stop VM to change it" not in titles(waiting)
    assert any("--restart" in step.skip_reason for step in waiting)
    restarted = titles(plan("sync", there, Options(restart=True)))
    assert restarted[:6] == [
        "Check instance",
        "Stop VM to change it",
        "Change cpus",
        "Verify applied config",
        "Start VM",
        "Wait for the guest",
    ]


def test_a_stopped_vm_is_changed_before_it_starts() -> None:
    there = plan_input(config(cpus=4), instance=instance("Stopped"), is_listed=True)
    assert titles(plan("sync", there, Options()))[:4] == [
        "Check instance",
        "Change cpus",
        "Verify applied config",
        "Start VM",
    ]
    same = plan_input(instance=instance("Stopped"), is_listed=True)
    assert titles(plan("sync", same, Options()))[:3] == ["Check instance", "Verify applied config", "Start VM"]


def test_a_disk_never_shrinks() -> None:
    there = plan_input(config(disk="10GiB"), instance=instance("Stopped"), is_listed=True)
    with pytest.raises(UsageError, match=r"(?i)disk"):
        plan("sync", there, Options())


@pytest.mark.parametrize("status", ["Broken", ""])
@pytest.mark.parametrize("verb", ["sync", "start"])
def test_a_broken_vm_is_not_started_but_told(verb: str, status: str) -> None:
    with pytest.raises(DvmError, match=r"(Broken|lima\.yaml): it died") as refused:
        plan(verb, plan_input(instance=replace(instance(status), errors=("it died",)), is_listed=True), Options())
    assert "`dvm " in refused.value.todo


def test_a_delete_looks_under_the_lock_before_it_stops_and_deletes() -> None:
    running = plan("delete", plan_input(instance=instance(), is_listed=True), Options())
    assert titles(running) == [
        "Check instance",
        "Check for unsaved work",
        "Stop VM",
        "Delete instance",
        "Verify deletion",
    ]
    assert running[1].check == "work-unchanged"
    stopped = plan("delete", plan_input(instance=instance("Stopped"), is_listed=True), Options())
    assert titles(stopped)[1:6] == [
        "Verify applied config",
        "Start VM",
        "Wait for the guest",
        "Read guest state",
        "Check for unsaved work",
    ]
    by_report = plan(
        "delete", plan_input(instance=instance("Stopped"), is_listed=True), Options(force=True, expected=HASH)
    )
    assert titles(by_report) == titles(stopped)
    unseen = plan("delete", plan_input(instance=instance("Stopped"), is_listed=True), Options(force=True))
    assert [step.check for step in unseen] == ["deletable", "not-checked", "", "is-gone"]
    forced = plan("delete", plan_input(instance=instance("Broken"), is_listed=True), Options(force=True, expected=HASH))
    assert forced[1].check == "not-checked"
    assert forced[-2].argv == ("limactl", "delete", "--tty=false", "-f", "dvm-app")


def test_a_look_leaves_a_stopped_vm_stopped() -> None:
    steps = plan("work", plan_input(instance=instance("Stopped"), is_listed=True), Options())
    assert titles(steps)[1:] == [
        "Verify applied config",
        "Start VM",
        "Wait for the guest",
        "Read guest state",
        "Check for unsaved work",
        "Stop VM again",
    ]


def test_a_recipe_travels_with_the_files_beside_it() -> None:
    recipe = Recipe("claude", Path("/r"), "true", False)
    there = plan_input(recipes=(DesiredRecipe(recipe, HASH, {}, files={"launcher.py": "pass"}),))
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "Recipe claude"]
    assert step.script is not None
    assert step.script.files["launcher.py"] == "pass"


def test_a_recipe_travels_with_its_releases_only() -> None:
    recipe = Recipe("node", Path("/r"), "true", False)
    for releases, names in ((("node\t1\n"), {"versions.tsv"}), ("", set())):
        there = plan_input(recipes=(DesiredRecipe(recipe, HASH, {}, releases),))
        (step,) = [step for step in plan("sync", there, Options()) if step.title == "Recipe node"]
        assert step.script is not None
        assert set(step.script.files) == {"recipe.sh", "_lib.sh", "probe"} | names
        assert step.script.files.get("versions.tsv", "") == releases


def test_no_step_shows_a_secret() -> None:
    from dvmweb.recipes import Param

    recipe = Recipe("node", Path("/r"), "true", False, params=(Param("token", "Token", "", True, ""),))
    there = plan_input(recipes=(DesiredRecipe(recipe, HASH, {}),), secrets={"token": b"canary"})
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "Recipe node"]
    assert step.script is not None
    assert b"canary" not in step.script.payload().replace(b"Y2FuYXJ5", b""), "only as base64, and only on stdin"
    assert "canary" not in repr(step)
    assert not any("canary" in word for word in step.argv)


def test_a_secret_that_the_guest_keeps_is_left_to_the_guest_to_ask_for() -> None:
    from dvmweb.errors import SecretNeeded
    from dvmweb.recipes import Param

    kept, other = Param("token", "Token", "", True, "", is_kept=True), Param("key", "Key", "", True, "")
    desired = DesiredRecipe(Recipe("tunnel", Path("/r"), "true", False, params=(kept,)), HASH, {})
    there = plan_input(recipes=(desired,), guest=STATE, instance=instance())
    (step,) = [step for step in plan("sync", there, Options()) if step.title == "Recipe tunnel"]
    assert (step.secrets, step.skip_reason) == (("token",), "")
    (given,) = [
        step
        for step in plan("sync", replace(there, secrets={"token": b"x"}), Options())
        if step.title == "Recipe tunnel"
    ]
    assert given.secrets == ()
    both = replace(desired, recipe=replace(desired.recipe, params=(kept, other)))
    with pytest.raises(SecretNeeded) as caught:
        check_secrets(replace(there, recipes=(both,)), Options())
    assert caught.value.todo == "Give it on stdin: dvm sync app --secret key=-"


def test_a_late_probe_is_not_known_and_runs_nothing_again() -> None:
    guest = replace(STATE, probes={"baseline": "ok", "node": "late"})
    late = plan_input(instance=instance(), guest=guest, is_listed=True)
    (step,) = (step for step in plan("sync", late, Options()) if step.title == "Recipe node")
    assert step.skip_reason == "not known: its probe did not finish in time"
    assert is_nothing_to_do(late, Options())
    fresh = {step.title for step in plan("sync", late, Options(fresh=True)) if not step.skip_reason}
    assert "Recipe node" in fresh


def test_a_plan_without_an_answer_says_that_nobody_knows() -> None:
    unasked = plan_input(instance=instance(), is_listed=True)
    wanted = Options()
    steps = {
        s.title: s for s in marked_unknown(plan("sync", unasked, wanted), unasked, wanted, "the guest was not checked")
    }
    for title in (
        "Write VM identity",
        "Baseline",
        "Recipe node",
        "Create SSH key",
        "Create code folder",
        "Run project hook",
        "Check for unsaved work",
    ):
        assert steps[title].unknown == "not known: the guest was not checked", title
    assert not steps["Wait for the guest"].unknown
    fresh = Options(fresh=True)
    steps = {s.title: s for s in marked_unknown(plan("sync", unasked, fresh), unasked, fresh, "x")}
    assert not steps["Recipe node"].unknown, "it runs, whatever the guest says"
    assert steps["Create code folder"].unknown
    new = plan_input(instance=None, is_listed=True)
    assert not any(s.unknown for s in marked_unknown(plan("sync", new, wanted), new, wanted, "x")), (
        "a new VM has nothing"
    )
    answered = plan_input(instance=instance(), guest=STATE, is_listed=True)
    assert not any(s.unknown for s in marked_unknown(plan("sync", answered, wanted), answered, wanted, "x"))


def test_deadlines_of_a_slow_guest_are_longer_outside_and_within() -> None:
    def deadlines(pace: float) -> dict[str, tuple[float, dict[str, str]]]:
        found = plan("sync", plan_input(instance=instance(), is_listed=True, pace=pace), Options())
        return {
            s.title: (s.timeout, {n: v for n, v in s.script.variables.items() if n.endswith("_SECONDS")})
            for s in found
            if s.script is not None
        }

    quick, slow = deadlines(1), deadlines(6)
    assert quick["Wait for the guest"][1] == {"DVM_PROBE_SECONDS": "10", "DVM_CALL_SECONDS": "5"}
    assert slow["Wait for the guest"][1] == {"DVM_PROBE_SECONDS": "60", "DVM_CALL_SECONDS": "30"}
    assert quick["Check for unsaved work"] == (75.0, {"DVM_WORK_CALL_SECONDS": "20", "DVM_WORK_SECONDS": "50"})
    assert slow["Check for unsaved work"] == (450.0, {"DVM_WORK_CALL_SECONDS": "120", "DVM_WORK_SECONDS": "300"})
    assert slow["Baseline"][1] == {"DVM_PROBE_SECONDS": "360"}
    for title in ("Write VM identity", "Create SSH key"):
        assert slow[title][0] == quick[title][0] * 6


def test_a_restart_checks_stops_and_starts_and_a_stopped_vm_is_only_started() -> None:
    there = plan_input(instance=instance(), is_listed=True)
    steps = {step.title: step for step in plan("restart", there, Options())}
    order = [title for title in steps if title in ("Check for unsaved work", "Stop VM", "Start VM")]
    assert order == ["Check for unsaved work", "Stop VM", "Start VM"]
    assert not any(steps[title].skip_reason for title in order)
    assert steps["Start VM"].always == "Stopped", "it ran before: it is started also after a change that failed"
    down = plan_input(instance=replace(instance(), status="Stopped"), is_listed=True)
    skipped = {step.title: step.skip_reason for step in plan("restart", down, Options())}
    assert skipped["Stop VM"] == "already stopped"
    assert skipped["Start VM"] == ""
