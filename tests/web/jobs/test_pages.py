"""Pages of jobs: steps, log by offset, cancel, run again, hostile logs and ids, the boot's stages."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Failure, Job, Process, StepRecord
from dvmweb.jobs.step_progress import Notes
from dvmweb.lima import booting
from dvmweb.lima.command_display import shown
from dvmweb.lima.ledger import Entry
from dvmweb.lima.script_payload import BOOTSTRAP
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs import log_lines, rows, words
from dvmweb.web.jobs import views as job_views
from dvmweb.web.server.sessions import Sessions
from tests.web.conftest import Browser, within
from tests.web.demo import DvmHome, dvm_home, eventually, finished, guests_work  # noqa: F401

NOW = 1_700_000_000.0
ID = "ab" * 16
STEPS = (
    StepRecord("Check instance", ("limactl", "list"), "done", "dvm-app: Running", NOW - 100, NOW - 99, 0),
    StepRecord("Start VM", ("limactl", "start", "dvm-app"), "running", started=NOW - 90, log_from=40),
    StepRecord("Recipe node", ("limactl", "shell", "dvm-app"), "waiting"),
)
JOB = Job(ID, "app", "sync", state="running", created=NOW - 101, started=NOW - 100, steps=STEPS)


def kept(vms: Vms, job: Job, log: bytes = b"") -> Job:
    """Put a job on disk as if it had run."""
    folder = job_record.folder(vms.paths, job.id)
    folder.mkdir(parents=True, exist_ok=True)
    job_record.save(vms.paths, job)
    (folder / "log").write_bytes(log)
    return job


ENDED = replace(JOB, state="succeeded", ended=NOW - 1, steps=(STEPS[0],))


def test_the_view_of_a_running_job_says_the_answer() -> None:
    view = job_views.job_view(JOB, NOW)
    assert view.title == "Step 2 of 3 · Sync app · dvm"
    assert view.lead == "Step 2 of 3, running for 1 min 40 s. You can close this page; the job continues."
    assert [step.tone for step in view.steps] == ["done", "now", "wait"]
    assert [step.clock for step in view.steps] == ["0:01", "1:30", ""]
    assert view.steps[1].log_from == 40
    assert not view.next


def test_a_test_of_a_recipe_leads_to_the_recipe_and_not_to_its_throwaway_vm() -> None:
    job = replace(ENDED, vm="dvmtest-0badcafe", verb="test", options={"recipe": "node", "origin": "app"})
    view, row = job_views.job_view(job, NOW), rows.row(job, NOW)
    assert view.title == "Test node: done · dvm"
    assert [(action.text, action.path) for action in view.next] == [("node", "/recipes/node")]
    assert (row.title, row.vm) == ("Test node", "node")
    assert "dvmtest" not in str(view)


def test_a_base_has_its_name_and_no_page_of_a_vm() -> None:
    job = replace(ENDED, vm="dvmbase-0badcafe", verb="base", options={"replaces": ""})
    view, row = job_views.job_view(job, NOW), rows.row(job, NOW)
    assert view.title == "Build base 0badcafe: done · dvm"
    assert [(action.text, action.path) for action in view.next] == [("Bases", "/bases")]
    assert (row.title, row.vm) == ("Build base 0badcafe", "0badcafe")


def test_a_test_that_was_not_run_is_not_green() -> None:
    steps = (StepRecord("Baseline", (), "not-run"), StepRecord("Recipe node, first run and probe", (), "not-run"))
    job = replace(ENDED, verb="test", options={"recipe": "node"}, steps=steps)
    view, row = job_views.job_view(job, NOW), rows.row(job, NOW)
    assert (view.badge.tone, row.badge.word, view.title) == ("blind", "Not tested", "Test node: not tested · dvm")
    assert view.lead.endswith(" 2 steps did not run.")
    tried = replace(job, steps=(steps[0], StepRecord("Recipe node, first run and probe", (), "done")))
    assert rows.row(tried, NOW).badge == words.STATES["succeeded"]


def test_a_sync_of_which_a_part_was_not_run_is_not_green() -> None:
    job = replace(ENDED, steps=(StepRecord("Recipe node", (), "not-run"), StepRecord("clone", (), "done")))
    view = job_views.job_view(job, NOW)
    assert (view.badge.tone, view.badge.word) == ("blind", "Done")
    assert view.lead.endswith(" 1 step did not run.")
    assert rows.row(job, NOW).note == "1 step did not run"


def test_the_steps_that_never_came_are_counted_with_those_that_were_not_run() -> None:
    """Below it each of them reads "not run"."""
    steps = tuple(StepRecord("x", (), state) for state in ("not-run", "failed", "waiting"))
    view = job_views.job_view(replace(ENDED, state="failed", steps=steps), NOW)
    assert view.lead.endswith(" 2 steps did not run.")
    assert [step.word for step in view.steps].count("not run") == 2


@pytest.mark.parametrize(
    ("verb", "state", "texts"),
    [
        ("sync", "succeeded", ["Terminal", "app"]),
        ("work", "succeeded", ["Show report", "Delete app"]),
        ("stop", "succeeded", ["app", "Start"]),
        ("delete", "succeeded", ["All VMs"]),
        ("sync", "failed", ["Retry", "app"]),
        ("sync", "interrupted", ["Retry", "app"]),
        ("delete", "failed", ["Review again", "app"]),
    ],
)
def test_what_one_does_next(verb: str, state: str, texts: list[str]) -> None:
    view = job_views.job_view(replace(ENDED, verb=verb, state=state), NOW)
    assert [action.text for action in view.next] == texts


def test_a_refusal_is_no_failure_and_what_never_came_was_not_run() -> None:
    steps = (
        STEPS[0],
        StepRecord("Check for unsaved work", (), "failed"),
        StepRecord("Delete instance", ("x",), "waiting"),
    )
    told = Failure("UnsavedWork", "app was not deleted: 3 commits not pushed.")
    job = replace(ENDED, verb="delete", state="failed", outcome="refused", failure=told, steps=steps)
    view = job_views.job_view(job, NOW)
    assert (view.badge.word, view.badge.tone, view.title) == ("Refused", "warn", "Delete app: refused · dvm")
    assert (view.steps[2].word, view.steps[2].reason) == ("not run", "not run")
    assert rows.row(replace(job, outcome=""), NOW).badge.word == "Failed"


def test_a_delete_ends_in_one_headline_and_its_details_are_folded(client: Browser, vms: Vms) -> None:
    notices = ("app was deleted.", "Its config was kept: /c/app.yaml", *(f"detail {number}" for number in range(7)))
    job = kept(vms, replace(ENDED, verb="delete", notices=notices))
    page = client.get(f"/jobs/{job.id}").text
    assert page.count("app was deleted.") == 1
    assert page.count('class="callout') == 1
    assert re.search(r'<div class="callout ok" id="headline".*<b>app was deleted\.</b>\s*<details>', page, re.S)
    refused = kept(vms, replace(ENDED, id="cd" * 16, verb="delete", state="failed", notices=("one", "two")))
    page = client.get(f"/jobs/{refused.id}").text
    assert "was deleted" not in page
    assert page.count('class="callout info"') == 1, "the sentences stand in one bar"


def test_r02_an_interrupted_job_claims_nothing_about_its_last_step() -> None:
    view = job_views.job_view(replace(JOB, state="interrupted"), NOW)
    assert view.steps[1].word == "interrupted"
    assert view.steps[1].tone == "not-run"
    assert view.failure is not None
    assert "is not known" in view.failure.what


def test_a_failure_says_what_happened_what_to_do_and_the_command() -> None:
    failure = Failure(
        "DvmError", "recipe just: ended with exit code 5.\n  last line", "Mend it.\n\nThen again.", "limactl x"
    )
    view = job_views.job_view(replace(ENDED, state="failed", failure=failure), NOW)
    assert view.failure == job_views.FailureView(
        "recipe just: ended with exit code 5.", ("  last line",), ("Mend it.", "", "Then again."), "limactl x"
    )
    assert view.title == "Sync app: failed · dvm"


def test_commands_are_those_that_were_run() -> None:
    entries = [Entry(("limactl", "list"), "app", ID), Entry(("ssh", "a b"), "app", ID)]
    assert job_views.commands(JOB, entries) == ("limactl list", "ssh 'a b'")
    assert job_views.commands(JOB, []) == ("limactl list", "limactl start dvm-app", "limactl shell dvm-app")


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"10%\r50%\r100%\r\n", ["10%", "50%", "100%"]),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1bPq\n", [r"red \x1b]0;title\x07x\x1bPq"]),
        ("a\u202eb\u2066c\x08\x00\n".encode(), [r"a\u202eb\u2066c\x08\x00"]),
        (b"\xff\xfe bad\n", [r"\xff\xfe bad"]),
    ],
)
def test_d08_the_shown_end_of_a_log_moves_no_cursor(data: bytes, texts: list[str]) -> None:
    lines = log_lines.log_tail(log_lines.Part(0, data))
    assert [line.text for line in lines] == texts
    assert not any("\x1b" in line.text for line in lines)


def test_d07_a_line_without_end_is_cut_with_a_mark() -> None:
    (line,) = log_lines.log_tail(log_lines.Part(0, b"x" * 60_000))
    assert len(line.text) < 4200
    assert line.text.endswith("… (+55904 characters)")


def test_a_long_log_shows_its_end_and_says_so() -> None:
    lines = log_lines.log_tail(log_lines.Part(0, b"".join(b"%d\n" % i for i in range(900))))
    assert len(lines) == log_lines.TAIL_LINES + 1
    assert lines[0].tone == "cut"
    assert lines[-1].text == "899"


BOOT = rb"""
time="x" level=info msg="Starting the instance \"dvm-app\" with internal VM driver \"qemu\""
time="x" level=info msg="[hostagent] Waiting for the essential requirement 1 of 3: \"ssh\""
time="x" level=info msg="[hostagent] The essential requirement 1 of 3 is satisfied"
time="x" level=info msg="[hostagent] Waiting for the guest agent to be running"
time="x" level=info msg="[hostagent] Waiting for the final requirement 1 of 1: `boot scripts must have finished`"
"""


def test_the_stages_of_a_boot() -> None:
    assert [(stage.text, stage.is_met) for stage in booting.stages(BOOT)] == [
        ("virtual machine started", True),
        ("ssh", True),
        ("guest agent", False),
        ("boot scripts must have finished", False),
    ]
    ready = booting.stages(BOOT + b'Guest agent is running\nlevel=info msg="READY. Run `limactl shell`"')
    assert ready[2].is_met
    assert ready[-1].text == "ready"
    assert booting.stages(b"\xff" * 1000) == ()


def test_the_end_of_the_console_is_read_safely(tmp_path: Path) -> None:
    assert booting.serial_tail(tmp_path) == ()
    (tmp_path / "serial.log").write_bytes(b"old\n" * 9000 + b"\x1b[2Jkernel panic\x07\r\n\n")
    assert booting.serial_tail(tmp_path, 2) == ("old", r"\x1b[2Jkernel panic\x07")
    (tmp_path / "secret").write_text("host secret")
    (tmp_path / "serial.log").unlink()
    (tmp_path / "serial.log").symlink_to(tmp_path / "secret")
    assert booting.serial_tail(tmp_path) == (), "a link is not followed"


def test_a_boot_that_hangs_shows_stages_and_console(client: Browser, vms: Vms) -> None:
    log = b"$ limactl start dvm-app\n" + BOOT
    steps = (STEPS[0], replace(STEPS[1], state="failed", log_from=0, log_to=len(log)))
    kept(vms, replace(ENDED, state="failed", steps=steps), log)
    folder = vms.paths.lima_home / "dvm-app"
    folder.mkdir(parents=True)
    (folder / "serial.log").write_text("Kernel panic - not <b>syncing</b>\n")
    text = client.get(f"/jobs/{ID}").text
    assert "boot scripts must have finished" in text
    assert "Kernel panic - not &lt;b&gt;syncing" in text


# -- over HTTP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", ["zz", "0" * 31, "0" * 33, "A" * 32, "..%2f..%2fetc", "%00" * 32, ".", ID[:8]])
@pytest.mark.parametrize("part", ["", "/part", "/log", "/download"])
def test_c03_what_is_no_whole_job_id_is_not_found(client: Browser, vms: Vms, job_id: str, part: str) -> None:
    kept(vms, ENDED)
    assert client.get(f"/jobs/{job_id}{part}").status_code == 404


def test_c03_a_post_to_no_job_is_not_found(client: Browser) -> None:
    assert client.post(f"/jobs/{'0' * 32}/cancel").status_code == 404
    assert client.post(f"/jobs/{'0' * 32}/again").status_code == 404


def test_a_stop_that_is_run_again_asks_as_the_first_one_did(client: Browser, vms: Vms) -> None:
    for verb in ("stop", "restart"):
        kept(vms, replace(ENDED, verb=verb, state="failed"), b"")
        answer = client.post(f"/jobs/{ENDED.id}/again")
        assert answer.status_code == 307, "the same form, posted to the page that asks"
        assert answer.headers["Location"].endswith(f"/vms/app/{verb}")
    kept(vms, replace(ENDED, verb="stop", state="failed", options={"force": True}), b"")
    answer = client.post(f"/jobs/{ENDED.id}/again")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/vms/app/force-stop")


def test_the_log_goes_on_by_offset_and_says_when_it_has_ended(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED, b"0123456789")
    first = client.get(f"/jobs/{ID}/log?from=4")
    assert first.data == b"456789"
    assert (first.headers["X-Log-Next"], first.headers["X-Log-Size"]) == ("10", "10")
    assert first.headers["X-Log-Ended"] == "1"
    assert first.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("start", ["-1", "x", "1e3", "9" * 17, "", "\u0663"])
def test_a_place_that_is_no_number_is_refused(client: Browser, vms: Vms, start: str) -> None:
    kept(vms, ENDED, b"x")
    assert client.get(f"/jobs/{ID}/log?from={start}").status_code == 422


def test_d10_a_log_that_became_shorter_or_is_gone_gives_sane_offsets(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED, b"short")
    answer = client.get(f"/jobs/{ID}/log?from=1000000")
    assert answer.data == b""
    assert answer.headers["X-Log-Size"] == "5"
    job_record.log_file(vms.paths, ID).unlink()
    assert client.get(f"/jobs/{ID}/log?from=0").headers["X-Log-Size"] == "0"
    assert client.get(f"/jobs/{ID}").status_code == 200
    assert client.get(f"/jobs/{ID}/download").status_code == 404


def test_a_long_log_comes_in_parts(client: Browser, vms: Vms) -> None:
    data = b"line of a log\n" * 100_000
    kept(vms, ENDED, data)
    got, parts = b"", 0
    while True:
        answer = client.get(f"/jobs/{ID}/log?from={len(got)}")
        got, parts = got + answer.data, parts + 1
        if answer.headers["X-Log-Ended"] == "1":
            break
    assert got == data
    assert parts == 2
    page = client.get(f"/jobs/{ID}")
    assert len(page.data) < 100_000
    assert "earlier lines are in the download" in page.text


def test_a_page_has_no_hostile_text_of_the_log(client: Browser, vms: Vms) -> None:
    step = StepRecord('"><img src=x>{{7*7}}', ("a", "\u202eb"), "done", "<script>", NOW, NOW, 0)
    failure = Failure("DvmError", "<img src=x>\x1b[31m", "javascript:x", "' onclick=x")
    job = replace(ENDED, state="failed", steps=(step,), failure=failure, notices=("<b>\u2066",))
    kept(vms, job, b"<script>alert(1)</script>\x1b]0;x\x07\n")
    text = client.get(f"/jobs/{ID}").text
    assert "<img" not in text
    assert "<script>" not in text.replace('<script type="module"', "")
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search("[\u202e\u2066\x1b]", text)


def test_a_download_is_an_attachment(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED, b"<html>")
    answer = client.get(f"/jobs/{ID}/download")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=dvm-app-sync-{ID[:8]}.log"
    assert answer.headers["Content-Type"].startswith("application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_of_a_job_that_has_ended_asks_nothing_more(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED)
    assert "hx-get" not in client.get(f"/jobs/{ID}/part").text
    assert "next-again" not in client.get(f"/jobs/{ID}").text


def test_the_list_of_jobs_and_of_one_vm(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED)
    kept(vms, replace(ENDED, id="cd" * 16, vm="other", verb="stop"))
    both = client.get("/jobs").text
    assert "2 jobs" in both
    assert "Stop <span" in both
    assert "other" not in client.get("/jobs?vm=app").text.split('id="job-rows"', 1)[1]
    assert client.get("/jobs?vm=%3Cscript%3E").status_code == 200


def test_a_get_changes_nothing(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED)
    for verb in ("cancel", "again"):
        assert client.get(f"/jobs/{ID}/{verb}").status_code == 405


def test_cancel_of_a_job_that_has_ended_shows_it(client: Browser, vms: Vms) -> None:
    kept(vms, ENDED)
    assert client.post(f"/jobs/{ID}/cancel").headers["Location"].endswith(f"/jobs/{ID}")


def test_a_delete_is_not_run_again_but_decided_anew(client: Browser, vms: Vms) -> None:
    kept(vms, replace(ENDED, verb="delete", state="failed", options={"force": True, "expected": "x"}))
    answer = client.post(f"/jobs/{ID}/again")
    assert answer.headers["Location"].endswith("/vms/app/delete")
    assert len(vms.jobs()) == 1


@pytest.mark.usefixtures("guests_work")
def test_a_job_is_watched_cancelled_and_run_again(dvm_home: DvmHome, client: Browser, vms: Vms) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.faults(create={"hang": True})
    started = client.post("/vms/app/sync")
    page = started.headers["Location"].removeprefix(client.sessions.prefix)
    eventually(lambda: "Step 2 of" in client.get(f"{page}/part").text)
    text = client.get(page).text
    assert "Step 2 of" in text
    assert "Create instance" in text
    assert 'hx-trigger="every 1s' in text
    busy = client.post("/vms/app/sync")
    assert busy.status_code == 409
    assert "Another job is running on app: sync" in busy.text
    assert client.post(f"{page}/cancel").status_code == 303
    job = finished(vms, started)
    assert job.state == "cancelled"
    assert "Retry" in client.get(page).text
    dvm_home.faults()
    again = finished(vms, client.post(f"{page}/again"))
    assert again.state == "succeeded"
    assert "$ limactl create" in client.get(f"/jobs/{again.id}/log?from=0").text
    done = client.get(f"/jobs/{again.id}").text
    assert "Terminal" in done
    assert "limactl" in done.split('id="commands"')[1]


def test_a_command_that_does_not_run_as_it_stands_has_no_copy_button(app: Flask, sessions: Sessions) -> None:
    fed = shown(("limactl", "shell", "dvm-app", "--", "env", "bash", "-c", BOOTSTRAP))
    with within(app, sessions):
        command = app.jinja_env.get_template("ui/_macros.html").module.command  # type: ignore[attr-defined]
        assert "data-copy hidden" not in command((fed,))
        assert "data-copy hidden" in command((fed, "limactl list"))
        assert "data-copy hidden" in command(("# a config", "", "cpus: 2"), text=True)


def test_a_download_shows_how_far_it_is_while_its_job_runs(client: Browser, vms: Vms) -> None:
    job = kept(vms, replace(JOB, process=Process.of(os.getpid())))
    notes = Notes(vms.paths, ID)
    notes.note("Downloading the image (`a`<b>.qcow2)", 12 << 20, 340 << 20)
    for page in (f"/jobs/{ID}", f"/jobs/{ID}/part"):
        assert "Downloading the image (&#39;a&#39;&lt;b&gt;.qcow2): 12.0 MiB of 340.0 MiB" in client.get(page).text
    kept(vms, replace(job, state="failed", ended=NOW))
    assert "Downloading" not in client.get(f"/jobs/{ID}").text
    kept(vms, job)
    notes.note("", 0, 0)
    assert "Downloading" not in client.get(f"/jobs/{ID}").text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"what": 1}',
        '{"what": "Downloading", "done": "many"}',
        '{"what": "Downloading"',
        "Downloading" * 2000,
    ],
)
def test_a_damaged_progress_is_none(client: Browser, vms: Vms, content: str) -> None:
    kept(vms, replace(JOB, process=Process.of(os.getpid())))
    (job_record.folder(vms.paths, ID) / "progress").write_text(content)
    assert "Downloading" not in client.get(f"/jobs/{ID}").text
