"""The pages after a check that failed, and after something was done in a VM: no fact is lost, no green is old."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dvmweb.guest.unsaved_work import LooseFiles, RepositoryReport, UnsavedWorkReport
from dvmweb.records.known_work import WorkStatus
from dvmweb.terminals import client as terminals
from dvmweb.verbs import monitor
from dvmweb.verbs.vms import Vms
from dvmweb.web.vms.work_views import work_view
from tests.web.conftest import Browser
from tests.web.deletion.test_pages import COMMIT, instances, posted, seen_hash
from tests.web.demo import DvmHome, dvm_home, eventually, finished, guests_work, limactl  # noqa: F401

NOW = 1_700_000_000.0
pytestmark = pytest.mark.usefixtures("guests_work")


@pytest.fixture
def running(dvm_home: DvmHome, client: Browser, vms: Vms) -> Browser:  # noqa: F811
    vms.init("app")
    dvm_home.ok("sync", "app")
    eventually(lambda: 'data-tags="running clean ' in client.get("/cards").text)
    return client


def test_f1_a_guest_that_falls_silent_keeps_what_it_told(running: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.guest("app", COMMIT)
    assert dvm_home.dvm("work", "app").code == 5
    dvm_home.faults(ssh={"exit": 255, "stderr": "Connection refused\n"})
    finished(vms, running.post("/vms/app/work"))
    text = eventually(lambda: (t := running.get("/cards").text) and "last check failed" in t and t)
    assert 'data-tags="running unsaved ' in text
    assert "1 VM, 1 with unsaved work" in text
    assert "1 commit not pushed" in text
    assert "1 commit not pushed" in running.get("/?show=unsaved").text
    for path in ("/vms/app", "/vms/app/delete"):
        page = running.get(path).text
        assert "1 commit not pushed" in page
        assert "ast check failed" in page
    digest = seen_hash(running.get("/vms/app/delete").text)
    assert posted(running, report=digest).status_code == 422, "without its name nothing is deleted"
    assert instances(vms) == ["dvm-app"]
    dvm_home.faults()
    refused = finished(vms, posted(running, report=digest, name="app"))
    assert refused.failure is not None
    assert "The check succeeded this time" in refused.failure.what
    assert instances(vms) == ["dvm-app"]


def test_f1_a_stop_past_dvm_keeps_what_was_told(running: Browser, dvm_home: DvmHome) -> None:  # noqa: F811
    dvm_home.guest("app", COMMIT)
    assert dvm_home.dvm("work", "app").code == 5
    limactl(dvm_home, "stop", "--tty=false", "dvm-app")
    text = eventually(lambda: (t := running.get("/cards").text) and "Stopped" in t and t)
    assert "1 commit not pushed" in text
    assert "1 VM, 1 with unsaved work" in text


def test_n6_what_is_typed_into_a_terminal_is_told_and_looked_at_when_it_is_quiet(
    running: Browser,
    vms: Vms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = terminals.open_terminal(vms, "app")
    with terminals.attach(vms, opened, 0, 80, 24) as connection:
        monkeypatch.setattr(monitor, "QUIET", 3600.0)
        connection.send(b"touch late.txt; echo do''ne\n")
        said = b""
        while b"done" not in said:
            message = connection.receive(20)
            assert message is not None, said
            said += message if isinstance(message, bytes) else b""
        text = eventually(lambda: (t := running.get("/cards").text) and "Used since" in t and t)
        assert "no unsaved work found then" in text
        assert 'data-tags="running unknown ' in text
        assert "1 VM, 1 not known" in text
        assert "Used since" in running.get("/vms/app").text
        monkeypatch.setattr(monitor, "QUIET", 0.0)
        monkeypatch.setattr(monitor, "LEAST", 0.0)
        eventually(lambda: "1 loose file" in running.get("/cards").text)
    terminals.close(vms, opened)


def test_f12_a_vm_that_was_stopped_clean_is_deleted_as_it_lies(running: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.ok("stop", "app")
    text = eventually(lambda: (t := running.get("/vms/app/delete").text) and "it is not started again" in t and t)
    assert "No unsaved work found" in text
    assert "limactl start" not in text
    job = finished(vms, posted(running, report=seen_hash(text)))
    assert job.state == "succeeded"
    assert not [step for step in job.steps if step.title == "Start VM"]
    assert "has not run since" in running.get(f"/jobs/{job.id}").text
    assert instances(vms) == []


def test_f12_the_page_of_a_clean_stop_does_not_delete_what_ran_since(
    running: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
) -> None:
    dvm_home.ok("stop", "app")
    text = eventually(lambda: (t := running.get("/vms/app/delete").text) and "it is not started again" in t and t)
    limactl(dvm_home, "start", "--tty=false", "dvm-app")
    limactl(dvm_home, "shell", "dvm-app", "bash", "-c", "echo x > ~/code/app/late.txt")
    limactl(dvm_home, "stop", "--tty=false", "dvm-app")
    answer = posted(running, report=seen_hash(text))
    if answer.status_code == 303:
        refused = finished(vms, answer)
        assert refused.failure is not None
        assert "1 loose file" in refused.failure.what
    else:  # the dashboard had seen the run by itself: what was shown is no longer what is known
        assert answer.status_code in (409, 422)
    assert instances(vms) == ["dvm-app"]


def test_a_check_that_failed_since_tells_only_what_it_found_beyond_the_report_before() -> None:
    """The two stand on one page: what both found would be read twice."""
    one = RepositoryReport("a", "worktree", unpushed=1, commits=(("abc", "one"),), has_remote=True)
    report = UnsavedWorkReport(NOW - 60, "/c", (one,), LooseFiles(1, 3, ("x",)))
    more = RepositoryReport("b", "worktree", stashes=2, has_remote=True)
    failed = replace(
        report,
        checked_at=NOW,
        repositories=(one, more),
        problems=("./bad: its .git points to a folder that does not exist",),
    )
    view = work_view(WorkStatus(report, failed), NOW).failed
    assert view is not None
    assert [repository.path for repository in view.repositories] == ["/c/b"]
    assert view.loose is None
    again = work_view(WorkStatus(report, replace(failed, loose=LooseFiles(2, 3, ("x", "y")))), NOW).failed
    assert again is not None
    assert again.loose is not None
