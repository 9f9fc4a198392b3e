"""`dvm doctor` names what is wrong on this computer, with the fix, and repairs only what is safe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from dvmweb import paths
from dvmweb.verbs.doctor import State, host
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
