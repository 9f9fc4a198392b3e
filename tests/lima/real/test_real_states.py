"""What a VM can be in on a real Lima: each state is made by what really leads there, and each hint is followed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect
import pytest

from dvmweb.names import new_id
from tests.journey.conftest import Said
from tests.lima.real.conftest import BOOT, RealDvmHome

VM, INSTANCE = "app", "dvm-app"


def row(real: RealDvmHome) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in json.loads(real.ok("ls", "--json")) if one["name"] == VM)
    return found


def until(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


def folder(real: RealDvmHome) -> Path:
    return real.paths.lima_home / INSTANCE


def pid(real: RealDvmHome, name: str) -> int:
    return int((folder(real) / name).read_text())


def follow(real: RealDvmHome, said: Said) -> None:
    """Do what the hint says, word by word."""
    commands = re.findall(r"`((?:dvm|limactl|rm) [^`]+)`", said.err)
    assert commands, said
    for command in commands:
        words = shlex.split(command)
        if words[0] == "dvm":
            real.ok(*words[1:], timeout=BOOT)
        else:
            subprocess.run(words, env=real.environ, check=True, timeout=BOOT)


def test_01_a_boot_is_told_and_a_terminal_waits_for_it(real: RealDvmHome) -> None:
    real.init(VM)
    syncing = real.popen("sync", VM)
    until(lambda: row(real)["status"] == "Running", BOOT)
    said = real.dvm("ssh", VM, "--", "true")
    assert said.code == 6, said
    assert re.search(r"app is still booting \(sync [0-9a-f]{8}\)\.", said.err), said
    assert "refused" not in said.err.lower()
    assert real.dvm("log", VM).code == 6
    job = real.jobs()[0]["id"]
    words = ["-P", "-m", "dvmweb.terminals", "enter", VM, "shell", new_id(), "0", ""]
    terminal = pexpect.spawn(real.argv()[0], words, env=real.environ, timeout=BOOT)
    terminal.expect_exact("app is still booting")
    terminal.expect_exact("This terminal opens as soon as it answers")
    terminal.sendline("echo it-is-$((40+2))")
    terminal.expect_exact("it-is-42")
    terminal.close(force=True)
    real.ok("log", job, timeout=BOOT)
    out, err = syncing.communicate(timeout=BOOT)
    if syncing.returncode:  # on a loaded machine Lima calls a slow boot degraded; the words say to run it again
        assert "run the same again" in err, (out, err)
        real.ok("sync", VM, timeout=BOOT)


def test_02_a_reboot_in_the_guest_is_waited_for_and_told(real: RealDvmHome) -> None:
    real.dvm("ssh", VM, "--", "sudo", "systemctl", "reboot", timeout=60)
    said = Said(0, "", "")

    def is_silent() -> bool:
        nonlocal said
        said = real.dvm("ssh", VM, "--", "true", timeout=120)
        return said.code == 6  # 255 while it still shuts down

    until(is_silent, 120)
    assert said.code == 6, said
    assert "app is Running but does not respond" in said.err
    assert "`dvm stop app`" in said.err
    real.ok("start", VM, timeout=BOOT)  # it asks until the guest answers
    assert real.guest(VM, "echo back") == "back\n"


def test_03_a_machine_that_dies_while_a_sync_waits_ends_it_at_once_with_the_reason(real: RealDvmHome) -> None:
    real.ok("stop", VM, timeout=BOOT)
    real.limactl_beside("start", "--tty=false", "--timeout=1s", INSTANCE)  # it goes on booting
    until(lambda: row(real)["status"] == "Running", 60)
    syncing = real.popen("sync", VM)
    until(lambda: any(step["state"] == "running" for step in real.jobs()[0]["steps"]), 60)
    os.kill(pid(real, "qemu.pid"), signal.SIGKILL)
    out, err = syncing.communicate(timeout=BOOT)
    assert syncing.returncode == 1, (out, err)
    assert "app stopped running while dvm waited for its guest" in err, "not the end of its patience"
    follow(real, Said(1, out, err))
    assert real.guest(VM, "echo back") == "back\n"


def test_04_a_host_agent_that_was_killed_is_told_with_limas_reason_and_mended(real: RealDvmHome) -> None:
    os.kill(pid(real, "ha.pid"), signal.SIGKILL)
    until(lambda: row(real)["status"] == "Broken", 60)
    for words in (("sync", VM), ("start", VM), ("stop", VM, "--yes"), ("ssh", VM, "--", "true"), ("work", VM)):
        said = real.dvm(*words, timeout=BOOT)
        assert said.code in (1, 6), said
        assert "app is Broken: " in said.err, said
        assert re.search("ha.sock|host agent", said.err), "Lima's own reason"
        assert "`dvm stop app --force`" in said.err
    said = real.dvm("rm", VM, "--yes", timeout=BOOT)
    assert said.code == 5, said
    follow(real, real.dvm("sync", VM, timeout=BOOT))
    assert real.guest(VM, "echo back") == "back\n"


def test_05_a_guest_without_a_network_gets_a_hint_that_helps(real: RealDvmHome) -> None:
    down = "ls /sys/class/net | xargs -I@ ip link set @ down"  # no $: systemd would expand it
    real.guest(VM, f"sudo systemd-run --on-active=3 sh -c {shlex.quote(down)}")
    said = Said(0, "", "")

    def is_silent() -> bool:
        nonlocal said
        began = time.monotonic()
        # On a connection that stands but leads nowhere any more ssh itself waits until the host's side gives up.
        with suppress(subprocess.TimeoutExpired):
            said = real.dvm("ssh", VM, "--", "true", timeout=BOOT)
        print(f"dvm ssh ended with {said.code} after {time.monotonic() - began:.0f} s")
        return said.code == 6

    until(is_silent, BOOT)
    assert said.code == 6, said
    assert "`dvm stop app`" in said.err
    follow(real, said)
    assert real.guest(VM, "echo back") == "back\n"


def test_06_a_look_that_cannot_be_made_leaves_a_stopped_vm_stopped(real: RealDvmHome) -> None:
    real.guest(VM, "sudo mv /usr/bin/git /usr/bin/git.away")
    real.ok("stop", VM, timeout=BOOT)
    looked = real.dvm("work", VM, timeout=BOOT)
    assert looked.code in (0, 6), looked
    assert row(real)["status"] == "Stopped"


@pytest.mark.parametrize("verb", ["rm", "sync"])
def test_07_a_folder_without_lima_yaml_is_never_called_deleted(real: RealDvmHome, verb: str) -> None:
    kept = folder(real) / "lima.yaml"
    away = real.home / "lima.yaml"
    kept.rename(away)
    words = ("rm", VM, "--yes", "--force") if verb == "rm" else ("sync", VM)
    said = real.dvm(*words, timeout=BOOT)
    assert said.code == 1, said
    assert "deleted" not in said.out
    assert "without a lima.yaml" in said.err
    assert "no such file or directory" in said.err, "Lima's own reason"
    assert f"`rm -r {folder(real)}`" in said.err
    if verb == "rm":
        away.rename(kept)
    else:
        follow(real, said)
        assert row(real)["status"] is None
        away.unlink()
