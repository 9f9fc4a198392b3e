"""Deletion: the report is shown, sent back as a hash, looked at again; the name is typed where work is at risk."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from dvmweb.guest.unsaved_work import Names, RepositoryReport, UnsavedWorkReport, Unseen, Unsure, failed_report
from dvmweb.records import work_reports
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, finished, guests_work, limactl  # noqa: F401

COMMIT = "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm one"
BEGAN = time.time()  # of this module; a test may come an hour later
CLEAN = UnsavedWorkReport(BEGAN, "/home/dev/code/app")
RISK = replace(CLEAN, repositories=(RepositoryReport(".", "worktree", "main", unpushed=1, untracked=Names(1, ("a",))),))
CLOSED = replace(CLEAN, unseen=(Unseen("data/<b>", "postgres"),))
UNSURE = replace(
    CLEAN,
    repositories=(RepositoryReport(".", "worktree", unknown=2, unsure=(Unsure("x", 2, "narrow", "origin", "x"),)),),
    outside=Names(1, ("~/notes/.git",)),
)
BLIND = failed_report("git did not answer within 60 s", "/home/dev/code/app")


def store(vms: Vms, report: UnsavedWorkReport, name: str = "app") -> str:
    """Keep a report as a look does, as old now as it was when the module began; return the hash of its facts."""
    report = replace(report, checked_at=report.checked_at + time.time() - BEGAN)
    instance = next(vm.instance for vm in vms.list_vms() if vm.name == name)
    work_reports.write(vms.paths, name, instance, "0" * 32, report)
    return report.facts_hash()


def posted(client: Browser, **fields: str) -> Any:
    return client.post("/vms/app/delete", data=fields)


def seen_hash(text: str) -> str:
    found = re.search('name="report" value="([0-9a-f]{64})"', text)
    assert found, text
    return found[1]


@pytest.fixture
def stopped(dvm_home: DvmHome, client: Browser, vms: Vms) -> Browser:  # noqa: F811
    """`app` as an instance that was made but never started: enough for all that does not reach the delete."""
    vms.init("app")
    dvm_home.faults(start={"exit": 1, "stderr": "not now"})
    assert dvm_home.dvm("sync", "app").code == 1
    dvm_home.faults()
    return client


def test_a_service_is_not_green_without_what_nobody_looked_at(dvm_home: DvmHome, client: Browser, vms: Vms) -> None:  # noqa: F811
    path = vms.init("llama", kind="llama")
    model = "{llama_models: 'a=https://h/a.gguf', llama_models_sha256: a=0}"
    path.write_text(path.read_text() + f"params: {{llama: {model}}}\n")
    dvm_home.faults(start={"exit": 1, "stderr": "not now"})
    assert dvm_home.dvm("sync", "llama").code == 1
    store(vms, CLEAN, "llama")
    text = client.get("/vms/llama/delete").text
    assert "No unsaved work found" in text
    assert "Not checked: its models" in text


def instances(vms: Vms) -> list[str]:
    return [path.name for path in vms.paths.lima_home.iterdir() if path.name.startswith("dvm-")]


# -- what the page says ------------------------------------------------------------------------------------------------


def test_h03_without_a_report_one_can_only_look(stopped: Browser, vms: Vms) -> None:
    text = stopped.get("/vms/app/delete").text
    assert "Not checked yet" in text
    assert 'id="check-again"' in text
    assert 'id="delete"' not in text
    for fields in ({}, {"report": "", "name": "app"}, {"report": "0" * 64, "name": "app"}):
        answer = stopped.post("/vms/app/delete", data=fields)
        assert answer.status_code == 409
        assert "Not checked yet" in answer.text
    assert instances(vms) == ["dvm-app"]


@pytest.mark.parametrize(
    ("report", "words", "is_typed"),
    [
        (CLEAN, ["No unsaved work found"], False),
        (
            RISK,
            ["This unsaved work will be lost: 1 commit not pushed and 1 untracked file", "type <code>app</code>"],
            True,
        ),
        (BLIND, ["Check failed", "Git did not answer within 60 s", "without knowing what will be lost"], True),
        (
            CLOSED,
            [
                "Not checked: data/&lt;b&gt; (owner postgres)",
                "No unsaved work was found elsewhere",
                "To delete it with this folder not checked, type <code>app</code>",
            ],
            True,
        ),
        (
            replace(RISK, unseen=CLOSED.unseen),
            [
                "will be lost: 1 commit not pushed and 1 untracked file",
                "with its unsaved work and what could not be checked",
            ],
            True,
        ),
        (
            UNSURE,
            [
                "will be lost: 2 commits not known to be pushed",
                "git remote set-branches --add origin x",
                "~/notes/.git",
            ],
            True,
        ),
        (replace(CLEAN, outside=UNSURE.outside), ["1 repository outside the code folder, not checked"], False),
        (replace(RISK, checked_at=BEGAN - 86400 * 6), ["This report is old", "6 d ago"], True),
    ],
)
def test_the_page_says_what_would_be_lost_and_how_old_that_is(
    stopped: Browser, vms: Vms, report: UnsavedWorkReport, words: list[str], is_typed: bool
) -> None:
    digest = store(vms, report)
    text = stopped.get("/vms/app/delete").text
    assert seen_hash(text) == digest
    for word in (
        *words,
        "What was not checked",
        "Files outside the code folder",
        "limactl delete",
        "Delete app permanently",
        "a compromised guest can hide work",
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
    stopped: Browser, vms: Vms, report: UnsavedWorkReport
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
    assert "changed since you opened this page" in answer.text
    assert "notes.md" in answer.text
    assert seen_hash(answer.text) != old
    assert len(vms.jobs()) == jobs


def test_a_report_that_only_got_older_is_still_the_same(vms: Vms) -> None:
    assert replace(RISK, checked_at=1.0).facts_hash() == RISK.facts_hash()


def test_a_wrong_hash_is_no_delete(stopped: Browser, vms: Vms) -> None:
    store(vms, CLEAN)
    for digest in ("", "x", "\u0663" * 64, "0" * 64):
        assert posted(stopped, report=digest, name="app").status_code == 409, digest
    assert instances(vms) == ["dvm-app"]


def test_h07_a_protected_vm_is_refused_with_the_reason(stopped: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    digest = store(vms, CLEAN)
    limactl(dvm_home, "protect", "--tty=false", "dvm-app")
    eventually(lambda: "dvm protect app --off" in stopped.get("/vms/app/delete").text)
    assert "· protected" in stopped.get("/").text
    assert '/vms/app#protect">the page of app</a>' in stopped.get("/vms/app/delete").text
    assert 'id="protect"' in stopped.get("/vms/app").text
    answer = posted(stopped, report=digest)
    assert answer.status_code == 409
    assert "dvm protect app --off" in answer.text
    assert "<code>dvm protect app --off</code>" in stopped.get("/vms/app/delete").text  # no raw backticks
    assert instances(vms) == ["dvm-app"]


def test_a_vm_is_protected_on_its_page_and_there_the_protection_is_removed(
    stopped: Browser,
    dvm_home: DvmHome,  # noqa: F811
) -> None:
    mark = dvm_home.paths.lima_home / "dvm-app" / "protected"
    assert "Protect from deletion" in stopped.get("/vms/app").text
    assert stopped.post("/vms/app/protect").status_code == 303
    assert mark.exists()
    shown = stopped.get("/vms/app").text
    assert ("Protected from deletion, by dvm and by Lima" in shown, "Remove protection" in shown) == (True, True)
    assert stopped.post("/vms/app/protect", data={"off": "1"}).status_code == 303
    assert not mark.exists()
    assert "Protect from deletion" in stopped.get("/vms/app").text
    assert stopped.post("/vms/none/protect").status_code == 404


def test_h07_what_dvm_did_not_make_is_not_deleted(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    folder = dvm_home.paths.lima_home / "default"
    folder.mkdir(parents=True)
    (folder / "lima.yaml").write_text("cpus: 1\n")
    for answer in (client.get("/vms/default/delete"), client.post("/vms/default/delete", data={"name": "default"})):
        assert answer.status_code == 404
        assert "did not create" in answer.text
    assert folder.exists()


def test_h07_a_vm_that_is_not_created_has_nothing_to_delete(client: Browser, vms: Vms) -> None:
    vms.init("app")
    assert client.get("/vms/app/delete").status_code == 404
    assert posted(client, report="0" * 64).status_code == 404


@pytest.mark.usefixtures("guests_work")
def test_h07_a_vm_that_is_being_made_is_not_deleted(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    vms.init("app")
    dvm_home.faults(start={"hang": True})
    making = client.post("/vms/app/sync")
    eventually(lambda: instances(vms) and "A job is running on this VM" in client.get("/vms/app/delete").text)
    digest = store(vms, CLEAN)
    assert 'id="delete"' not in client.get("/vms/app/delete").text
    answer = posted(client, report=digest, name="app")
    assert answer.status_code == 409
    assert "in use by a sync" in answer.text
    client.post(making.headers["Location"].removeprefix(client.sessions.prefix) + "/cancel")
    finished(vms, making)
    assert [job.verb for job in vms.jobs()] == ["sync"]


def test_a_config_with_errors_is_said_before_the_form(stopped: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    digest = store(vms, CLEAN)
    dvm_home.paths.vm_config("app").write_text("cpus: -1\n")
    text = eventually(lambda: (t := stopped.get("/vms/app/delete").text) and "cpus: is -1" in t and t)
    assert 'id="delete"' not in text
    assert posted(stopped, report=digest).status_code == 422
    assert instances(vms) == ["dvm-app"]


# -- with a guest ------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(dvm_home: DvmHome, client: Browser, vms: Vms, guests_work: None) -> Browser:  # noqa: F811
    vms.init("app")
    dvm_home.ok("sync", "app")
    return client


def test_h01_a_commit_after_the_look_ends_the_delete(running: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    digest = seen_hash(running.get("/vms/app/delete").text)
    dvm_home.guest("app", COMMIT)
    refused = finished(vms, posted(running, report=digest))
    assert refused.state == "failed"
    assert refused.failure is not None
    assert "has changed since you saw it" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    page = running.get(f"/jobs/{refused.id}").text
    assert "Review again" in page
    text = running.get("/vms/app/delete").text
    assert "1 commit not pushed" in text
    assert "data-confirm-name" in text
    named = seen_hash(text)
    assert posted(running, report=named).status_code == 422
    deleted = finished(vms, posted(running, report=named, name="app"))
    assert deleted.state == "succeeded"
    assert instances(vms) == []
    assert "1 commit not pushed" in running.get(f"/jobs/{deleted.id}").text, "what was lost is told"
    assert dvm_home.paths.vm_config("app").exists()
    eventually(lambda: "Not created" in running.get("/cards").text)
    assert running.get("/vms/app/delete").status_code == 404


def test_a_delete_with_a_folder_unseen_is_bound_to_the_rest(
    running: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
) -> None:
    dvm_home.guest("app", "mkdir -p data/db; chmod 0 data/db")
    named = seen_hash(eventually(lambda: (t := running.get("/vms/app/delete").text) and "data/db (owner " in t and t))
    assert posted(running, report=named).status_code == 422
    dvm_home.guest("app", "mkdir other; chmod 0 other")
    refused = finished(vms, posted(running, report=named, name="app"))
    assert refused.failure is not None
    assert "has changed since you saw it" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    text = running.get("/vms/app/delete").text
    assert "To delete it with these folders not checked" in text
    deleted = finished(vms, posted(running, report=seen_hash(text), name="app"))
    assert deleted.state == "succeeded"
    assert instances(vms) == []
    assert "could not be read: data/db (owner " in running.get(f"/jobs/{deleted.id}").text


def test_h01_a_stopped_vm_is_looked_into_again_unless_the_user_says_no(
    running: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
) -> None:
    dvm_home.guest("app", COMMIT)
    dvm_home.ok("stop", "app")
    limactl(dvm_home, "start", "dvm-app")  # and somebody works in it, past dvm
    limactl(dvm_home, "shell", "dvm-app", "bash", "-c", "cd ~/code/app && echo y > f && git commit -qam two")
    limactl(dvm_home, "stop", "dvm-app")
    eventually(lambda: "Not checked since it last ran" in running.get("/vms/app/delete").text)
    text = running.get("/vms/app/delete").text
    assert "1 commit not pushed" in text
    assert 'name="check"' not in text, "it is looked into whatever the user says"
    refused = finished(vms, posted(running, report=seen_hash(text), name="app"))
    assert refused.failure is not None
    assert "2 commits not pushed" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    dvm_home.ok("stop", "app")
    eventually(lambda: 'name="check"' in running.get("/vms/app/delete").text)
    assert "2 commits not pushed" in running.get("/vms/app/delete").text
    unseen = finished(vms, posted(running, report=seen_hash(running.get("/vms/app/delete").text), name="app"))
    assert unseen.state == "succeeded"
    assert "moved to the trash without a check" in running.get(f"/jobs/{unseen.id}").text


def test_a_run_past_dvm_is_no_longer_safe(running: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.ok("stop", "app")
    eventually(lambda: "before it was stopped" in running.get("/cards").text)
    assert 'data-tags="clean ' in running.get("/cards").text
    limactl(dvm_home, "start", "dvm-app")
    limactl(dvm_home, "stop", "dvm-app")
    eventually(lambda: "Not checked since it last ran" in running.get("/cards").text)
    assert 'data-tags="clean ' not in running.get("/cards").text


def test_h03_a_guest_that_stops_answering_after_the_look_is_not_deleted(
    running: Browser,
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
) -> None:
    dvm_home.guest("app", COMMIT)
    eventually(lambda: "1 commit not pushed" in running.get("/vms/app/delete").text)  # it is looked at for this page
    text = running.get("/vms/app/delete").text
    dvm_home.faults(ssh={"exit": 255, "stderr": "boom\n"})
    refused = finished(vms, posted(running, report=seen_hash(text), name="app"))
    assert refused.failure is not None
    assert "The check before the delete failed" in refused.failure.what
    assert instances(vms) == ["dvm-app"]
    blind = running.get("/vms/app/delete").text
    assert "Last check failed" in blind
    assert "will be lost: 1 commit not pushed" in blind, "what was known stays known"
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
    dvm_home: DvmHome,  # noqa: F811
    vms: Vms,
) -> None:
    digest = seen_hash(running.get("/vms/app/delete").text)
    dvm_home.faults(rename={"exit": 1, "stderr": "device busy"})
    failed = finished(vms, posted(running, report=digest))
    assert failed.state == "failed"
    assert "device busy" in running.get(f"/jobs/{failed.id}").text
    assert dvm_home.paths.vm_config("app").exists()
    dvm_home.faults()
    eventually(lambda: "Stopped" in running.get("/vms/app").text)
    again = finished(vms, posted(running, report=seen_hash(running.get("/vms/app/delete").text)))
    assert again.state == "succeeded"
    assert instances(vms) == []


def test_h03_a_guest_that_gives_no_answer_needs_the_name(running: Browser, dvm_home: DvmHome, vms: Vms) -> None:  # noqa: F811
    dvm_home.faults(ssh={"exit": 255, "stderr": "Connection refused\n"})
    finished(vms, running.post("/vms/app/work"))
    text = running.get("/vms/app/delete").text
    assert "Last check failed" in text
    assert "No unsaved work was found" in text
    assert "without knowing what will be lost" in text
    assert 'data-tags="running unknown ' in running.get("/cards").text, "it is not counted as clean"
    digest = seen_hash(text)
    assert posted(running, report=digest).status_code == 422
    assert posted(running, report=digest, name="app").status_code == 303


def config_of(text: str) -> str:
    found = re.search('name="config" value="([0-9a-f]{64})"', text)
    assert found, text
    return found[1]


def test_n7_the_page_offers_to_remove_the_config_too(stopped: Browser, vms: Vms) -> None:
    store(vms, RISK)
    page = stopped.get("/vms/app/delete").text
    fields = {"report": seen_hash(page), "name": "app", "config": config_of(page)}
    vms.paths.vm_config("app").write_text("cpus: 1\n")
    answer = posted(stopped, **fields)
    assert answer.status_code == 409
    assert "The config changed since you opened this page" in answer.text
    assert posted(stopped, **{**fields, "config": "f" * 64}).status_code == 409
    fields["config"] = config_of(stopped.get("/vms/app/delete").text)
    assert finished(vms, posted(stopped, **fields)).state == "succeeded"
    assert not vms.paths.vm_config("app").exists()
    (kept,) = (vms.paths.state / "removed-configs").iterdir()
    assert kept.read_text() == "cpus: 1\n"


def test_n7_without_the_box_the_config_stays(stopped: Browser, vms: Vms) -> None:
    store(vms, RISK)
    page = stopped.get("/vms/app/delete").text
    assert finished(vms, posted(stopped, report=seen_hash(page), name="app")).state == "succeeded"
    assert vms.paths.vm_config("app").exists()


def test_n7_a_config_without_a_vm_is_removed_by_a_page(dvm_home: DvmHome, client: Browser, vms: Vms) -> None:  # noqa: F811
    dvm_home.ok("init", "app")
    eventually(lambda: "/vms/app/remove" in client.get("/cards").text)
    page = client.get("/vms/app/remove").text
    digest = config_of(page)
    assert client.post("/vms/app/remove").status_code == 409, "nothing was seen"
    assert client.post("/vms/app/remove", data={"config": digest}, csrf=False).status_code == 403
    vms.paths.vm_config("app").write_text("cpus: 1 # </pre><script>\n")
    answer = client.post("/vms/app/remove", data={"config": digest})
    assert answer.status_code == 409
    assert "<script>\n" not in answer.text
    assert "changed since you opened this page" in answer.text
    answer = client.post("/vms/app/remove", data={"config": config_of(answer.text)})
    assert answer.status_code == 200
    (kept,) = (vms.paths.state / "removed-configs").iterdir()
    assert str(kept) in answer.text
    assert not vms.paths.vm_config("app").exists()
    eventually(lambda: "/vms/app" not in client.get("/cards").text)
    assert client.get("/vms/app/remove").status_code == 404


def test_n7_the_config_of_a_vm_that_is_there_is_not_removed_alone(stopped: Browser, vms: Vms) -> None:
    assert stopped.get("/vms/app/remove").status_code == 422
    assert stopped.post("/vms/app/remove", data={"config": "f" * 64}).status_code == 422
    assert vms.paths.vm_config("app").exists()
