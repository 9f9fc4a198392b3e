"""`dvm rm` on a terminal and without one, and what becomes of the config."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey.driver import User, Vm


def kept(user: User) -> list[Path]:
    """The configs that were removed."""
    return sorted((user.paths.state / "removed-configs").glob("*"))


def notes(vm: Vm) -> set[str]:
    return {path.name for path in vm.notes.iterdir()}


def test_n7_a_config_without_a_vm_is_removed_and_its_text_is_kept(user: User) -> None:
    app = user.vm("app")
    for count, options in enumerate(("", "--yes", "--yes --force"), 1):
        user.dvm("init app --recipe git").succeeds()
        text = app.config.read_bytes()
        user.dvm(f"rm app {options}").exits("not found").warns("dvm rm app --config")
        assert app.config.exists()
        removed = user.dvm(f"rm app --config {options}").succeeds()
        assert len(kept(user)) == count
        (copy,) = (path for path in kept(user) if str(path) in removed.out)
        assert copy.read_bytes() == text
        assert copy.stat().st_mode & 0o777 == 0o600
        user.dvm("ls").succeeds().prints("No VMs yet")
        user.dvm("rm app --config").exits("not found")


def test_n7_a_broken_config_is_removed_too_and_two_of_a_name_are_kept(user: User) -> None:
    for text in (b"cpus: [\n", b"\xef\xbb\xbf"):
        user.vm("app").has_config(text)
        user.dvm("rm app --config").succeeds()
    assert sorted(copy.read_bytes() for copy in kept(user)) == [b"cpus: [\n", b"\xef\xbb\xbf"]


def test_n7_what_was_noted_of_the_vm_does_not_reach_a_later_one(user: User) -> None:
    app = user.vm("app")
    user.dvm("init app").succeeds()
    user.engine_fails("start", "not now")
    user.dvm("sync app").fails()
    user.engine_works()
    assert user.dvm("rm app --config").code in (5, 6), "the instance was made, and nobody said --yes"
    user.dvm("rm app --yes --force --config").succeeds()
    for name in ("identity", "approved-hook", "key.pub", "ssh-route"):
        (app.notes / name).write_text("an old one\n")
    user.dvm("init app").succeeds()
    user.dvm("rm app --config").succeeds()
    assert notes(app) <= {"lock", "work.lock"}
    assert (app.notes / "lock").read_bytes() == b""
    user.dvm("init app").succeeds()
    app.shows(job=None)


def test_n7_a_delete_takes_the_config_only_when_that_is_asked_for_and_it_is_not_refused(user: User, app: Vm) -> None:
    app.has_commit_not_pushed()
    user.dvm("rm app --yes --config").is_refused()
    user.dvm("rm app --config").is_refused()  # without a terminal nothing is deleted without --yes
    assert app.is_created
    assert app.config.exists()
    assert not kept(user)
    app.runs("rm -rf .git f")
    deleted = user.dvm("rm app --yes --config").succeeds()
    deleted.prints("Its config was removed. Its text is kept in ").never_says("Its config was kept")
    assert not app.is_created
    assert not app.config.exists()
    assert notes(app) <= {"lock", "work.lock"}
    assert len(kept(user)) == 1


@pytest.mark.slow
def test_n7_no_config_goes_while_a_job_holds_the_vm(user: User) -> None:
    user.dvm("init app").succeeds()
    user.engine_hangs("create")
    running = user.starts("sync app")
    job = user.waits_until_job("running")
    user.dvm("rm app --config").exits("busy")
    assert user.vm("app").config.exists()
    user.dvm(f"cancel {job.id}").succeeds()
    running.ends()
    user.engine_works()


@pytest.mark.slow
def test_n12_a_clean_vm_is_asked_for_and_the_config_too(user: User, app: Vm) -> None:
    asked = user.at_terminal("rm app")
    asked.waits_for("Move app to the trash? [y/N]")
    asked.types("n")
    asked.ends("ok").prints("Nothing was deleted.")
    assert app.is_created
    asked = user.at_terminal("rm app --now")
    asked.waits_for("Delete app permanently? [y/N]")
    asked.types("y")
    asked.waits_for("Also remove its config? Its text is kept. [y/N]")
    asked.types("y")
    asked.ends("ok")
    assert not app.is_created
    assert not app.config.exists()


@pytest.mark.slow
def test_n12_with_work_in_it_the_name_is_typed(user: User, app: Vm) -> None:
    app.has_commit_not_pushed()
    for typed in ("y", "ap", ""):
        asked = user.at_terminal("rm app")
        assert "not pushed" in asked.waits_for("type its name"), "the report is shown before"
        asked.types(typed)
        asked.ends("unsaved work")
        assert app.is_created
    asked = user.at_terminal("rm app --config")
    asked.waits_for("type its name")
    asked.types("app")
    asked.ends("ok").never_says("remove its config")  # it was said already
    assert not app.is_created
    assert not app.config.exists()


@pytest.mark.slow
def test_a_refusal_names_the_command_with_the_flags_that_were_given(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    for flags in ("", " --now", " --config", " --now --config"):
        way_out = f"dvm rm app{flags} --yes --force"
        user.dvm(f"rm app{flags}").exits("unsaved work").warns(f"Nothing was deleted. To delete it anyway: {way_out}\n")
        user.dvm(f"rm app{flags} --yes").is_refused().warns(f"delete it with the VM: `{way_out}`")
    app.runs("rm note.txt")
    user.dvm("rm app --now").succeeds().warns("Nothing was deleted. To delete it: dvm rm app --now --yes\n")
    assert app.is_created


def test_n12_one_that_is_not_created_is_asked_for_its_config(user: User) -> None:
    user.dvm("init app").succeeds()
    asked = user.at_terminal("rm app")
    asked.waits_for("Remove its config? Its text is kept. [y/N]")
    asked.types("y")
    asked.ends("ok")
    assert not user.vm("app").config.exists()


def test_what_ran_while_the_question_stood_is_looked_at_before_the_delete(user: User, app: Vm) -> None:
    app.runs("touch one.txt")
    user.dvm("stop app").succeeds()
    asking = user.at_terminal("rm app")
    asking.waits_for("type its name")
    user.limactl("start dvm-app")
    user.limactl("shell dvm-app bash -c 'echo x > ~/code/app/late.txt'")
    user.limactl("stop dvm-app")
    asking.types("app")
    asking.waits_for("remove its config")
    asking.types("n")
    asking.ends("unsaved work").prints("was used since you saw the report")
    assert app.is_created
