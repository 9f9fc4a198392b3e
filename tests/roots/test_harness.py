"""A root is a guest: its own processes, network, user and systemd, and nothing of it stays behind."""

from __future__ import annotations

import os

import psutil
import pytest

from tests.roots.applying import Root
from tests.roots.conftest import MakeRoot, Tree

pytestmark = pytest.mark.timeout(900)


def test_a_root_has_a_user_with_sudo_and_nothing_of_this_machine(root: Root) -> None:
    done = root.run(("sh", "-c", "id -un; pwd; sudo -n id -un; hostname; ps -e -o comm= | head -n 1"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dev", "/home/dev", "root", "lima-dvm-app", root.machine.init_name]
    assert "DVM_TEST_ROOTS" in os.environ
    assert "DVM_TEST_ROOTS" not in root.run(("env",)).stdout
    assert not root.run(("ls", "/work"), "root").stdout


def test_stdin_exit_code_and_environment_arrive(root: Root) -> None:
    done = root.run(("bash", "-c", 'cat; echo "$WORD"; exit 7'), stdin=b"in\n", env={"WORD": "two words"})
    assert (done.returncode, done.stdout) == (7, "in\ntwo words\n")


def test_a_user_can_make_namespaces_of_his_own(root: Root) -> None:
    inside = ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "ps", "-e")
    done = root.run(inside)
    assert done.returncode == 0, done.stderr
    assert "systemd" not in done.stdout


def test_systemd_serves_the_system_and_the_user(systemd_root: Root) -> None:
    done = systemd_root.run(
        ("sh", "-c", "systemctl is-system-running; systemctl --user is-system-running; systemctl --failed")
    )
    assert done.stdout.split()[:2] == ["running", "running"], done.stdout


def test_what_one_root_writes_no_other_sees(root: Root, make_root: MakeRoot, ready_tree: Tree) -> None:
    assert root.run(("touch", "/usr/local/mark"), "root").returncode == 0
    with make_root(ready_tree) as other:
        assert other.run(("test", "-e", "/usr/local/mark")).returncode == 1
        folder, init = other.machine.folder, other.machine.init
        assert folder.exists()
    assert not folder.exists()
    assert not psutil.pid_exists(init) or psutil.Process(init).status() == psutil.STATUS_ZOMBIE
    assert not (ready_tree.folder / "usr/local/mark").exists()
