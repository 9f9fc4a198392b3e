"""The entries of the command palette: every page, VM, verb, recipe and recent job; nothing for unmanaged instances."""

from __future__ import annotations

from dataclasses import replace

from dvmweb.jobs.job_record import Job
from dvmweb.records import checkpoint_records
from dvmweb.records.checkpoint_records import CheckpointRecord
from dvmweb.verbs.vms import Vms
from dvmweb.web.list.palette import MOST_JOBS, PAGES, Entry, entries
from tests.web.conftest import Browser, a_vm

NOW = 1_800_000_000.0


def texts(found: tuple[Entry, ...]) -> dict[str, Entry]:
    return {one.text: one for one in found}


def test_the_verbs_of_a_vm() -> None:
    found = texts(entries((a_vm(),), (), (), NOW))
    assert found["app"].path == "/vms/app"
    assert (found["Sync app"].path, found["Sync app"].is_post) == ("/vms/app/sync", True)
    assert (found["Terminal of app"].path, found["Terminal of app"].is_post) == ("/vms/app/terminal", False)
    assert found["Ports of app"].path == "/vms/app/ports"
    stopped = texts(entries((a_vm(status="Stopped"),), (), (), NOW))
    assert "Start app" in stopped
    assert "Stop app" not in stopped


def test_a_checkpoint_and_a_rewind_to_the_newest_one(client: Browser, vms: Vms) -> None:
    for at, name, copy in ((1.0, "app-00000001", ""), (2.0, "app-00000002", ""), (3.0, "app-00000003", "dvmclone-1")):
        checkpoint_records.write(vms.paths, CheckpointRecord(name, "app", "app", at, copy=copy), b"")
    newest = checkpoint_records.newest(vms.paths)
    found = texts(entries((a_vm(), replace(a_vm(), name="other")), (), (), NOW, newest))
    assert found["Checkpoint app"].path == "/vms/app/checkpoint"
    assert found["Rewind app"].path == "/checkpoints/app-00000002/rewind"
    assert "Checkpoint other" in found
    assert "Rewind other" not in found
    for vm in (a_vm("not created", ""), a_vm(status="Broken"), a_vm(problem="cpus: not a number")):
        assert "Checkpoint app" not in texts(entries((vm,), (), (), NOW))


def test_a_job_keeps_its_vm_from_other_verbs() -> None:
    busy = replace(a_vm(), job=Job("1" * 32, "app", "delete", state="running"))
    assert not [one for one in entries((busy,), (), (), NOW) if one.is_post]


def test_an_unmanaged_instance_has_none() -> None:
    found = entries((replace(a_vm("unmanaged"), name="<other>"),), ("node",), (), NOW)
    assert [one.text for one in found] == [*(text for text, _ in PAGES), "New VM", "Recipe node"]


def test_recent_jobs_are_bounded_and_safe_to_show() -> None:
    jobs = tuple(Job(f"{number:032x}", "app", "sync\x1b[31m", created=NOW - 300) for number in range(90))
    found = [one for one in entries((), (), jobs, NOW) if one.group == "Job"]
    assert len(found) == MOST_JOBS
    assert "\x1b" not in found[0].text
    assert found[0].detail == "5 min ago"


def test_each_page_can_be_opened(client: Browser) -> None:
    answer = client.get("/palette").json
    assert answer is not None
    pages = [one["path"] for one in answer["entries"] if one["group"] == "Page"]
    assert [client.get(path).status_code for path in pages] == [200] * len(pages)
