"""`dvm recipe test` as a process: a recipe twice in a throwaway VM, which is gone whatever happens."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from dvmweb.jobs import job_record, recipe_trials, starting
from tests.journey.cli.home import until
from tests.journey.driver import User

pytestmark = pytest.mark.slow


def instances(user: User) -> list[str]:
    if not user.paths.lima_home.is_dir():
        return []
    return sorted(entry.name for entry in user.paths.lima_home.iterdir() if not entry.name.startswith("_"))


def assert_nothing_left(user: User, *others: str) -> None:
    assert instances(user) == [f"dvm-{name}" for name in others]
    kept = sorted(entry.name for entry in (user.paths.state / "vms").iterdir())
    assert kept == sorted(others)


@pytest.mark.usefixtures("guests_work")
def test_a_recipe_runs_twice_in_a_new_vm_which_is_gone_then(user: User) -> None:
    user.dvm("recipe test git").succeeds().prints(
        "Recipe git, first run and probe: passed",
        "Recipe git, second run and probe: passed",
        "git ran twice, and its probe passed each time.",
    )
    assert_nothing_left(user)
    assert user.last_job.facts["verb"] == "test"


@pytest.mark.usefixtures("guests_work")
def test_what_fails_is_told_run_by_run(user: User) -> None:
    user.has_recipe("once", "[ ! -e ~/mark ] || { echo 'I have been here' >&2; exit 9; }\ntouch ~/mark", "probe: true")
    failed = user.dvm("recipe test once").fails().warns("I have been here").never_says("ran twice")
    failed.prints("first run and probe: passed", "second run and probe: failed")
    assert_nothing_left(user)

    user.has_recipe("once", "true", "probe: test -e ~/never")
    failed = user.dvm("recipe test once").fails().prints("second run and probe: not reached")
    failed.warns("the probe of once failed: test -e ~/never")

    user.has_recipe("once", "exit 69", "probe: true")  # "not run here" is neither
    user.dvm("recipe test once").exits("check failed").prints("was not tested: it could not be run here")
    listed = user.dvm("jobs").succeeds().out.splitlines()[1]
    assert listed.split()[1:3] == ["once", "test"]  # not by its throwaway VM


@pytest.mark.usefixtures("guests_work")
def test_a_clone_has_all_of_its_origin_and_never_touches_it(user: User) -> None:
    body = 'set -e\ntest -e ~/of-the-origin\ntouch ~/of-the-test\necho "colour $DVM_COLOUR"'
    user.has_recipe("mark", body, "params: {colour: {}}\nprobe: true")
    app = user.vm("app").has_config("ports: [3999]\nparams: {mark: {colour: red}}\n")
    user.dvm("sync app").succeeds()
    app.runs("touch ~/of-the-origin")
    user.dvm("recipe test mark --vm app").fails().warns("only a stopped VM can be cloned", "dvm stop app")
    assert_nothing_left(user, "app")

    user.dvm("stop app").succeeds()
    before = _facts(app.instance, app.notes)
    tested = user.dvm("recipe test mark --vm app --keep").succeeds()
    assert _facts(app.instance, app.notes) == before
    (kept,) = (name for name in instances(user) if name != "dvm-app")
    tested.prints(f"limactl delete -f {kept}")
    rules = json.loads((user.paths.lima_home / kept / "lima.yaml").read_text())["portForwards"]
    assert not [rule for rule in rules if "hostPort" in rule]  # the origin's may be taken by the origin
    user.dvm(f"log {user.last_job.id}").succeeds().prints("colour red")

    user.dvm("recipe test mark --vm app").succeeds().prints(f"{kept} was left behind by an earlier test")
    assert instances(user) == ["dvm-app", kept]  # shown, and not deleted by a test that has not made it
    user.dvm("start app").succeeds()
    assert app.runs("ls ~") == "code\nof-the-origin\n"

    # A VM that a job holds is not cloned.
    user.dvm("stop app").succeeds()
    held = starting.take(user.paths, "app")
    user.dvm("recipe test git --vm app").exits("busy").warns("Another job is running on app")
    held.release()
    assert instances(user) == ["dvm-app", kept]


def _facts(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file of them with its time and size; the lock of a VM only says who held it."""
    files = [file for folder in folders for file in folder.rglob("*") if file.name != "lock"]
    return {str(file): (file.lstat().st_mtime_ns, file.lstat().st_size) for file in files if file.is_file()}


def has_begun(user: User) -> bool:
    """Does the recipe of the newest job run?"""
    found = job_record.newest_first(user.paths)
    log = job_record.log_file(user.paths, found[0].id) if found else None
    return log is not None and log.exists() and b"begun" in log.read_bytes()


@pytest.mark.usefixtures("guests_work")
def test_ctrl_c_deletes_it_and_what_a_killed_job_left_is_shown(user: User) -> None:
    user.has_recipe("slow", "echo begun\nsleep 600")
    testing = user.starts("recipe test slow")
    until(lambda: has_begun(user))
    ended = testing.is_interrupted().ends().exits("cancelled")
    ended.prints("first run and probe: cancelled").never_says("dvm sync")
    assert_nothing_left(user)

    testing = user.starts("recipe test slow")
    until(lambda: len(job_record.newest_first(user.paths)) == 2 and has_begun(user))
    os.kill(user.last_job.journal["process"]["pid"], signal.SIGKILL)
    testing.ends().fails("Run it again: dvm recipe test slow")
    (left,) = instances(user)
    user.has_recipe("quick", "true")
    user.dvm("recipe test quick").succeeds().prints(f"limactl delete -f {left}")
    assert instances(user) == [left]


def test_what_cannot_be_tested_starts_no_job(user: User) -> None:
    user.dvm("recipe test nothing").exits("not found")
    user.has_recipe("broken", "true", "probe: [")
    user.dvm("recipe test broken").exits("usage error")
    user.has_recipe("secret", 'test -s "$DVM_TOKEN_FILE"', "params: {token: {secret: true}}\nprobe: true")
    user.dvm("recipe test secret").exits("usage error").warns("dvm recipe test secret --secret token=-")
    user.dvm("recipe test git --vm app").exits("not found")
    assert user.jobs == []
    if user.paths.state.is_dir():
        assert not (user.paths.state / "vms").is_dir() or not list((user.paths.state / "vms").iterdir())


def test_a_vm_whose_last_job_is_still_going_away_is_waited_for(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job says that it has ended a moment before its process does."""
    held = starting.take(user.paths, "other")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        held.release()

    monkeypatch.setattr("dvmweb.jobs.starting.time.sleep", wait)
    with recipe_trials.origin_held(user.paths, "other"):
        assert len(waits) == 1
