"""Jobs outlive their starter, hold their VM alone, and leave a way back (threats.md R01-R08, R13, R14)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

import psutil
import pytest

from .conftest import House, until

pytestmark = pytest.mark.usefixtures("guests_work")
SLOW_BOOT = {"DVM_DEMO_BOOT": "4"}


def journal(house: House) -> dict[str, Any]:
    """The newest job as its file has it, with the process ids that `--json` does not show."""
    newest = max(house.paths.jobs.glob("*/job.json"), key=lambda path: json.loads(path.read_text())["created"])
    found: dict[str, Any] = json.loads(newest.read_text())
    return found


def is_starting(job: dict[str, Any]) -> bool:
    """`limactl start` runs, and the journal knows its process."""
    at_start = any(step["title"] == "start" and step["state"] == "running" for step in job["steps"])
    return at_start and job["child"] is not None


def begin(house: House, *words: str) -> subprocess.Popen[str]:
    """Start a sync whose VM boots slowly and return while the step `start` runs."""
    starter = house.popen(*words, **SLOW_BOOT)
    until(lambda: house.paths.jobs.is_dir() and any(house.paths.jobs.glob("*/job.json")))
    until(lambda: is_starting(journal(house)))
    return starter


def test_r01_a_job_survives_its_starter(house: House) -> None:
    house.ok("init", "app")
    starter = begin(house, "sync", "app")
    starter.kill()
    starter.wait()
    (job,) = house.jobs()
    assert job["state"] == "running"
    assert job["id"][:8] in house.ok("ls")
    until(lambda: house.jobs()[0]["state"] == "succeeded")
    assert json.loads(house.ok("ls", "--json"))[0]["reachable"] is True


def test_r02_a_killed_job_is_interrupted_and_the_next_sync_goes_on(house: House) -> None:
    house.ok("init", "app")
    starter = begin(house, "sync", "app")
    facts = journal(house)
    child = psutil.Process(facts["child"]["pid"])
    os.kill(facts["process"]["pid"], signal.SIGKILL)
    out, err = starter.communicate(timeout=30)
    assert starter.returncode == 1, out
    assert "interrupted" in err
    (job,) = house.jobs()
    assert job["state"] == "interrupted"
    house.ok("sync", "app")
    assert [job["state"] for job in house.jobs()] == ["succeeded", "interrupted"]
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the command of the dead job was ended"


def test_r06_a_second_sync_says_who_holds_the_vm_and_changes_nothing(house: House) -> None:
    house.ok("init", "app")
    starter = begin(house, "sync", "app")
    job_id = house.jobs()[0]["id"]
    commands = len(house.paths.ledger.read_text().splitlines())
    for words in (("sync", "app"), ("rm", "app", "--yes", "--force"), ("stop", "app")):
        said = house.dvm(*words)
        assert said.code == 4
        assert job_id[:8] in said.err
    assert len(house.jobs()) == 1
    still = [line for line in house.paths.ledger.read_text().splitlines()[commands:] if '"list"' not in line]
    assert not [line for line in still if '"job": "' + job_id not in line], "only the first job ran anything"
    starter.communicate(timeout=30)
    assert starter.returncode == 0


def test_r06_two_syncs_at_the_same_moment_are_never_both_run(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    both = [house.popen("sync", "app") for _ in range(6)]
    codes = [one.wait(timeout=60) for one in both]
    assert set(codes) <= {0, 4}
    assert 0 in codes
    assert len(house.jobs()) == 1 + codes.count(0)


def test_r05_a_cancelled_job_ends_its_command_and_says_so(house: House) -> None:
    house.ok("init", "app")
    starter = begin(house, "sync", "app")
    child = psutil.Process(journal(house)["child"]["pid"])
    assert "cancelled" in house.ok("cancel", house.jobs()[0]["id"][:8])
    starter.communicate(timeout=30)
    assert starter.returncode == 130
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    again = house.dvm("cancel", house.jobs()[0]["id"])
    assert again.code == 1
    assert "ended already" in again.err
    house.ok("sync", "app")


def test_ctrl_c_cancels_the_job(house: House) -> None:
    house.ok("init", "app")
    starter = begin(house, "sync", "app")
    starter.send_signal(signal.SIGINT)
    starter.communicate(timeout=30)
    assert starter.returncode == 130
    assert house.jobs()[0]["state"] == "cancelled"


def test_r13_a_hung_limactl_ends_at_its_deadline_with_its_group(house: House) -> None:
    house.ok("init", "app")
    house.faults(list={"hang": True})
    before = time.monotonic()
    said = house.dvm("sync", "app", timeout=60)
    assert said.code == 1
    assert "limactl list did not end by its deadline" in said.err
    assert time.monotonic() - before < 30
    left = [p for p in psutil.process_iter(["cmdline"]) if str(house.home) in " ".join(p.info["cmdline"] or [])]
    assert not left


def test_r14_a_failing_command_is_told_with_code_and_last_lines(house: House) -> None:
    house.ok("init", "app")
    house.faults(start={"exit": 1, "stderr": "qemu went away\x1b[2J\n"})
    said = house.dvm("sync", "app")
    assert said.code == 1
    assert "exit code 1" in said.err
    assert "qemu went away" in said.err
    assert "\x1b" not in said.err
    assert "limactl start" in said.err
    house.faults()
    house.ok("sync", "app")


def test_h08_a_delete_that_fails_half_way_keeps_the_config_and_can_be_done_again(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.faults(delete={"exit": 1, "stderr": "device busy\n"})
    said = house.dvm("rm", "app", "--yes")
    assert said.code == 1
    assert "device busy" in said.err
    assert "Stopped" in house.ok("ls")
    house.faults()
    house.ok("rm", "app", "--yes")


def test_jobs_of_two_vms_run_side_by_side_but_start_one_after_the_other(house: House) -> None:
    for name in ("one", "two"):
        house.ok("init", name)
    both = [house.popen("sync", name, DVM_DEMO_BOOT="1") for name in ("one", "two")]
    assert [one.wait(timeout=90) for one in both] == [0, 0]


def test_the_log_can_be_read_while_the_job_runs_and_after(house: House) -> None:
    house.ok("init", "app")
    starter = begin(house, "sync", "app")
    job = house.jobs()[0]["id"]
    followed = house.ok("log", job[:8])
    assert "$ limactl start" in followed
    assert "READY" in followed
    starter.communicate(timeout=30)
    assert house.ok("log", job) == followed


def test_the_command_of_every_job_that_died_in_a_row_is_ended(house: House) -> None:
    house.ok("init", "app")
    house.ok("sync", "app")
    house.ok("stop", "app")
    house.faults(start={"hang": True})
    first = begin(house, "sync", "app")
    facts = journal(house)
    child = psutil.Process(facts["child"]["pid"])
    os.kill(facts["process"]["pid"], signal.SIGKILL)
    first.communicate(timeout=30)
    # A second job that died before it could do anything: its journal says so, nothing else.
    dead = {
        **facts,
        "id": "f" * 32,
        "previous": facts["id"],
        "created": facts["created"] + 1,
        "child": None,
        "steps": [],
    }
    folder = house.paths.jobs / dead["id"]
    folder.mkdir(mode=0o700)
    (folder / "job.json").write_text(json.dumps(dead))
    (house.paths.vm_state("app") / "lock").write_text(dead["id"])
    house.faults()
    house.ok("sync", "app")
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
