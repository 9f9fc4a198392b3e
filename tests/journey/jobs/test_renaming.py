"""A VM is renamed with its instance, config and records; an interrupted rename is named, and finished by itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from dvmweb.config.store import ConfigStore
from dvmweb.jobs import engine_lock
from dvmweb.records import renames
from dvmweb.records.renames import Renaming
from dvmweb.verbs import renaming
from dvmweb.verbs.vms import Vms
from tests.journey.driver import User, Vm


def test_a_vm_has_another_name_and_keeps_its_work_and_protection(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    app.adds_to_config("# mine\ncpus: 1")
    user.dvm("protect app").succeeds()
    user.dvm("stop app").succeeds()
    identity = (app.notes / "identity").read_text()
    user.dvm("rename app web").succeeds().prints("app is web now.", "lima-dvm-web", "until then it cannot be checked")
    web = user.vm("web")
    assert not app.is_created
    assert not app.config.exists()
    assert [row["name"] for row in user.dvm("ls --json").json] == ["web"]
    web.shows(kind="managed", status="Stopped", protected=True)
    assert "# mine\n" in web.config.read_text()
    assert "code_dir: ~/code/app\n" in web.config.read_text(), "else a check would not find its work"
    assert (web.notes / "identity").read_text() == identity
    assert not (app.notes / "identity").exists()
    user.dvm("sync web").succeeds().prints("This VM was dvm-app before; the new name was written into it.")
    assert web.runs("cat note.txt") == "x\n"
    assert "note.txt" in user.dvm("work web").exits("unsaved work").out
    user.dvm("init app").succeeds()  # its name is free
    user.dvm("sync app").succeeds().never_says("recipe git  (unchanged")


def test_one_that_runs_is_stopped_when_that_is_wanted(user: User, app: Vm) -> None:
    user.dvm("rename app web").fails("only a stopped VM can be renamed").warns("dvm stop app")
    app.shows(status="Running")
    asked = user.at_terminal("rename app web")
    asked.waits_for("Stop app to rename it? [y/N]")
    asked.types("n")
    asked.ends(1)
    app.shows(status="Running")
    user.dvm("rename app web --yes").succeeds()
    user.vm("web").shows(status="Stopped")


def test_a_config_alone_is_renamed_too(user: User) -> None:
    user.dvm("init app").succeeds()
    user.dvm("rename app web").succeeds().prints("app is web now.").never_says("sync")
    assert [row["name"] for row in user.dvm("ls --json").json] == ["web"]


def test_names_that_are_taken_wrong_or_the_same(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("init web").succeeds()
    user.dvm("rename app web").fails("There is a VM web.")
    user.dvm("rename app App").exits(2)
    user.dvm("rename app app").exits(2, "app is its name already.")
    user.dvm("rename nope other").exits("not found")
    user.limactl("clone dvm-app dvm-other")  # without a config
    user.dvm("rename app other").fails("There is a VM other.")
    user.engine_fails("rename", "disk on fire")
    user.dvm("rename app third").fails("disk on fire")
    assert not user.vm("third").config.exists()
    assert renames.interrupted(user.paths) is None
    user.engine_works()
    user.dvm("rename app third").succeeds()


def test_a_broken_one_is_not_renamed(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    app.is_given(status="Broken")
    user.dvm("rename app web").fails("app is Broken, and only a stopped VM can be renamed.")
    assert app.is_created


class Killed(BaseException):
    """As if the process were killed here."""


@pytest.mark.parametrize("step", ["rename", "protect", "_move_records", "delete"])
def test_killed_at_any_step_it_is_named_and_finished(
    user: User, app: Vm, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.dvm("protect app").succeeds()
    user.dvm("stop app").succeeds()

    def dies(real: Callable[..., object], word: str = "") -> Callable[..., object]:
        def call(*values: object) -> object:
            if not word or any(isinstance(value, tuple) and word in value for value in values):
                raise Killed
            return real(*values)

        return call

    vms = Vms(user.paths, user.home.environ)
    with monkeypatch.context() as patched:
        if step in ("rename", "protect"):
            patched.setattr(engine_lock, "run", dies(engine_lock.run, step))
        elif step == "delete":
            patched.setattr(ConfigStore, "delete", dies(ConfigStore.delete))
        else:
            patched.setattr(renaming, step, dies(getattr(renaming, step)))
        with pytest.raises(Killed):
            renaming.rename(vms, "app", "web")
    assert renames.interrupted(user.paths) == Renaming("app", "web", protected=True)
    for command in ("ls", "doctor"):
        result = user.dvm(command)
        assert "The rename of app to web was interrupted." in result.out + result.err
    for verb in ("sync app", "sync web", "rename web other"):
        user.dvm(verb).fails("The rename of app to web was interrupted.").warns("`dvm rename app web`")
    user.dvm("rename app web").succeeds()
    user.vm("web").shows(kind="managed", status="Stopped", protected=True)
    assert [row["name"] for row in user.dvm("ls --json").json] == ["web"]
    assert json.loads(user.dvm("trash ls --json").out) == []
    user.dvm("sync web").succeeds().prints("This VM was dvm-app before; the new name was written into it.")
