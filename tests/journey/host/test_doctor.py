"""`dvm doctor` names what is wrong on this computer, with the fix, and repairs only what is safe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from dvmweb import paths
from dvmweb.verbs.doctor import State, clocks, host, lima_home
from dvmweb.verbs.vms import Vms
from tests.journey.driver import User, Vm


def findings(user: User, how: str = "ok") -> dict[str, list[dict[str, Any]]]:
    """By topic."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(user.dvm("doctor --json").exits(how).out):
        found.setdefault(one["topic"], []).append(one)
    return found


def test_a_new_home_and_one_with_a_vm_have_no_failure(user: User, app: Vm) -> None:
    user.dvm("doctor").succeeds().prints("VMs: 1 listed, none with a problem.", "is yours.")
    assert {one["state"] for of_topic in findings(user).values() for one in of_topic} <= {"ok", "warning"}


def test_open_folders_are_closed_by_fix_and_by_nothing_else(user: User) -> None:
    user.dvm("init app").succeeds()
    user.paths.config.chmod(0o777)
    (shown,) = [one for one in findings(user, "failed")["folders"] if one["state"] == "failed"]
    assert shown["fix"] == f"chmod go-w {user.paths.config}"
    assert user.paths.config.stat().st_mode & 0o022
    user.dvm("doctor --fix").succeeds().warns(f"{user.paths.config} is no longer writable by others.")
    assert not user.paths.config.stat().st_mode & 0o022


def test_bad_configs_broken_vms_and_lima_that_fails_are_named(user: User, app: Vm) -> None:
    user.dvm("init bad").succeeds()
    user.vm("bad").adds_to_config("cpus: none")
    (user.paths.config / "vms/shop.yml").write_text("cpus: 2\n")
    (app.instance / "lima.yaml").unlink()
    found = findings(user, "failed")
    assert "cpus" in found["VM bad"][0]["what"]
    assert "without a lima.yaml" in found["VM app"][0]["what"]
    assert "rm -r" in found["VM app"][0]["fix"]
    assert "shop.yml" in found["configs"][0]["what"]
    user.engine_fails("list", "panic: no")
    assert findings(user)["VMs"][0]["state"] == "not known"
    user.engine_works()


@pytest.mark.slow
def test_ssh_that_hangs_after_a_killed_vm_is_ended_by_fix(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    sleep = shutil.which("sleep")
    assert sleep
    ssh = user.home.home / "ssh"
    shutil.copy(sleep, ssh)
    hanging = psutil.Popen((f"{app.instance}/ssh.sock", "600"), executable=str(ssh))
    try:
        user.dvm("doctor").succeeds().prints("ssh is still connected to app", "dvm doctor --fix")
        assert hanging.is_running()
        user.dvm("doctor --fix").succeeds().warns("ssh processes of app were ended.").prints("none with a problem")
        hanging.wait(20)
    finally:
        if hanging.poll() is None:
            hanging.kill()


@pytest.mark.parametrize(
    ("system", "device", "topics"),
    [("linux", "none", {"KVM": State.WARNING}), ("linux", "there", {"KVM": State.OK}), ("darwin", "none", {})],
)
def test_what_speeds_up_a_vm_is_checked_where_lima_needs_it(
    user: User, tmp_path: Path, system: str, device: str, topics: dict[str, State]
) -> None:
    (tmp_path / "there").touch()
    environ = {**user.home.environ, "DVM_ENGINE": "lima", "PATH": ""}
    vms = Vms(paths.from_environment(environ), environ)
    found = {one.topic: one.state for one in host.virtualisation(vms, system, tmp_path / device)}
    assert found == ({"QEMU": State.FAILED, **topics} if system == "linux" else {})


def test_lima_files_that_concern_every_vm_and_a_long_home_are_named(user: User) -> None:
    folder = user.paths.lima_home / "_config"
    folder.mkdir(parents=True)
    (folder / "override.yaml").write_text("mounts: []\n")
    assert "override.yaml is merged into every instance" in findings(user)["Lima's files"][0]["what"]


def test_clocks_of_running_vms_are_asked_for(user: User, app: Vm) -> None:
    assert findings(user)["clocks"][0]["state"] == "ok"
    user.guests_are_silent()
    (found,) = findings(user)["VM app"]
    assert (found["state"], found["fix"]) == ("not known", "What happens in it: dvm log app --boot")
    user.engine_works()
    user.dvm("stop app").succeeds()
    assert "clocks" not in findings(user)


@pytest.mark.parametrize(
    ("guest", "words"),
    [(1000.0, ""), (1003.0, ""), (1009.0, "7 s ahead of"), (994.9, "5 s behind"), (0.0, "1000 s behind")],
)
def test_a_clock_is_wrong_by_more_than_the_time_of_the_question(guest: float, words: str) -> None:
    found = clocks.judged("app", clocks.Reading(guest, sent=1000.0, received=1002.0))
    assert (found is None) == (not words)
    if found is not None:
        assert words in found.what


def test_pid_files_of_other_programs_are_named_and_removed_by_fix(user: User) -> None:
    home = user.home.home / ".lima"
    sleep = shutil.which("sleep")
    assert sleep
    with psutil.Popen((sleep, "600")) as other, psutil.Popen(("dvm-good", "600"), executable=sleep) as agent:
        try:
            for name, file, pid in (
                ("dvm-good", "ha.pid", agent.pid),
                ("dvm-app", "ha.pid", other.pid),
                ("dvm-app", "qemu.pid", 2**22 + 1),  # more than any pid
                ("mine", "ha.pid", other.pid),
                ("_networks/user-v2", "usernet_user-v2.pid", other.pid),
            ):
                (home / name).mkdir(parents=True, exist_ok=True)
                (home / name / file).write_text(f"{pid}\n")
            (home / "dvm-app" / "vz.pid").symlink_to(home / "mine" / "ha.pid")
            shown = user.dvm("doctor", DVM_ENGINE="lima")
            shown.prints(f"dvm-app/ha.pid is left over: process {other.pid} is sleep.", "rm ", "dvm doctor --fix")
            shown.prints("dvm-app/qemu.pid is left over: there is no process", "usernet_user-v2.pid is left over")
            shown.never_says("dvm-good/ha.pid", "mine/ha.pid", "vz.pid")
            user.dvm("doctor --fix", DVM_ENGINE="lima").warns("dvm-app/ha.pid was removed.").never_says("is left over")
            assert sorted(path.name for path in home.glob("*/*.pid")) == ["ha.pid", "ha.pid", "vz.pid"]
        finally:
            other.kill()
            agent.kill()


def test_what_a_copy_of_a_disk_costs_is_tried(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = findings(user)["copies"]
    works = lima_home.can_share_blocks(user.paths.state.parent)
    assert found["state"] == ("ok" if works else "warning")
    for answer, state in ((True, State.OK), (False, State.WARNING)):
        monkeypatch.setattr(lima_home, "can_share_blocks", lambda _, answer=answer: answer)
        assert [one.state for one in lima_home.reflinks(user.paths, "linux")] == [state]
    assert not list(lima_home.reflinks(user.paths, "darwin"))
