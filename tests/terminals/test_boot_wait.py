"""A terminal that is opened during a boot waits for its guest with a line, and then it is the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from dvmweb.names import new_id
from tests.journey.conftest import DvmHome, dvm_home, guests_work, until  # noqa: F401

pytestmark = pytest.mark.usefixtures("guests_work")


def limactl(dvm_home: DvmHome, *words: str) -> subprocess.Popen[bytes]:  # noqa: F811
    env = {**dvm_home.environ, "LIMA_HOME": str(dvm_home.paths.lima_home)}
    return subprocess.Popen((sys.executable, "-P", "-m", "dvmweb.demo", "limactl", *words), env=env)


def opened(dvm_home: DvmHome, home: Path) -> pexpect.spawn:  # type: ignore[type-arg]  # noqa: F811
    """What the keeper starts on a pty."""
    words = ("-P", "-m", "dvmweb.terminals", "enter", "app", "shell", new_id(), "0", "")
    return pexpect.spawn(sys.executable, list(words), env=dvm_home.environ, cwd=str(home), timeout=60)


@pytest.mark.slow
def test_a_terminal_waits_for_a_boot_and_for_a_guest_that_reboots(dvm_home: DvmHome, tmp_path: Path) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    dvm_home.ok("stop", "app")
    fault = dvm_home.paths.lima_home / "dvm-app" / "fault.json"
    fault.write_text('{"booting": true}')
    starting = limactl(dvm_home, "start", "--tty=false", "dvm-app")
    until(lambda: json.loads(dvm_home.ok("ls", "--json"))[0]["status"] == "Running")
    said = dvm_home.dvm("ssh", "app", "--", "true")
    assert said.code == 6
    assert "app is still booting" in said.err
    assert "refused" not in said.err.lower()
    terminal = opened(dvm_home, tmp_path)
    terminal.expect_exact("app is still booting")
    terminal.expect_exact("This terminal opens as soon as the guest responds")
    fault.unlink()
    terminal.sendline("echo it-is-$((40+2))")
    terminal.expect_exact("it-is-42")
    assert starting.wait(60) == 0
    terminal.close(force=True)
    fault.write_text('{"silent": true}')
    terminal = opened(dvm_home, tmp_path)
    terminal.expect_exact("app is Running but does not respond.")
    fault.unlink()
    terminal.sendline("echo again-$((40+2))")
    terminal.expect_exact("again-42")
    terminal.close(force=True)
    dvm_home.ok("stop", "app")
    terminal = opened(dvm_home, tmp_path)
    terminal.expect_exact("app is Stopped.")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 6


@pytest.mark.slow
def test_a_terminal_that_waits_for_a_guest_ends_with_its_vm(dvm_home: DvmHome, tmp_path: Path) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    fault = dvm_home.paths.lima_home / "dvm-app" / "fault.json"
    fault.write_text('{"silent": true}')
    terminal = opened(dvm_home, tmp_path)
    terminal.expect_exact("does not respond.")
    limactl(dvm_home, "stop", "-f", "--tty=false", "dvm-app").wait(60)
    terminal.expect_exact("app is Stopped.")
    terminal.expect_exact("dvm start app")
    terminal.expect(pexpect.EOF)
    terminal.close()
