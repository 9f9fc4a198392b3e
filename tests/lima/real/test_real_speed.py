"""What `dvm ssh` and a sync with nothing to do cost on a real guest, beside plain ssh and limactl, in turn.

The ratios are printed (`pytest -s`), never asserted: how fast a machine is today is no fault of the code. What is
asserted is what makes them: which programs are run, and how often a login shell is opened.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.lima.real.conftest import BOOT, RealDvmHome

TIMES = int(os.environ.get("DVM_SPEED_TIMES", "7"))
RECIPES = 6
# By its path: a plain `true` is a builtin of the bash that sshd starts, and only one of the three ways would run it so.
PROGRAM = "/bin/true"
RECIPE = """#!/usr/bin/env bash
# /// recipe
# summary: Installs nothing
# probe: command -v bash
# ///
true
"""


@pytest.fixture(scope="module")
def fast(real: RealDvmHome) -> RealDvmHome:
    """A VM with some recipes, synced and entered once."""
    real.paths.local_recipes.mkdir(parents=True)
    names = [f"nothing-{number}" for number in range(RECIPES)]
    for name in names:
        (real.paths.local_recipes / f"{name}.sh").write_text(RECIPE)
    path = real.init("app")
    path.write_text(f"{path.read_text()}\nrecipes: [{', '.join(names)}]\n")
    real.ok("sync", "app", timeout=BOOT)
    real.ok("ssh", "app", "--", "true", timeout=BOOT)
    return real


def run(real: RealDvmHome, *argv: str) -> None:
    subprocess.run(argv, env=real.environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT, check=True)


def in_turn(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median seconds of each way, measured in turn, so that a busy moment meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            began = time.monotonic()
            way()
            seconds[name].append(time.monotonic() - began)
    return {name: statistics.median(found) for name, found in seconds.items()}


def test_01_what_a_command_and_an_idle_sync_cost(fast: RealDvmHome) -> None:
    config = str(fast.paths.lima_home / "dvm-app" / "ssh.config")
    found = in_turn(
        {
            "ssh -F": lambda: run(fast, "ssh", "-F", config, "lima-dvm-app", "--", PROGRAM),
            "limactl shell": lambda: run(fast, "limactl", "shell", "dvm-app", PROGRAM),
            "dvm ssh": lambda: fast.ok("ssh", "app", "--", PROGRAM, timeout=BOOT),
            # It looks at the work again, since a command may have changed it; only the next one has nothing to do.
            "dvm sync after it": lambda: fast.ok("sync", "app", timeout=BOOT),
            "dvm sync": lambda: fast.ok("sync", "app", timeout=BOOT),
        }
    )
    ssh, shell = found["ssh -F"], found["limactl shell"]
    print("\n" + "  ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in found.items()))
    more, part = found["dvm ssh"] - ssh, found["dvm ssh"] / shell
    print(f"dvm ssh: ssh -F plus {more:.2f} s (wanted: 0.15), {part:.2f} of limactl shell")
    print(f"idle sync: {found['dvm sync'] / shell:.2f} limactl shells (wanted: 2 and 0.4 s: {2 * shell + 0.4:.2f} s)")


def test_02_neither_runs_limactl_in_vain(fast: RealDvmHome) -> None:
    before = fast.paths.ledger.read_text()
    assert fast.ok("ssh", "app", "--", "sh", "-c", "echo in").strip() == "in"
    assert fast.paths.ledger.read_text() == before, "dvm ssh asks no limactl"
    fast.ok("sync", "app", timeout=BOOT)  # it looks at the work again, which the command may have changed
    fast.ok("sync", "app", timeout=BOOT)
    assert fast.programs(fast.jobs()[0]["id"]) == ["limactl", "ssh"]


def test_03_the_environment_is_the_one_that_limactl_shell_gives(fast: RealDvmHome) -> None:
    told = subprocess.run(
        ("limactl", "shell", "dvm-app", "env"),
        env=fast.environ,
        capture_output=True,
        text=True,
        timeout=BOOT,
        check=True,
    )
    kept = ("SHLVL=", "_=", "PWD=", "OLDPWD=", "SSH_C", "XDG_SESSION_ID=")

    def steady(lines: str) -> list[str]:
        return sorted(line for line in lines.splitlines() if not line.startswith(kept))

    assert steady(fast.ok("ssh", "app", "--", "env")) == steady(told.stdout)


def test_04_all_probes_of_a_sync_share_a_login_shell(fast: RealDvmHome) -> None:
    fast.guest("app", "echo 'echo login >>~/logins' >>~/.profile")
    fast.ok("sync", "app", timeout=BOOT)
    assert fast.guest("app", "grep -c login ~/logins; sed -i '$d' ~/.profile").split()[0] in ("1", "2"), (
        "one for the probes, and the one of this very question"
    )


def test_05_a_probe_that_hangs_is_not_known_and_runs_nothing_again(fast: RealDvmHome) -> None:
    path = fast.paths.local_recipes / "nothing-0.sh"
    path.write_text(
        RECIPE.replace("command -v bash", "'[ ! -e ~/slow ] || sleep 600'").replace("\ntrue", "\necho x >>~/runs")
    )
    fast.ok("sync", "app", timeout=BOOT)
    fast.guest("app", "touch ~/slow")
    said = fast.ok("sync", "app", timeout=BOOT)
    assert "Recipe nothing-0  (not known: its probe did not finish in time)" in said
    assert fast.guest("app", "rm ~/slow; cat ~/runs") == "x\n"


def test_06_a_stopped_vm_is_told_and_the_next_boot_is_entered(fast: RealDvmHome) -> None:
    fast.ok("stop", "app", "--yes", timeout=BOOT)
    assert fast.dvm("ssh", "app", "--", "true", timeout=BOOT).code == 6
    fast.ok("start", "app", timeout=BOOT)
    assert fast.ok("ssh", "app", "--", "id", "-un", timeout=BOOT).strip() == "dev"
