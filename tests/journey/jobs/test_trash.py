"""The trash: a deleted VM comes back, under its name or another one, until it is deleted for good."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from dvmweb.records import trash_records
from dvmweb.verbs.vms import Vms
from tests.journey.cli.result import Result
from tests.journey.driver import User, Vm


def entry_of(result: Result) -> str:
    found = re.search(r"in the trash as (\S+)\. Its name is free", result.out)
    assert found, result.out
    return found[1]


def rows(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.dvm("trash ls --json").json
    return found


def is_protected(user: User, entry: str) -> bool:
    return (user.paths.lima_home / f"dvmtrash-{entry}" / "protected").exists()


def test_a_deleted_vm_comes_back_with_its_work(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    removed = (
        user.dvm("rm app --yes --force")
        .succeeds()
        .prints("after 14 days", "valid where you added it", "deletes nothing by itself")
    )
    entry = entry_of(removed)
    assert not app.is_created
    assert is_protected(user, entry)
    (row,) = rows(user)
    assert (row["vm"], row["entry"], row["protected"], row["expired"]) == ("app", entry, True, False)
    assert row["expires_at"] - row["deleted_at"] == 14 * 86400
    assert row["work"]["verdict"] == "unsaved work"
    assert row["disk_bytes"] > 0
    user.dvm("trash ls").succeeds().prints(entry, "1 untracked" if "untracked" in row["work"]["summary"] else "1 ")
    app.shows(kind="not created", status=None)  # and nothing of it is listed as unmanaged
    assert [vm["name"] for vm in user.dvm("ls --json").json] == ["app"]
    user.dvm("trash restore app").succeeds().prints("app was restored. It is stopped; to start it: dvm start app")
    assert rows(user) == []
    app.shows(status="Stopped", protected=False)
    user.dvm("start app").succeeds()
    assert app.runs("cat note.txt") == "x\n"
    app.work("unsaved work") if app.row["work"] else user.dvm("work app").exits("unsaved work")
    user.dvm("sync app").succeeds().never_says("clone", "new identity")


def test_its_name_is_free_and_the_old_one_comes_back_under_another(user: User, app: Vm) -> None:
    app.has_file("old.txt")
    entry = entry_of(user.dvm("rm app --yes --force").succeeds())
    user.dvm("sync app").succeeds()
    app.has_file("new.txt")
    user.dvm("trash restore app").fails("There is a VM app").warns(f"dvm trash restore {entry} --as NAME")
    user.dvm("trash restore app --as app").fails("There is a VM app")
    user.dvm("trash restore app --as No_Name").exits(2)
    user.dvm("trash restore app --as old").succeeds().prints("lima-dvm-old", "until then it cannot be checked")
    old = user.vm("old")
    assert "code_dir: ~/code/app\n" in old.config.read_text(), "its work is still there, and is checked there"
    user.dvm("sync old").succeeds().prints("This VM was dvm-app before; the new name was written into it.").never_says(
        "clone of"
    )
    assert old.runs("cat old.txt") == "x\n"
    assert "old.txt" in user.dvm("work old").exits("unsaved work").out
    assert "old.txt" not in app.runs("ls")
    assert user.dvm("work app").code == 5


def test_a_config_that_went_with_it_comes_back(user: User, app: Vm) -> None:
    text = app.config.read_bytes()
    user.dvm("rm app --yes --config").succeeds()
    assert not app.config.exists()
    assert user.dvm("ls --json").json == []
    user.dvm("trash restore app").succeeds().prints("Its config is that of the day it was deleted")
    assert app.config.read_bytes() == text
    app.shows(kind="managed", status="Stopped")
    app.adds_to_config("cpus: 1")
    user.dvm("rm app --yes").succeeds()
    changed = app.config.read_bytes()
    app.has_config(changed.replace(b"cpus: 1", b"cpus: 2"))
    user.dvm("trash restore app").succeeds().prints("Its config has changed since it was deleted")
    assert b"cpus: 2" in app.config.read_bytes()
    assert any(path.read_bytes() == changed for path in (user.paths.state / "removed-configs").iterdir())


def test_emptying_shows_what_is_lost_and_needs_a_yes(user: User, app: Vm) -> None:
    app.has_commit_not_pushed()
    entry = entry_of(user.dvm("rm app --yes --force").succeeds())
    user.dvm("trash empty").exits("unsaved work").prints("1 commit", entry).warns("add --yes")
    asked = user.at_terminal("trash empty app")
    asked.waits_for("Delete this entry for good? [y/N]")
    asked.types("n")
    asked.ends("unsaved work")
    assert len(rows(user)) == 1
    user.dvm("trash empty nope --yes").exits("not found", "There is no entry nope in the trash.")
    user.dvm("trash empty --expired --yes").succeeds().prints("No entry of the trash has expired.")
    user.engine_fails("delete", "device busy")
    user.dvm("trash empty --yes").fails("device busy")
    assert is_protected(user, entry), "it was unprotected for the delete that failed"
    user.engine_works()
    user.dvm("trash empty --yes").succeeds().prints(f"{entry} was deleted for good.")
    assert not (user.paths.lima_home / f"dvmtrash-{entry}").exists()
    assert trash_records.entries(user.paths) == ()
    user.dvm("trash ls").succeeds().prints("The trash is empty.")


def test_what_has_expired_is_named_and_deleted_only_by_the_user(user: User, app: Vm) -> None:
    entry = entry_of(user.dvm("rm app --yes").succeeds())
    user.dvm("sync app").succeeds()
    young = entry_of(user.dvm("rm app --yes").succeeds())
    record = user.paths.trash / entry / "entry.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "at": time.time() - 14 * 86400 - 1}))
    for command in ("ls", "trash ls"):
        user.dvm(command).succeeds().warns("1 entry of the trash has expired and use")
    assert "1 entry of the trash has expired" in user.dvm("doctor").out
    assert len(rows(user)) == 2
    user.dvm("trash empty --expired").succeeds().warns("add --yes")
    user.dvm("trash empty --expired --yes").succeeds()
    assert [row["entry"] for row in rows(user)] == [young]


def test_without_the_state_folder_it_is_listed_by_what_lima_reports(user: User, app: Vm) -> None:
    entry = entry_of(user.dvm("rm app --yes --config").succeeds())
    shutil.rmtree(user.paths.trash)
    (row,) = rows(user)
    assert (row["vm"], row["deleted_at"], row["expires_at"], row["work"]) == ("app", None, None, None)
    user.dvm("trash ls").succeeds().prints("not known")
    user.dvm("trash empty --expired --yes").succeeds().prints("No entry of the trash has expired.")
    user.dvm("trash restore app").exits(2).warns("is not known", "dvm init app")
    user.dvm("init app").succeeds()
    user.dvm(f"trash restore {entry}").succeeds()
    user.dvm("sync app").succeeds()  # its guest still has the identity


def test_with_now_it_is_deleted_for_good(user: User, app: Vm) -> None:
    user.dvm("rm app --yes --now").succeeds().prints("app was deleted.").never_says("trash")
    assert rows(user) == []
    user.dvm("trash restore app").exits("not found", "There is no entry app in the trash.")


# -- interrupted at each step ------------------------------------------------------------------------------------------


def killed_at(user: User, command: str, step: str, line: str = "rm app --yes --force") -> None:
    """Kill the job, and the engine command it runs, in one of its steps."""
    user.engine_hangs(command)
    deleting = user.starts(line)
    job = user.waits_until_job("running", step=step)
    os.kill(job.journal["process"]["pid"], signal.SIGKILL)
    os.killpg(job.journal["child"]["pid"], signal.SIGKILL)
    deleting.ends()
    user.engine_works()


def test_a_job_killed_before_the_rename_has_moved_nothing(user: User, app: Vm) -> None:
    killed_at(user, "rename", "Move to trash")
    assert app.is_created
    assert len(trash_records.entries(user.paths)) == 1
    user.dvm("trash ls").succeeds().prints("The trash is empty.").warns("app was not moved to the trash")
    assert trash_records.entries(user.paths) == ()
    user.dvm("rm app --yes").succeeds()
    assert [row["vm"] for row in rows(user)] == ["app"]


def test_a_job_killed_after_the_rename_is_named_and_finished(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    killed_at(user, "protect", "Protect trash entry")
    assert not app.is_created
    (entry,) = trash_records.entries(user.paths)
    assert not is_protected(user, entry)
    assert f"{entry} is in the trash but not protected" in user.dvm("doctor").out
    user.dvm("rm app --yes").exits("not found").warns(f"dvm trash restore {entry}")
    user.dvm("trash ls").succeeds().prints(entry).warns("was not protected", "It is now.")
    assert is_protected(user, entry)
    user.dvm("trash ls").succeeds().never_says("was not protected")
    user.dvm("trash restore app").succeeds()
    user.dvm("start app").succeeds()
    assert app.runs("cat note.txt") == "x\n"


def test_a_protection_that_fails_is_said_and_made_up_for(user: User, app: Vm) -> None:
    user.engine_fails("protect", "read-only file system")
    removed = (
        user.dvm("rm app --yes").succeeds().prints("not protected from `limactl delete` yet", "read-only file system")
    )
    entry = entry_of(removed)
    user.engine_works()
    user.dvm("doctor --fix")
    assert is_protected(user, entry)


def test_a_restore_that_was_interrupted_is_finished_or_named(user: User, app: Vm) -> None:
    entry = entry_of(user.dvm("rm app --yes").succeeds())
    record = user.paths.trash / entry / "entry.json"
    facts = json.loads(record.read_text())
    record.write_text(json.dumps({**facts, "restored_as": "other"}))  # killed before the rename
    user.dvm("trash ls").succeeds().warns(f"{entry} was not restored as other: the command was interrupted.")
    user.dvm("trash ls").succeeds().never_says("interrupted")
    record.write_text(json.dumps({**facts, "restored_as": "app"}))
    user.limactl(f"rename dvmtrash-{entry} dvm-app")  # killed after it
    user.dvm("trash ls").succeeds().warns("It is complete now.").prints("The trash is empty.")
    assert (app.notes / "identity").read_text().strip() == facts["identity"]
    user.dvm("sync app").succeeds().never_says("new identity")


def test_an_entry_that_was_deleted_without_dvm_is_reported_once(user: User, app: Vm) -> None:
    entry = entry_of(user.dvm("rm app --yes").succeeds())
    user.limactl(f"unprotect dvmtrash-{entry}")
    user.limactl(f"delete dvmtrash-{entry}")
    user.dvm("trash ls").succeeds().warns("deleted or renamed without dvm", "removed-configs")
    user.dvm("trash ls").succeeds().never_says("without dvm")


def test_one_that_runs_is_neither_restored_nor_deleted(user: User, app: Vm) -> None:
    entry = entry_of(user.dvm("rm app --yes").succeeds())
    user.limactl(f"start dvmtrash-{entry}")
    user.dvm("trash restore app").fails(f"{entry} is Running").warns(f"limactl stop dvmtrash-{entry}")
    user.dvm("trash empty --yes").fails(f"{entry} is Running").warns(f"limactl stop dvmtrash-{entry}")
    user.limactl(f"stop dvmtrash-{entry}")
    user.dvm("trash restore app").succeeds()


def test_a_long_name_has_an_entry_whose_socket_fits(user: User, tmp_path: Path) -> None:
    from dvmweb import names

    long, home = "a" * 30, "/" + "h" * 40
    assert len(names.new_entry("/l", long)) == 39
    entry = names.new_entry(home, long)
    assert len(entry) == 8
    names.check_socket_path(home, long)
    assert names.vm_of_entry(entry) == ""
    assert names.vm_of_entry(names.new_entry("/l", long)) == long


def test_a_job_of_another_caller_without_an_entry_deletes_for_good(user: User, app: Vm) -> None:
    """The option is explicit: a journal of an older dvm, which has none, means what it meant then."""
    Vms(user.paths, user.home.environ).start_job("app", "delete", {"force": True})
    user.waits_until_job("succeeded")
    assert not app.is_created
    assert rows(user) == []
