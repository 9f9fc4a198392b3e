"""The main job on real Lima: one VM for all tests of this file, in the order in which a user lives with it."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from tests.lima.real.conftest import BOOT, RealDvmHome


def row(real: RealDvmHome) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in json.loads(real.ok("ls", "--json")) if one["name"] == "app")
    return found


def test_01_a_mount_from_limas_global_files_stops_the_job(real: RealDvmHome) -> None:
    real.init("app")
    folder = real.paths.lima_home / "_config"
    folder.mkdir(parents=True)
    (folder / "override.yaml").write_text('mounts: [{location: "~", writable: true}]\n')
    said = real.dvm("sync", "app", timeout=BOOT)
    assert said.code == 1
    assert "access to the host that dvm does not allow" in said.err
    assert row(real)["status"] == "Stopped"
    (folder / "override.yaml").unlink()


def test_02_sync_makes_a_vm_that_answers(real: RealDvmHome) -> None:
    out = real.ok("sync", "app", timeout=BOOT)
    for step in ("Start VM", "Wait for the guest", "Write VM identity", "Baseline", "Create SSH key"):
        assert step in out
    assert "not run" not in out
    found = row(real)
    assert found["status"] == "Running"
    assert found["reachable"] is True
    assert found["work"]["verdict"] == "clean"


def test_03_nothing_of_the_host_is_in_the_guest(real: RealDvmHome) -> None:
    seen = real.guest("app", "id -un; id -u; echo $HOME; echo agent=$SSH_AUTH_SOCK; mount -t 9p,virtiofs,fuse.sshfs")
    assert seen == "dev\n1000\n/home/dev\nagent=\n"


def test_04_a_sync_with_nothing_to_do_is_one_list_and_one_question(real: RealDvmHome) -> None:
    real.ok("sync", "app", timeout=BOOT)  # the commands before may have changed the work: it is looked at again
    real.ok("sync", "app", timeout=BOOT)
    assert real.programs(real.jobs()[0]["id"]) == ["limactl", "ssh"]


def test_05_exit_codes_and_words_pass_through(real: RealDvmHome) -> None:
    assert real.dvm("ssh", "app", "--", "sh", "-c", "exit 7").code == 7
    assert real.ok("ssh", "app", "--", "printf", "%s|", "a b", "it's", "$HOME", "*") == "a b|it's|$HOME|*|"
    assert real.ok("ssh", "app", "--", "cat", stdin="in and out\n") == "in and out\n"
    assert real.ok("ssh-key", "app").startswith("ssh-ed25519 ")


def test_06_a_killed_job_is_interrupted_and_the_next_sync_goes_on(real: RealDvmHome) -> None:
    real.ok("stop", "app", timeout=BOOT)
    starter = real.popen("sync", "app")
    journal: dict[str, Any] = {}
    deadline = time.monotonic() + 60
    while not any(step["title"] == "Start VM" and step["state"] == "running" for step in journal.get("steps", ())):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        newest = max(real.paths.jobs.glob("*/job.json"), key=lambda path: json.loads(path.read_text())["created"])
        journal = json.loads(newest.read_text())
    second = real.dvm("sync", "app")
    assert second.code == 4, second
    assert journal["id"][:8] in second.err
    os.kill(journal["process"]["pid"], signal.SIGKILL)
    starter.communicate(timeout=60)
    assert real.jobs()[0]["state"] == "interrupted"
    real.ok("sync", "app", timeout=BOOT)
    assert row(real)["reachable"] is True


def test_07_a_repository_of_another_user_and_a_filter_run_nothing_and_are_not_clean(real: RealDvmHome) -> None:
    real.guest(
        "app",
        """
        sudo mkdir other; sudo git -C other init -q
        sudo sh -c 'cd other; git config user.email a@b; git config user.name A
          git config filter.x.clean "touch /tmp/pwned; cat"; echo "* filter=x" > .gitattributes; echo a > f
          git -c filter.x.clean=cat add .; git -c filter.x.clean=cat commit -qm one; touch -d 2020-01-01 f'
        sudo rm -f /tmp/pwned
        """,
    )
    looked = real.dvm("work", "app", timeout=120)
    assert looked.code in (5, 6), looked
    assert real.dvm("ssh", "app", "--", "test", "-e", "/tmp/pwned").code == 1
    real.guest("app", "sudo rm -rf other")


def test_08_an_unpushed_commit_refuses_the_delete(real: RealDvmHome) -> None:
    real.guest(
        "app",
        "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm one",
    )
    refused = real.dvm("rm", "app", "--yes", timeout=BOOT)
    assert refused.code == 5, refused
    assert row(real)["status"] == "Running"


def test_09_a_clone_is_never_clean(real: RealDvmHome) -> None:
    real.ok("stop", "app", timeout=BOOT)
    real.limactl("clone", "--tty=false", "dvm-app", "dvm-copy")
    real.init("copy")
    real.ok("start", "copy", timeout=BOOT)
    assert real.dvm("work", "copy", timeout=120).code == 6
    assert real.dvm("rm", "copy", "--yes", timeout=120).code == 5
    real.ok("rm", "copy", "--now", "--yes", "--force", timeout=BOOT)


def test_10_a_forced_delete_leaves_nothing_behind(real: RealDvmHome) -> None:
    real.ok("rm", "app", "--now", "--yes", "--force", timeout=BOOT)
    assert not list(real.paths.lima_home.glob("dvm-*"))
    assert real.paths.vm_config("app").exists()
