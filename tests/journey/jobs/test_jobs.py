"""Jobs outlive their starter, hold their VM alone, and leave a way back (threats.md R01-R08, R13, R14)."""

from __future__ import annotations

import json
import os
import signal

import psutil
import pytest

from tests.journey.driver import JobView, Running, User, Vm

pytestmark = pytest.mark.usefixtures("guests_work")


@pytest.fixture
def starting(user: User, app: Vm) -> Running:
    """A sync in its step `start`: the boot goes on until the test ends it with `app.is_given()`."""
    user.dvm("stop app").succeeds()
    app.is_given(booting=True)
    running = user.starts("sync app")
    user.waits_until_job("running", step="Start VM")
    return running


def command_of(job: JobView) -> psutil.Process:
    """The engine command that the job runs."""
    return psutil.Process(job.journal["child"]["pid"])


def is_killed(job: JobView) -> None:
    os.kill(job.journal["process"]["pid"], signal.SIGKILL)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_r01_a_job_survives_its_starter(user: User, app: Vm, starting: Running) -> None:
    starting.is_killed()
    job = user.last_job
    assert job.state == "running"
    reading = user.starts(f"log {job.id[:8]}")
    app.is_given()
    log = reading.ends().succeeds().prints("$ limactl start", "READY")
    assert user.waits_until_job("succeeded").id == job.id
    assert user.dvm(f"log {job.id}").succeeds().out == log.out, "it reads the same while the job runs and after"
    app.shows(reachable=True)


def test_r02_a_killed_job_is_interrupted_and_the_next_sync_goes_on(user: User, app: Vm, starting: Running) -> None:
    command = command_of(user.last_job)
    is_killed(user.last_job)
    starting.ends().fails("interrupted")
    assert user.last_job.state == "interrupted"
    app.is_given()
    user.dvm("sync app").succeeds()
    assert [job.state for job in user.jobs[:2]] == ["succeeded", "interrupted"]
    assert has_ended(command), "the command of the dead job was ended"


def test_r06_a_second_sync_says_who_holds_the_vm_and_changes_nothing(user: User, app: Vm, starting: Running) -> None:
    job = user.last_job
    user.dvm("ls").succeeds().prints(job.id[:8])
    commands, jobs = user.engine_calls(), len(user.jobs)
    for line in ("sync app", "rm app --yes --force", "stop app"):
        user.dvm(line).exits("busy").warns(job.id[:8])
    assert len(user.jobs) == jobs
    later = [json.loads(line) for line in user.paths.ledger.read_text().splitlines()[commands:]]
    assert {one["job"] for one in later if "list" not in one["argv"]} <= {job.id}, "only the first ran anything"
    app.is_given()
    starting.ends().succeeds()


def test_r06_syncs_at_the_same_moment_are_never_both_run(user: User, app: Vm) -> None:
    together = [user.starts("sync app") for _ in range(6)]
    codes = [one.ends(60).code for one in together]
    assert set(codes) <= {0, 4}
    assert 0 in codes
    assert len(user.jobs) == 1 + codes.count(0)


def test_r05_a_cancelled_job_ends_its_command_and_says_so(user: User, app: Vm, starting: Running) -> None:
    job = user.last_job
    command = command_of(job)
    user.dvm(f"cancel {job.id[:8]}").succeeds().prints("cancelled")
    starting.ends().exits("cancelled")
    assert has_ended(command)
    user.dvm(f"cancel {job.id}").fails("has already ended")
    app.is_given()
    user.dvm("sync app").succeeds()


def test_ctrl_c_cancels_the_job(user: User, starting: Running) -> None:
    starting.is_interrupted().ends().exits("cancelled")
    assert user.last_job.state == "cancelled"


@pytest.mark.slow
def test_r13_a_hung_limactl_ends_at_its_deadline_with_its_group(user: User) -> None:
    user = User(user.home.cold())  # a fork shows the variables of its origin
    user.dvm("init app").succeeds()
    user.engine_hangs("list")
    user.dvm("sync app", seconds=120).fails("`limactl list` did not finish within")
    home = str(user.home.home)
    assert not [p for p in psutil.process_iter(["environ"]) if home in str(p.info["environ"])], "nor what it started"


def test_r14_a_failing_command_is_told_with_code_and_last_lines(user: User) -> None:
    user.dvm("init app").succeeds()
    user.engine_fails("start", "qemu went away\x1b[2J")
    user.dvm("sync app").fails().warns("exit code 1", "qemu went away", "limactl start").never_says("\x1b")
    user.engine_works()
    user.dvm("sync app").succeeds()

    # H08: a delete that fails half way can be done again.
    user.engine_fails("rename", "device busy")
    user.dvm("rm app --yes").fails().warns("device busy")
    user.dvm("ls").succeeds().prints("Stopped")
    user.engine_works()
    user.dvm("rm app --yes").succeeds()


@pytest.mark.slow
def test_jobs_of_two_vms_run_side_by_side_but_start_one_after_the_other(user: User) -> None:
    for name in ("one", "two"):
        user.dvm(f"init {name}").succeeds()
    both = [user.starts(f"sync {name}", DVM_DEMO_BOOT="1") for name in ("one", "two")]
    for one in both:
        one.ends().succeeds()


def test_s10_each_question_of_a_job_has_a_nonce_of_its_own(user: User) -> None:
    for name in ("one", "two"):
        user.has_recipe(name, f'# {name}\necho "$DVM_NONCE" >>~/nonces')
    app = user.has_vm("app", "--recipe one --recipe two")
    user.dvm("sync app --fresh").succeeds()
    nonces = app.runs("cat ~/nonces").split()
    assert len(nonces) == len(set(nonces)) == 4
    assert all(len(nonce) == 32 for nonce in nonces)


def test_s7_a_recipe_cannot_say_in_the_log_what_looks_like_dvms_own_words(user: User) -> None:
    forged = "$ limactl delete -f dvm-app"
    odd = f"echo '{forged}'\nprintf 'done\\r{forged}\\n\\033[1m{forged}\\033[0m\\n-- sync app: failed'"
    user.has_recipe("odd", odd)
    user.has_vm("app", "--recipe odd")
    lines = user.dvm(f"log {user.last_job.id}").succeeds().out.splitlines()
    assert [line for line in lines if forged in line] == [f"  {forged}"] * 3
    assert "  -- sync app: failed" in lines
    own = [line for line in lines if not line.startswith("  ")]
    assert [line for line in own if line.startswith("$ limactl start")]
    assert all(line.startswith(("$ ", "no response yet")) for line in own)


@pytest.mark.slow
def test_the_command_of_every_job_that_died_in_a_row_is_ended(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.engine_hangs("start")
    first = user.starts("sync app")
    user.waits_until_job("running", step="Start VM")
    facts, command = user.last_job.journal, command_of(user.last_job)
    is_killed(user.last_job)
    first.ends()
    # A second job that died before it could do anything: its journal says so, nothing else.
    later = {"id": "f" * 32, "previous": facts["id"], "created": facts["created"] + 1, "child": None, "steps": []}
    folder = user.paths.jobs / later["id"]
    folder.mkdir(mode=0o700)
    (folder / "job.json").write_text(json.dumps({**facts, **later}))
    (app.notes / "lock").write_text(later["id"])
    user.engine_works()
    user.dvm("sync app").succeeds()
    assert has_ended(command)
