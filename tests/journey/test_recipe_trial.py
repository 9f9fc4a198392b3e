"""`dvm recipe test` as a process: a recipe twice in a throwaway VM, which is gone whatever happens."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from dvmweb.jobs import journal, starting, trials

from .conftest import House, until

HEAD = "#!/usr/bin/env bash\n# /// recipe\n# summary: A tool\n# probe: {probe}\n# ///\nset -euo pipefail\n"


def put(house: House, name: str, text: str, probe: str = "true") -> None:
    folder = house.paths.local_recipes
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / f"{name}.sh").write_text(HEAD.format(probe=probe) + text)


def instances(house: House) -> list[str]:
    if not house.paths.lima_home.is_dir():
        return []
    return sorted(entry.name for entry in house.paths.lima_home.iterdir() if not entry.name.startswith("_"))


def assert_nothing_left(house: House, *others: str) -> None:
    assert instances(house) == [f"dvm-{name}" for name in others]
    kept = sorted(entry.name for entry in (house.paths.state / "vms").iterdir())
    assert kept == sorted(others)


def config(house: House, name: str, text: str) -> None:
    file = house.paths.vm_config(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.usefixtures("guests_work")
def test_a_recipe_runs_twice_in_a_new_vm_which_is_gone_then(house: House) -> None:
    said = house.dvm("recipe", "test", "git")
    assert said.code == 0, said
    assert "git, first run and probe: passed" in said.out
    assert "git, second run and probe: passed" in said.out
    assert "git ran twice, and its probe passed each time." in said.out
    assert_nothing_left(house)
    assert house.jobs()[0]["verb"] == "test"


@pytest.mark.usefixtures("guests_work")
def test_what_fails_is_told_run_by_run(house: House) -> None:
    put(house, "once", "[ ! -e ~/mark ] || { echo 'I have been here' >&2; exit 9; }\ntouch ~/mark\n")
    said = house.dvm("recipe", "test", "once")
    assert (said.code, "first run and probe: passed" in said.out, "second run and probe: failed" in said.out) == (
        1,
        True,
        True,
    )
    assert "I have been here" in said.err
    assert "ran twice" not in said.out
    assert_nothing_left(house)

    put(house, "once", "true\n", probe="test -e ~/never")
    said = house.dvm("recipe", "test", "once")
    assert (said.code, "second run and probe: not reached" in said.out) == (1, True)
    assert "the probe of once failed: test -e ~/never" in said.err

    put(house, "once", "exit 69\n")  # "not run here" is neither
    said = house.dvm("recipe", "test", "once")
    assert (said.code, "nothing is known about it" in said.out) == (6, True)
    assert house.ok("jobs").splitlines()[1].split()[1:3] == ["once", "test"]  # not by its throwaway VM


@pytest.mark.usefixtures("guests_work")
def test_a_clone_has_all_of_its_origin_and_never_touches_it(house: House) -> None:
    put(house, "mark", 'test -e ~/of-the-origin\ntouch ~/of-the-test\necho "colour $DVM_COLOUR"\n')
    text = (house.paths.local_recipes / "mark.sh").read_text().replace("# probe", "# params: {colour: {}}\n# probe")
    (house.paths.local_recipes / "mark.sh").write_text(text)
    config(house, "app", "ports: [3999]\nparams: {mark: {colour: red}}\n")
    house.ok("sync", "app")
    house.guest("app", "touch ~/of-the-origin")

    refused = house.dvm("recipe", "test", "mark", "--vm", "app")
    assert (refused.code, "only a stopped VM can be cloned" in refused.err, "dvm stop app" in refused.err) == (
        1,
        True,
        True,
    )
    assert_nothing_left(house, "app")

    house.ok("stop", "app")
    before = _facts(house.paths.lima_home / "dvm-app", house.paths.vm_state("app"))
    said = house.dvm("recipe", "test", "mark", "--vm", "app", "--keep")
    assert said.code == 0, said
    assert _facts(house.paths.lima_home / "dvm-app", house.paths.vm_state("app")) == before
    (kept,) = (name for name in instances(house) if name != "dvm-app")
    assert f"limactl delete -f {kept}" in said.out
    rules = json.loads((house.paths.lima_home / kept / "lima.yaml").read_text())["portForwards"]
    assert not [rule for rule in rules if "hostPort" in rule]  # the origin's may be taken by the origin
    assert "colour red" in house.ok("log", house.jobs()[0]["id"])

    again = house.dvm("recipe", "test", "mark", "--vm", "app")
    assert (again.code, f"{kept} is left of an earlier test" in again.out) == (0, True)
    assert instances(house) == ["dvm-app", kept]  # shown, and not deleted by a test that has not made it
    assert house.dvm("start", "app").code == 0
    assert house.guest("app", "ls ~") == "code\nof-the-origin\n"


def _facts(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file of them with its time and size; the lock of a VM only says who held it."""
    files = [file for folder in folders for file in folder.rglob("*") if file.name != "lock"]
    return {str(file): (file.lstat().st_mtime_ns, file.lstat().st_size) for file in files if file.is_file()}


def has_begun(house: House) -> bool:
    """Does the recipe of the newest job run?"""
    found = journal.newest_first(house.paths)
    log = journal.log_file(house.paths, found[0].id) if found else None
    return log is not None and log.exists() and b"begun" in log.read_bytes()


@pytest.mark.usefixtures("guests_work")
def test_ctrl_c_deletes_it_and_what_a_killed_job_left_is_shown(house: House) -> None:
    put(house, "slow", "echo begun\nsleep 600\n")
    running = house.popen("recipe", "test", "slow")
    until(lambda: has_begun(house))
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=90)
    assert (running.returncode, "first run and probe: cancelled" in out) == (130, True), (out, err)
    assert "dvm sync" not in err
    assert_nothing_left(house)

    running = house.popen("recipe", "test", "slow")
    until(lambda: len(house.jobs()) == 2 and has_begun(house))
    process = journal.newest_first(house.paths)[0].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    out, err = running.communicate(timeout=90)
    assert (running.returncode, "`dvm recipe test slow` does it again" in err) == (1, True), (out, err)
    (left,) = instances(house)
    put(house, "quick", "true\n")
    said = house.dvm("recipe", "test", "quick")
    assert (said.code, f"limactl delete -f {left}" in said.out, instances(house)) == (0, True, [left])


def test_what_cannot_be_tested_starts_no_job(house: House) -> None:
    assert house.dvm("recipe", "test", "nothing").code == 3
    put(house, "broken", "true\n", probe="[")
    assert house.dvm("recipe", "test", "broken").code == 2
    put(house, "secret", 'test -s "$DVM_TOKEN_FILE"\n')
    file = house.paths.local_recipes / "secret.sh"
    file.write_text(file.read_text().replace("# probe", "# params: {token: {secret: true}}\n# probe"))
    said = house.dvm("recipe", "test", "secret")
    assert (said.code, "dvm recipe test secret --secret token=-" in said.err) == (2, True)
    assert house.dvm("recipe", "test", "git", "--vm", "app").code == 3
    assert house.jobs() == []
    if house.paths.state.is_dir():
        assert not (house.paths.state / "vms").is_dir() or not list((house.paths.state / "vms").iterdir())


@pytest.mark.usefixtures("guests_work")
def test_a_vm_that_a_job_holds_is_not_cloned(house: House) -> None:
    house.ok("init", "other")
    house.ok("sync", "other")
    house.ok("stop", "other")
    held = starting.take(house.paths, "other")
    said = house.dvm("recipe", "test", "git", "--vm", "other")
    held.release()
    assert (said.code, "holds other" in said.err) == (4, True), said
    assert_nothing_left(house, "other")


def test_a_vm_whose_last_job_is_still_going_away_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job says that it has ended a moment before its process does."""
    held = starting.take(house.paths, "other")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        held.release()

    monkeypatch.setattr("dvmweb.jobs.starting.time.sleep", wait)
    with trials.origin_held(house.paths, "other"):
        assert len(waits) == 1
