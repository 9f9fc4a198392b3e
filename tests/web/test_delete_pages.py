"""Deletion: the report is shown, sent back as a hash, looked at again; the name is typed where work is at risk."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from dvmweb.jobs import stored
from dvmweb.vms import Vms
from dvmweb.work import Names, RepositoryReport, WorkReport, could_not_look

from .conftest import Browser
from .demo import House, eventually, finished, guests_work, house, limactl  # noqa: F401

COMMIT = "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm one"
CLEAN = WorkReport(time.time(), "/home/dev/code/app")
RISK = replace(CLEAN, repositories=(RepositoryReport(".", "worktree", "main", unpushed=1, untracked=Names(1, ("a",))),))
BLIND = could_not_look("git did not answer within 60 s", "/home/dev/code/app")


def store(vms: Vms, report: WorkReport, name: str = "app") -> str:
    """Keep a report as a look does, and return the hash of its facts."""
    instance = next(vm.instance for vm in vms.list_vms() if vm.name == name)
    stored.write(vms.paths, name, instance, "0" * 32, report)
    return report.facts_hash()


def posted(client: Browser, **fields: str) -> Any:
    return client.post("/vms/app/delete", data=fields)


def seen_hash(text: str) -> str:
    found = re.search('name="report" value="([0-9a-f]{64})"', text)
    assert found, text
    return found[1]


@pytest.fixture
def stopped(house: House, client: Browser, vms: Vms) -> Browser:  # noqa: F811
    """`app` as an instance that was made but never started: enough for all that does not reach the delete."""
    vms.init("app")
    house.faults(start={"exit": 1, "stderr": "not now"})
    assert house.dvm("sync", "app").code == 1
    house.faults()
    return client


def test_a_service_is_not_green_without_what_nobody_looked_at(house: House, client: Browser, vms: Vms) -> None:  # noqa: F811
    vms.init("llama", kind="llama")
    house.faults(start={"exit": 1, "stderr": "not now"})
    assert house.dvm("sync", "llama").code == 1
    store(vms, replace(CLEAN, looked_at=time.time()), "llama")
    text = client.get("/vms/llama/delete").text
    assert "Nothing at risk" in text
    assert "by the word of the guest. Not looked at: its models" in text


def instances(vms: Vms) -> list[str]:
    return [path.name for path in vms.paths.lima_home.iterdir() if path.name.startswith("dvm-")]


# -- what the page says ------------------------------------------------------------------------------------------------


def test_h03_without_a_report_one_can_only_look(stopped: Browser, vms: Vms) -> None:
    text = stopped.get("/vms/app/delete").text
    assert "Nobody has looked" in text
    assert 'id="look-again"' in text
    assert 'id="delete"' not in text
    for fields in ({}, {"report": "", "name": "app"}, {"report": "0" * 64, "name": "app"}):
        answer = stopped.post("/vms/app/delete", data=fields)
        assert answer.status_code == 409
        assert "Nobody has looked" in answer.text
    assert instances(vms) == ["dvm-app"]


@pytest.mark.parametrize(
    ("report", "words", "is_typed"),
    [
        (CLEAN, ["Nothing at risk"], False),
        (RISK, ["1 unpushed commit and 1 untracked file would be lost", "type <code>app</code>"], True),
        (BLIND, ["Could not look", "Git did not answer within 60 s", "without knowing what is lost"], True),
        (replace(RISK, looked_at=time.time() - 86400 * 6), ["This report is old", "6 d ago"], True),
    ],
)
def test_the_page_says_what_would_be_lost_and_how_old_that_is(
    stopped: Browser, vms: Vms, report: WorkReport, words: list[str], is_typed: bool
) -> None:
    digest = store(vms, report)
    text = stopped.get("/vms/app/delete").text
    assert seen_hash(text) == digest
    for word in (
        *words,
        "Not looked at: whatever lies outside",
        "limactl delete",
        "Delete app for good",
        "a guest that lies",
    ):
        assert word in text
    assert ("data-confirm-name" in text) == is_typed
    assert " disabled" not in text, "without script the button must work"


def test_b09_looking_at_the_page_changes_nothing(stopped: Browser, vms: Vms) -> None:
    store(vms, CLEAN)
    jobs = len(vms.jobs())
    stopped.get("/vms/app/delete")
    assert len(vms.jobs()) == jobs
    assert instances(vms) == ["dvm-app"]


# -- what the form is refused for --------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [RISK, BLIND], ids=["risk", "blind"])
def test_h06_a_name_that_is_not_letter_by_letter_right_is_refused(
    stopped: Browser, vms: Vms, report: WorkReport
) -> None:
    digest, jobs = store(vms, report), len(vms.jobs())
    for typed in ("", "App", "app ", " app", "app\n", "\u0430pp", "apps", "dvm-app", "a" * 5000):
        answer = posted(stopped, report=digest, name=typed)
        assert answer.status_code == 422, typed
        assert "Nothing was deleted" in answer.text
        assert 'aria-invalid="true"' in answer.text
    assert len(vms.jobs()) == jobs


def test_h01_a_report_that_is_not_the_one_that_was_seen_is_shown_again(stopped: Browser, vms: Vms) -> None:
    old, jobs = store(vms, RISK), len(vms.jobs())
    store(vms, replace(RISK, loose=replace(RISK.loose, count=1, names=("notes.md",))))
    answer = posted(stopped, report=old, name="app")
    assert answer.status_code == 409
    assert "has changed since you saw it" in answer.text
    assert "notes.md" in answer.text
    assert seen_hash(answer.text) != old
    assert len(vms.jobs()) == jobs


def test_a_report_that_only_got_older_is_still_the_same(vms: Vms) -> None:
    assert replace(RISK, looked_at=1.0).facts_hash() == RISK.facts_hash()


def test_a_wrong_hash_is_no_delete(stopped: Browser, vms: Vms) -> None:
    store(vms, CLEAN)
    for digest in ("", "x", "\u0663" * 64, "0" * 64):
        assert posted(stopped, report=digest, name="app").status_code == 409, digest
    assert instances(vms) == ["dvm-app"]


def test_h07_a_protected_vm_is_refused_with_the_reason(stopped: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    digest = store(vms, CLEAN)
    limactl(house, "protect", "--tty=false", "dvm-app")
    eventually(lambda: "limactl unprotect dvm-app" in stopped.get("/vms/app/delete").text)
    answer = posted(stopped, report=digest)
    assert answer.status_code == 422
    assert "limactl unprotect dvm-app" in answer.text
    assert instances(vms) == ["dvm-app"]


def test_h07_what_dvm_did_not_make_is_not_deleted(client: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    folder = house.paths.lima_home / "default"
    folder.mkdir(parents=True)
    (folder / "lima.yaml").write_text("cpus: 1\n")
    for answer in (client.get("/vms/default/delete"), client.post("/vms/default/delete", data={"name": "default"})):
        assert answer.status_code == 422
        assert "did not make" in answer.text
    assert folder.exists()


def test_h07_a_vm_that_is_not_created_has_nothing_to_delete(client: Browser, vms: Vms) -> None:
    vms.init("app")
    assert client.get("/vms/app/delete").status_code == 404
    assert posted(client, report="0" * 64).status_code == 404


@pytest.mark.usefixtures("guests_work")
def test_h07_a_vm_that_is_being_made_is_not_deleted(client: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    vms.init("app")
    house.faults(start={"hang": True})
    making = client.post("/vms/app/sync")
    eventually(lambda: instances(vms) and "A job holds this VM" in client.get("/vms/app/delete").text)
    digest = store(vms, CLEAN)
    assert 'id="delete"' not in client.get("/vms/app/delete").text
    answer = posted(client, report=digest, name="app")
    assert answer.status_code == 409
    assert "held by a sync" in answer.text
    client.post(making.headers["Location"].removeprefix(client.sessions.prefix) + "/cancel")
    finished(vms, making)
    assert [job.verb for job in vms.jobs()] == ["sync"]


def test_a_config_with_errors_is_said_before_the_form(stopped: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    digest = store(vms, CLEAN)
    house.paths.vm_config("app").write_text("cpus: -1\n")
    text = eventually(lambda: (t := stopped.get("/vms/app/delete").text) and "cpus: is -1" in t and t)
    assert 'id="delete"' not in text
    assert posted(stopped, report=digest).status_code == 422
    assert instances(vms) == ["dvm-app"]


# -- with a guest ------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(house: House, client: Browser, vms: Vms, guests_work: None) -> Browser:  # noqa: F811
    vms.init("app")
    house.ok("sync", "app")
    return client


def test_h01_a_commit_after_the_look_ends_the_delete(running: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    digest = seen_hash(running.get("/vms/app/delete").text)
    house.guest("app", COMMIT)
    refused = finished(vms, posted(running, report=digest))
    assert refused.state == "failed"
    assert refused.failure is not None
    assert "has changed since you looked" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    page = running.get(f"/jobs/{refused.id}").text
    assert "Decide again" in page
    text = running.get("/vms/app/delete").text
    assert "1 unpushed commit" in text
    assert "data-confirm-name" in text
    named = seen_hash(text)
    assert posted(running, report=named).status_code == 422
    deleted = finished(vms, posted(running, report=named, name="app"))
    assert deleted.state == "succeeded"
    assert instances(vms) == []
    assert "1 unpushed commit" in running.get(f"/jobs/{deleted.id}").text, "what was lost is told"
    assert house.paths.vm_config("app").exists()
    eventually(lambda: "Not created" in running.get("/cards").text)
    assert running.get("/vms/app/delete").status_code == 404


def test_h01_a_stopped_vm_is_looked_into_again_unless_the_user_says_no(
    running: Browser,
    house: House,  # noqa: F811
    vms: Vms,
) -> None:
    house.guest("app", COMMIT)
    house.ok("stop", "app")
    limactl(house, "start", "dvm-app")  # and somebody works in it, past dvm
    limactl(house, "shell", "dvm-app", "bash", "-c", "cd ~/code/app && echo y > f && git commit -qam two")
    limactl(house, "stop", "dvm-app")
    eventually(lambda: "It has run since it was looked into" in running.get("/vms/app/delete").text)
    text = running.get("/vms/app/delete").text
    assert "1 unpushed commit" in text
    assert 'name="look"' not in text, "it is looked into whatever the user says"
    refused = finished(vms, posted(running, report=seen_hash(text), name="app"))
    assert refused.failure is not None
    assert "2 unpushed commits" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    house.ok("stop", "app")
    eventually(lambda: 'name="look"' in running.get("/vms/app/delete").text)
    assert "2 unpushed commits" in running.get("/vms/app/delete").text
    unseen = finished(vms, posted(running, report=seen_hash(running.get("/vms/app/delete").text), name="app"))
    assert unseen.state == "succeeded"
    assert "deleted without a look" in running.get(f"/jobs/{unseen.id}").text


def test_a_run_past_dvm_is_no_longer_safe(running: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    house.ok("stop", "app")
    eventually(lambda: "as it was before it was stopped" in running.get("/cards").text)
    assert 'data-tags="safe"' in running.get("/cards").text
    limactl(house, "start", "dvm-app")
    limactl(house, "stop", "dvm-app")
    eventually(lambda: "Not looked since it ran" in running.get("/cards").text)
    assert 'data-tags="safe"' not in running.get("/cards").text


def test_h03_a_guest_that_stops_answering_after_the_look_is_not_deleted(
    running: Browser,
    house: House,  # noqa: F811
    vms: Vms,
) -> None:
    house.guest("app", COMMIT)
    eventually(lambda: "1 unpushed commit" in running.get("/vms/app/delete").text)  # it is looked at for this page
    text = running.get("/vms/app/delete").text
    house.faults(ssh={"exit": 255, "stderr": "boom\n"})
    refused = finished(vms, posted(running, report=seen_hash(text), name="app"))
    assert refused.failure is not None
    assert "Nobody could look again" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    blind = running.get("/vms/app/delete").text
    assert "without knowing what is lost" in blind
    assert finished(vms, posted(running, report=seen_hash(blind), name="app")).state == "succeeded"


def test_h05_two_posts_at_once_are_one_delete(running: Browser, vms: Vms) -> None:
    digest = seen_hash(running.get("/vms/app/delete").text)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(posted(running, report=digest))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409]
    (first,) = [answer for answer in answers if answer.status_code == 303]
    assert finished(vms, first).state == "succeeded"
    late = posted(running, report=digest)
    assert late.status_code == 404
    assert "not created" in late.text
    assert [job.verb for job in vms.jobs()].count("delete") == 1


def test_h08_a_delete_that_fails_half_way_says_so_and_works_again(
    running: Browser,
    house: House,  # noqa: F811
    vms: Vms,
) -> None:
    digest = seen_hash(running.get("/vms/app/delete").text)
    house.faults(delete={"exit": 1, "stderr": "device busy"})
    failed = finished(vms, posted(running, report=digest))
    assert failed.state == "failed"
    assert "device busy" in running.get(f"/jobs/{failed.id}").text
    assert house.paths.vm_config("app").exists()
    house.faults()
    eventually(lambda: "Stopped" in running.get("/vms/app").text)
    again = finished(vms, posted(running, report=seen_hash(running.get("/vms/app/delete").text)))
    assert again.state == "succeeded"
    assert instances(vms) == []


def test_h03_a_guest_that_gives_no_answer_needs_the_name(running: Browser, house: House, vms: Vms) -> None:  # noqa: F811
    house.faults(ssh={"exit": 255, "stderr": "Connection refused\n"})
    finished(vms, running.post("/vms/app/work"))
    text = running.get("/vms/app/delete").text
    assert "Could not look" in text
    digest = seen_hash(text)
    assert posted(running, report=digest).status_code == 422
    assert posted(running, report=digest, name="app").status_code == 303
