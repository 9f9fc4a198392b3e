"""Checkpoints: a copy of a stopped VM that it can be rewound to, again and again; nothing is lost on the way."""

from __future__ import annotations

import os
import re
import shutil
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from dvmweb.errors import NotNow
from dvmweb.jobs import copy_ends
from dvmweb.jobs.running import Runner
from dvmweb.lima import disk_use
from dvmweb.process_identity import is_alive
from dvmweb.records import checkpoint_records, last_use, rewinds
from tests.journey.cli.home import HAS_KEYGEN, until
from tests.journey.cli.result import Result
from tests.journey.driver import JobView, User, Vm

IS_OWN = "This VM was a clone of dvm-app; it now has an identity and an SSH key of its own."


def name_of(result: Result) -> str:
    found = re.search(r"Checkpoint (\S+) is complete", result.out)
    assert found, result.out
    return found[1]


def rows(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.dvm("checkpoint ls --json").json
    return found


def is_protected(user: User, checkpoint: str) -> bool:
    return (user.paths.lima_home / f"dvmcheck-{checkpoint}" / "protected").exists()


def copies(user: User) -> list[str]:
    return [path.name for path in user.paths.lima_home.glob("dvmclone-*")]


def test_what_an_agent_broke_is_as_before_and_the_broken_one_is_in_the_trash(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    key = app.runs("cat ~/.ssh/id_ed25519.pub") if HAS_KEYGEN else ""
    identity = (app.notes / "identity").read_text()
    user.dvm("stop app").succeeds()
    made = user.dvm("checkpoint app --note 'before the agent'").succeeds().prints("of disk, and", "keys and secrets")
    checkpoint = name_of(made)
    assert is_protected(user, checkpoint)
    (row,) = rows(user)
    assert (row["checkpoint"], row["vm"], row["note"]) == (checkpoint, "app", "before the agent")
    assert (row["complete"], row["protected"], row["status"]) == (True, True, "Stopped")
    assert row["work"]["verdict"] == "unsaved work"
    user.dvm("checkpoint ls app").succeeds().prints(checkpoint, "before the agent", "1 ").warns("Checkpoints use up to")
    assert [vm["name"] for vm in user.dvm("ls --json").json] == ["app"], "it is no VM"

    user.dvm("start app").succeeds()
    app.runs("rm note.txt; echo broken > broken.txt")
    user.dvm("rewind app").exits("unsaved work").prints("broken.txt").warns(
        f"Nothing was changed. To rewind it anyway: dvm rewind app {checkpoint} --yes --force\n"
    )
    again = f"dvm rewind app {checkpoint} --config --yes --force"
    user.dvm("rewind app --config").exits("unsaved work").warns(f"{again}\n")
    user.dvm("rewind app --config --yes").exits("unsaved work").warns(f"`{again}`")
    user.dvm("rewind app --yes").exits("unsaved work").warns("app was not rewound", f"dvm rewind app {checkpoint}")
    assert copies(user) == []
    rewound = user.dvm("rewind app --yes --force").succeeds()
    rewound.prints(f"app is as in the checkpoint {checkpoint}", "It is stopped; to start it: `dvm start app`")
    found = re.search(r"before the rewind is in the trash as (\S+)\. ", rewound.out)
    assert found, rewound.out
    app.shows(kind="managed", status="Stopped", protected=False)
    user.dvm("start app").succeeds()
    assert app.runs("cat note.txt; ls") == "x\nnote.txt\n"
    user.dvm("sync app").succeeds().never_says("clone", "new identity", "another id")
    assert (app.notes / "identity").read_text() == identity
    if HAS_KEYGEN:
        assert app.runs("cat ~/.ssh/id_ed25519.pub") == key
    assert copies(user) == []

    # The broken one comes back beside it, with an identity of its own.
    user.dvm(f"trash restore {found[1]} --as broken").succeeds().prints("app has the same identity and SSH key")
    broken = user.vm("broken")
    user.dvm("work broken").exits("check failed")
    user.dvm("sync broken").succeeds().prints(IS_OWN if HAS_KEYGEN else "").never_says("A sync makes")
    assert broken.runs("cat broken.txt") == "broken\n"
    assert (broken.notes / "identity").read_text() != identity
    if HAS_KEYGEN:
        assert broken.runs("cat ~/.ssh/id_ed25519.pub") != key
    user.dvm("work app").exits("unsaved work")

    # The checkpoint stays: it can be rewound to again.
    app.runs("rm note.txt")
    user.dvm(f"rewind app {checkpoint} --yes").succeeds()
    user.dvm("start app").succeeds()
    assert app.runs("cat note.txt") == "x\n"
    user.dvm(f"checkpoint rm {checkpoint}").exits("check failed").prints("cannot check").warns("add --yes")
    user.dvm(f"checkpoint rm {checkpoint} --yes").succeeds()
    assert rows(user) == []
    assert not (user.paths.checkpoints / checkpoint).exists()
    user.dvm("rewind app").exits("not found", "There is no checkpoint of app.")


# -- what is asked and refused before ----------------------------------------------------------------------------------


def test_a_running_vm_is_stopped_only_when_wanted_and_started_again(user: User) -> None:
    idle = user.has_vm("idle")  # a name of its own: `ssh app.dvm` of another test is a use of app
    user.dvm("checkpoint idle").fails("idle is Running, and only a stopped VM can be copied.").warns("add --stop")
    user.dvm("checkpoint idle --stop").succeeds().prints("Stop VM to copy it", "Start VM again")
    idle.shows(status="Running")
    asked = user.at_terminal("checkpoint idle --note second")
    asked.waits_for("Stop idle for the checkpoint, and start it again afterwards? [y/N]")
    asked.types("n")
    asked.ends("failed")
    assert len(rows(user)) == 1
    asked = user.at_terminal("checkpoint idle --note second")
    asked.waits_for("[y/N]")
    asked.types("y")
    asked.ends("ok")
    idle.shows(status="Running")
    assert [row["note"] for row in rows(user)] == ["second", ""], "the newest first"


def test_a_vm_in_use_is_not_stopped_without_a_word(user: User, app: Vm) -> None:
    using = user.starts("ssh app -- sh -c 'echo here; sleep 600'")
    until(lambda: last_use.read(user.paths, "app").is_now)
    user.dvm("checkpoint app --stop").fails("app is not stopped for a checkpoint").warns("add --yes")
    app.shows(status="Running")
    user.dvm("checkpoint app --stop --yes").succeeds()
    using.ends()


def test_a_checkpoint_that_fails_leaves_nothing_and_the_vm_runs_again(user: User, app: Vm) -> None:
    user.engine_fails("clone", "no space left on device")
    user.dvm("checkpoint app --stop --yes").fails("no space left on device").prints("app was started again")
    assert (rows(user), copies(user), checkpoint_records.names(user.paths)) == ([], [], ())
    app.shows(status="Running")


def test_a_disk_that_is_too_small_is_said_before(user: User, app: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_use, "SPARE", 1 << 62)
    with pytest.raises(NotNow, match=r"The checkpoint can need .* of disk, and .* are free"):
        disk_use.must_fit("The checkpoint", app.instance)


def test_notes_that_cannot_be_shown_are_refused(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm(f"checkpoint app --note {'x' * 201}").exits("usage error", "The note has 201 characters")
    for bad in ("\x1b[31mred", "two\nlines", "\u202egnp", "\ufeff"):
        found = user.home.dvm("checkpoint", "app", "--note", bad)
        assert found.code == 2, found
        assert "characters that cannot be printed" in found.err
    odd = "<b>$(id)</b> `x` {{y}} -- ünï"
    assert user.home.dvm("checkpoint", "app", "--note", odd).code == 0
    assert [row["note"] for row in rows(user)] == [odd]
    record = next(user.paths.checkpoints.glob("*/checkpoint.json"))  # and one that something else wrote
    record.write_text(record.read_text().replace("$(id)", "\\u001b]0;owned\\u0007\\u202e"))
    assert not set("\x1b\x07\u202e") & set(user.dvm("checkpoint ls").succeeds().out)


def test_what_there_is_not(user: User, app: Vm) -> None:
    user.dvm("checkpoint nope").exits("not found")
    user.dvm("checkpoint list").exits("usage error").warns("dvm checkpoint ls")
    user.dvm("checkpoint rm app-00000000 --yes").exits("not found", "There is no checkpoint app-00000000.")
    user.dvm("rewind nope").exits("not found", "There is no checkpoint of nope.")
    user.dvm("checkpoint ls").succeeds().prints("There are no checkpoints.")
    user.dvm("init web").succeeds()
    user.dvm("checkpoint web").exits("not found", "web is not created")
    user.dvm("stop app").succeeds()
    checkpoint = name_of(user.dvm("checkpoint app").succeeds())
    user.dvm(f"rewind web {checkpoint}").exits("not found", f"{checkpoint} is no checkpoint of web").warns(
        "It is of app"
    )
    user.dvm("protect app").succeeds()
    user.dvm("rewind app --yes").fails("app is protected").warns("dvm protect app --off")
    app.shows(status="Stopped")


def test_a_vm_that_has_the_name_of_a_subcommand(user: User) -> None:
    ls = user.has_vm("ls")
    user.dvm("stop ls").succeeds()
    user.dvm("checkpoint ls").succeeds().prints("There are no checkpoints.")
    user.dvm("checkpoint add ls").succeeds()
    user.dvm("checkpoint ls ls").succeeds().prints("ls-")
    ls.shows(status="Stopped")


def test_a_terminal_is_asked_and_work_needs_the_name(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    asked = user.at_terminal("rewind app")
    asked.waits_for("Move app to the trash and rewind it? [y/N]")
    asked.types("n")
    asked.ends("ok")
    user.dvm("start app").succeeds()
    app.has_file("new.txt")
    asked = user.at_terminal("rewind app")
    asked.waits_for("To move app to the trash and rewind it anyway, type its name")
    asked.types("app")
    asked.ends("ok")
    app.shows(status="Stopped")
    assert len(user.dvm("trash ls --json").json) == 1


def test_a_checkpoint_is_offered_once_before_an_agent(user: User) -> None:
    brain, offer = user.vm("brain"), "Before an agent works unattended: `dvm checkpoint brain --stop`"
    user.dvm("init brain --recipe claude").succeeds()
    user.dvm("sync brain").succeeds().never_says(offer)  # nobody is there to read it
    shell = user.at_terminal("sh brain")
    shell.waits_for(offer)
    shell.types("exit")
    shell.ends("ok")
    assert (brain.notes / "checkpoint-offered").exists()
    user.at_terminal("sync brain").ends("ok").never_says(offer)
    (brain.notes / "checkpoint-offered").unlink()
    user.at_terminal("sync brain").ends("ok").prints(offer)


# -- config, name, delete ----------------------------------------------------------------------------------------------


def test_the_config_stays_unless_it_is_wanted_back(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    before = app.config.read_bytes()
    user.dvm("checkpoint app").succeeds()
    app.adds_to_config("cpus: 1")
    changed = app.config.read_bytes()
    user.dvm("rewind app --yes").succeeds().prints("The config stays as it is", "-cpus: 1")
    assert app.config.read_bytes() == changed
    user.dvm("rewind app --yes --config").succeeds().prints("The config goes back too", "one before is kept in")
    assert app.config.read_bytes() == before
    assert changed in [path.read_bytes() for path in (user.paths.state / "removed-configs").iterdir()]
    user.dvm("sync app").succeeds()


def test_a_deleted_vm_comes_back_from_its_checkpoint(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    identity, text = (app.notes / "identity").read_text(), app.config.read_bytes()
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    user.dvm("rm app --yes --force --config").succeeds().prints("1 checkpoint of app stays", "dvm checkpoint ls app")
    assert not app.config.exists()
    user.dvm("rewind app").succeeds().never_says("trash as")
    assert app.config.read_bytes() == text
    user.dvm("sync app").succeeds().never_says("new identity")
    assert app.runs("cat note.txt") == "x\n"
    assert (app.notes / "identity").read_text() == identity
    user.dvm("rm app --yes --force --now").succeeds().prints("1 checkpoint of app stays")


def test_a_vm_that_has_lost_its_config_is_not_rewound(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    user.dvm("start app").succeeds()
    app.has_file("note.txt")
    app.config.unlink()
    for line in ("rewind app", "rewind app --yes", "rewind app --yes --force"):
        user.dvm(line).fails("app has no config, so it cannot be checked").warns("dvm init app")
    assert not app.config.exists(), "the config of the checkpoint is not put in its place"
    assert user.dvm("trash ls --json").json == []
    user.dvm("init app").succeeds()
    app.shows(status="Running")
    user.dvm("rewind app").exits("unsaved work").prints("note.txt")


def test_a_checkpoint_that_was_started_by_hand_is_not_taken_for_unchanged(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    checkpoint = name_of(user.dvm("checkpoint app").succeeds())
    was = "started since it was made"
    user.dvm("checkpoint ls").succeeds().never_says(was)
    assert rows(user)[0]["started_since"] is False
    user.limactl(f"start dvmcheck-{checkpoint}")
    user.limactl(f"stop -f dvmcheck-{checkpoint}")
    user.dvm("checkpoint ls").succeeds().prints(f"not known: it was {was}").never_says("checked")
    (row,) = rows(user)
    assert (row["started_since"], row["work"]) == (True, None)
    user.dvm("rewind app").prints(f"{checkpoint} was {was}, not by dvm")
    user.dvm("rewind app --yes").succeeds().prints(f"{checkpoint} was {was}")


@pytest.mark.slow
@pytest.mark.parametrize("first", ["start app", "sync app"])
def test_two_vms_of_a_checkpoint_without_a_record_do_not_share_an_identity(user: User, app: Vm, first: str) -> None:
    user.dvm("stop app").succeeds()
    checkpoint = name_of(user.dvm("checkpoint app").succeeds())
    shutil.rmtree(user.paths.checkpoints / checkpoint)
    user.dvm("rewind app --yes").succeeds()
    user.dvm("trash restore app --as other").succeeds()
    user.dvm(first).succeeds().prints("other had the same identity and SSH key: app is taken for a copy of it.")
    user.dvm("sync app").succeeds()
    user.dvm("sync other").succeeds().never_says("taken for a copy", "clone")
    vms = [user.vm(name) for name in ("app", "other")]
    assert len({(vm.notes / "identity").read_text() for vm in vms}) == 2
    if HAS_KEYGEN:
        assert len({vm.runs("cat ~/.ssh/id_ed25519.pub") for vm in vms}) == 2
    user.dvm("sync app").succeeds().never_says("taken for a copy", "clone")


@pytest.mark.slow
def test_a_vm_that_has_lost_its_records_is_no_copy_of_itself(user: User, app: Vm) -> None:
    identity = (app.notes / "identity").read_text()
    user.has_vm("web")
    (app.notes / "identity").unlink()
    user.dvm("sync app").succeeds().never_says("taken for a copy")
    assert (app.notes / "identity").read_text() == identity
    user.dvm("stop app").succeeds()
    user.dvm("rename app shop").succeeds()
    user.dvm("sync shop").succeeds().never_says("taken for a copy")
    assert (user.vm("shop").notes / "identity").read_text() == identity


def test_the_checkpoints_of_a_renamed_vm_go_with_it(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    user.dvm("stop app").succeeds()
    checkpoint = name_of(user.dvm("checkpoint app").succeeds())
    user.dvm("rename app shop").succeeds()
    assert [(row["checkpoint"], row["vm"]) for row in rows(user)] == [(checkpoint, "shop")]
    user.dvm("rewind app").exits("not found")
    user.dvm("rewind shop --yes --force --config").succeeds()
    shop = user.vm("shop")
    user.dvm("sync shop").succeeds().prints("This VM was dvm-app before; the new name was written into it.")
    assert shop.runs("cat note.txt") == "x\n"
    user.dvm("work shop").exits("unsaved work")


# -- interrupted at each step ------------------------------------------------------------------------------------------

MOVE, REPLACE = "Move to trash", "Put the copy in its place"


def killed_at(user: User, line: str, command: str, step: str, *, is_after: bool) -> None:
    """Kill the job and the engine command that it runs in this step, before or after the command did its work."""
    if step == REPLACE:  # the second rename: the first one has ended when the entry is protected
        user.engine_hangs("protect")
    else:
        user.home.faults(**{command: {"hang": True, "after": is_after}})
    running = user.starts(line)
    if step == REPLACE:
        job = user.waits_until_job("running", step="Protect trash entry")
        user.home.faults(rename={"hang": True, "after": is_after})
        os.killpg(job.journal["child"]["pid"], signal.SIGKILL)
    job = user.waits_until_job("running", step=step)
    if is_after:
        until(lambda: has_worked(user, command, step))
    until(lambda: has_child(job))
    os.kill(job.journal["process"]["pid"], signal.SIGKILL)
    os.killpg(job.journal["child"]["pid"], signal.SIGKILL)
    running.ends()
    user.engine_works()


def has_child(job: JobView) -> bool:
    """Whether the journal names the command that runs now, and not the one before."""
    child = job.journal["child"]
    return child is not None and is_alive(child["pid"], child["birth"])


def has_worked(user: User, command: str, step: str) -> bool:
    """Whether the hanging command has done its work; its files do not change any more."""
    home = user.paths.lima_home
    if command == "clone":
        return any((home / name / "lima.yaml").exists() for name in copies(user))
    if step == MOVE:
        return not (home / "dvm-app").exists()
    if command == "rename":
        return not copies(user)
    return any(home.glob("dvm*-app-*/protected"))


@pytest.mark.slow
@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize(
    ("command", "step"), [("clone", "Copy VM"), ("rename", "Name checkpoint"), ("protect", "Protect checkpoint")]
)
def test_a_killed_checkpoint_is_removed_or_complete(
    user: User, app: Vm, command: str, step: str, is_after: bool
) -> None:
    app.has_file("note.txt")
    user.dvm("stop app").succeeds()
    killed_at(user, "checkpoint app", command, step, is_after=is_after)
    user.dvm("ls").warns("A copy of app was interrupted.").never_says("dvmclone", "dvmcheck")
    assert "A copy of app was interrupted." in user.dvm("doctor").out
    is_whole = command == "protect" or (command, is_after) == ("rename", True)
    said = user.dvm("checkpoint ls").succeeds()
    assert copies(user) == []
    if is_whole:
        said.warns("was interrupted after its copy: it is complete.")
        (row,) = rows(user)
        assert (row["complete"], row["protected"]) == (True, True)
    else:
        said.warns("was not completed: its half copy was removed.")
        assert rows(user) == []
    user.dvm("checkpoint ls").succeeds().never_says("interrupted", "half copy")
    user.dvm("start app").succeeds()
    assert app.runs("cat note.txt") == "x\n"


@pytest.mark.slow
@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize(
    ("command", "step"),
    [("clone", "Copy checkpoint"), ("rename", MOVE), ("protect", "Protect trash entry"), ("rename", REPLACE)],
)
def test_a_killed_rewind_loses_neither_the_vm_nor_the_copy(
    user: User, app: Vm, command: str, step: str, is_after: bool
) -> None:
    identity = (app.notes / "identity").read_text()
    app.has_file("note.txt")
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    user.dvm("start app").succeeds()
    app.runs("mv note.txt broken.txt")
    user.dvm("stop app").succeeds()
    killed_at(user, "rewind app --yes --force", command, step, is_after=is_after)
    is_moved = command == "protect" or step == REPLACE or (step, is_after) == (MOVE, True)
    is_half = is_moved and (step, is_after) != (REPLACE, True)
    if is_half:
        user.dvm("ls").warns("The rewind of app was interrupted. To finish it: `dvm rewind app`")
        for line in ("sync app", "start app", "rm app --config", "rename app web"):
            user.dvm(line).fails("The rewind of app was interrupted.").warns("dvm rewind app")
        assert rewinds.is_half(user.paths, "app")
        user.dvm("rewind app").succeeds().warns("was interrupted. It was finished.")
    else:
        user.dvm("ls").warns("A copy of app was interrupted.")
        said = user.dvm("checkpoint ls").succeeds()
        said.warns("it is complete" if is_moved else "app is as before")
    assert copies(user) == []
    assert not (app.notes / "rewind.json").exists()
    user.dvm("ls").never_says("interrupted")
    user.dvm("sync app").succeeds().never_says("new identity", "clone")
    assert app.runs("ls") == ("note.txt\n" if is_moved else "broken.txt\n")
    assert (app.notes / "identity").read_text() == identity
    trash = user.dvm("trash ls --json").json
    assert [(row["vm"], row["protected"]) for row in trash] == ([("app", True)] if is_moved else [])
    assert len(rows(user)) == 1, "the checkpoint is still there"


@pytest.mark.slow
def test_a_half_rewind_without_a_config_is_finished_once(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    killed_at(user, "rewind app --yes", "rename", REPLACE, is_after=False)
    app.config.unlink()
    user.dvm("rewind app").succeeds().warns("It was finished.").never_says("Rewind app to")
    assert len(user.dvm("trash ls --json").json) == 1


@pytest.mark.slow
def test_a_half_rewind_can_be_undone_by_a_restore(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    killed_at(user, "rewind app --yes", "rename", REPLACE, is_after=False)
    user.dvm("trash ls").succeeds()
    user.dvm("trash restore app").succeeds()
    user.dvm("checkpoint ls").succeeds().warns("app is as before")
    assert copies(user) == []
    user.dvm("start app").succeeds()


def rewinds_with_a_mark(user: User, app: Vm) -> None:
    """A stopped VM with a checkpoint, and with a file that the checkpoint does not have."""
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    user.dvm("start app").succeeds()
    app.runs("touch later.txt")
    user.dvm("stop app").succeeds()


@pytest.mark.slow
def test_a_delete_ends_a_rewind_that_was_interrupted(user: User, app: Vm) -> None:
    rewinds_with_a_mark(user, app)
    killed_at(user, "rewind app --yes --force", "rename", MOVE, is_after=False)
    assert len(copies(user)) == 1
    user.dvm("rm app --yes --force --now").succeeds().prints("app was not rewound")
    assert (copies(user), (app.notes / "rewind.json").exists()) == ([], False)
    user.dvm("checkpoint ls").succeeds().never_says("interrupted", "finished")
    assert not app.instance.exists(), "the deleted VM does not come back"
    user.dvm("sync app").succeeds()


@pytest.mark.slow
def test_a_vm_that_was_deleted_without_dvm_does_not_come_back_by_itself(user: User, app: Vm) -> None:
    rewinds_with_a_mark(user, app)
    killed_at(user, "rewind app --yes --force", "rename", MOVE, is_after=False)
    user.limactl("delete -f dvm-app")
    user.dvm("rm app --config").succeeds()
    assert len(copies(user)) == 1
    user.dvm("checkpoint ls").succeeds().warns("app was not rewound, and it is not created")
    assert copies(user) == []
    assert not app.instance.exists()


@pytest.mark.slow
@pytest.mark.parametrize("line", ["start app", "sync app", "stop app"])
def test_the_next_job_first_completes_a_rewind_that_was_interrupted_at_its_end(user: User, app: Vm, line: str) -> None:
    identity = (app.notes / "identity").read_text()
    rewinds_with_a_mark(user, app)
    killed_at(user, "rewind app --yes --force", "rename", REPLACE, is_after=True)
    (entry,) = user.dvm("trash ls --json").json
    user.dvm(f"trash restore {entry['entry']} --as other").succeeds()
    user.dvm(line).succeeds().prints("after its last step: it is complete")
    assert not (app.notes / "rewind.json").exists()
    user.dvm("sync app").succeeds()
    user.dvm("sync other").succeeds()
    both = {(user.vm(name).notes / "identity").read_text() for name in ("app", "other")}
    assert len(both) == 2
    assert identity in both
    if HAS_KEYGEN:
        assert len({user.vm(name).runs("cat ~/.ssh/id_ed25519.pub") for name in ("app", "other")}) == 2


@pytest.mark.slow
def test_records_are_not_put_back_over_a_vm_that_was_started_since(user: User, app: Vm) -> None:
    rewinds_with_a_mark(user, app)
    killed_at(user, "rewind app --yes --force", "rename", REPLACE, is_after=True)
    user.limactl("start dvm-app")
    (app.notes / "identity").write_text("of a VM in use\n")
    user.dvm("checkpoint ls").succeeds().warns("app was started since")
    assert (app.notes / "identity").read_text() == "of a VM in use\n"
    assert not (app.notes / "rewind.json").exists()


def test_a_full_disk_does_not_hide_how_a_rewind_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> tuple[str, ...]:
        raise OSError(28, "No space left on device")

    notices: list[str] = []
    runner = object.__new__(Runner)
    job = SimpleNamespace(verb="rewind", vm="app")
    run = SimpleNamespace(job=job, paths=None, lima=None, add_notices=notices.extend)
    monkeypatch.setattr(copy_ends, "repair", full)
    monkeypatch.setattr(runner, "_run", run, raising=False)
    runner._end_copies()
    assert notices == ["[Errno 28] No space left on device. To try again: `dvm checkpoint ls`"]


@pytest.mark.slow
def test_the_doctor_removes_a_copy_that_no_record_names(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.limactl("clone dvm-app dvmclone-0badcafe")
    said = user.dvm("doctor").out
    assert "dvmclone-0badcafe is a copy of a VM that no command uses any more." in said
    user.dvm("doctor --fix").warns("dvmclone-0badcafe was deleted")
    assert copies(user) == []
    app.shows(status="Stopped")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "times"), [("clone", 1), ("rename", 1)])
def test_a_rewind_that_fails_leaves_the_vm_as_it_was(user: User, app: Vm, command: str, times: int) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("checkpoint app").succeeds()
    user.engine_fails(command, "device busy", times=times)
    user.dvm("rewind app --yes").fails("device busy").prints("app is as before")
    app.shows(status="Stopped")
    assert (copies(user), user.dvm("trash ls --json").json) == ([], [])
    user.dvm("rewind app --yes").succeeds()


def test_one_at_a_time(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    checkpoint = name_of(user.dvm("checkpoint app").succeeds())
    user.engine_hangs("clone")
    first = user.starts("rewind app --yes")
    user.waits_until_job("running", step="Copy checkpoint")
    user.dvm("ls").never_says("interrupted")
    for line in ("checkpoint app", "rewind app --yes", f"checkpoint rm {checkpoint} --yes", "rm app --yes"):
        user.dvm(line).exits("busy")
    assert len(copies(user)) <= 1
    first.is_interrupted().ends()
    user.engine_works()
    assert copies(user) == []
    app.shows(status="Stopped")
    user.dvm("rewind app --yes").succeeds()
