"""A clone is a VM of its own: other ports, another identity and key; a half one is never a VM."""

from __future__ import annotations

import pytest

from dvmweb.errors import NotNow
from dvmweb.jobs import engine_lock
from dvmweb.lima import disk_use
from dvmweb.lima.client import Lima
from dvmweb.paths import Paths
from dvmweb.verbs import cloning
from dvmweb.verbs.vms import Vms
from tests.journey.cli.home import HAS_KEYGEN, until
from tests.journey.driver import User, Vm

IS_OWN = "This VM was a clone of dvm-app; it now has an identity and an SSH key of its own."


def test_a_clone_has_the_work_and_its_own_identity_ports_and_key(user: User, app: Vm) -> None:
    app.has_file("note.txt")
    app.adds_to_config("ports: [34771]")
    user.dvm("sync app --restart").succeeds()
    machine = app.runs("cat /etc/machine-id")
    key = app.runs("cat ~/.ssh/id_ed25519.pub") if HAS_KEYGEN else ""
    user.dvm("stop app").succeeds()
    made = user.dvm("clone app twin").succeeds()
    made.prints(
        "twin is a clone of app.", "Port 34771 of twin is host port 34772", "also its logins", "id_ed25519.copied"
    )
    twin = user.vm("twin")
    twin.shows(kind="managed", status="Stopped", protected=False)
    assert "code_dir: ~/code/app\n" in twin.config.read_text()
    assert "34772:34771" in twin.config.read_text()
    assert not list(user.paths.lima_home.glob("dvmclone-*"))
    user.dvm("work twin").exits("check failed")  # it is not clean before it has an identity of its own
    user.dvm("sync twin").succeeds().prints(IS_OWN if HAS_KEYGEN else "").never_says("A sync makes")
    assert twin.runs("cat note.txt") == "x\n"
    assert (twin.notes / "identity").read_text() != (app.notes / "identity").read_text()
    assert "note.txt" in user.dvm("work twin").exits("unsaved work").out
    if HAS_KEYGEN:
        own = twin.runs("cat ~/.ssh/id_ed25519.pub")
        assert own.split()[1] != key.split()[1]
        assert twin.runs("cat ~/.ssh/id_ed25519.copied.pub") == key
        assert user.dvm("ssh-key twin").out.split()[1] == own.split()[1]
        user.dvm("sync twin").succeeds()  # once only
        assert twin.runs("cat ~/.ssh/id_ed25519.pub") == own
    assert len(twin.runs("cat /etc/machine-id")) == len(machine)
    user.dvm("start app").succeeds()
    assert app.runs("cat note.txt") == "x\n"


def test_what_cannot_be_cloned(user: User, app: Vm) -> None:
    user.dvm("clone app twin").fails("only a stopped VM can be cloned").warns("dvm stop app")
    user.dvm("clone nope twin").exits("not found")
    user.dvm("clone app Twin").exits(2)
    user.dvm("init web").succeeds()
    user.dvm("clone web twin").exits("not found", "web is not created")
    user.dvm("stop app").succeeds()
    user.dvm("clone app web").fails("There is a VM web.")
    user.dvm("protect app").succeeds()
    user.dvm("clone app twin").succeeds()
    user.vm("twin").shows(protected=False)
    app.shows(protected=True)


@pytest.mark.parametrize("command", ["clone", "rename"])
def test_a_clone_that_fails_leaves_nothing(user: User, app: Vm, command: str) -> None:
    user.dvm("stop app").succeeds()
    user.engine_fails(command, "no space left on device")
    user.dvm("clone app twin").fails("no space left on device")
    assert not user.vm("twin").config.exists()
    assert not list(user.paths.lima_home.glob("dvmclone-*"))
    user.engine_works()
    user.dvm("clone app twin").succeeds().never_says("interrupted")


def test_a_disk_that_is_too_small_is_said_before(user: User, app: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    user.dvm("stop app").succeeds()
    monkeypatch.setattr(disk_use, "SPARE", 1 << 62)
    with pytest.raises(NotNow, match="The clone can need"):
        cloning.clone(Vms(user.paths, user.home.environ), "app", "twin")
    assert cloning.note(user.paths) == ""


def test_a_killed_clone_is_named_and_removed(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.engine_hangs("clone")
    cloning_now = user.starts("clone app twin")
    until(lambda: (user.paths.state / "clone.json").exists())
    cloning_now.is_killed()
    user.engine_works()
    user.dvm("ls").warns("The clone twin was interrupted.")
    user.dvm("trash ls").succeeds().warns("An interrupted clone was removed: twin.")
    assert not user.vm("twin").config.exists()
    assert not list(user.paths.lima_home.glob("dvmclone-*"))
    user.dvm("clone app twin").succeeds()


class Killed(BaseException):
    """As if the process were killed here."""


@pytest.mark.parametrize("has_renamed", [False, True])
def test_a_clone_killed_at_its_rename_is_removed_or_complete(
    user: User, app: Vm, monkeypatch: pytest.MonkeyPatch, has_renamed: bool
) -> None:
    user.dvm("stop app").succeeds()
    real = engine_lock.run

    def dies(paths: Paths, lima: Lima, argv: tuple[str, ...], timeout: float) -> None:
        if "rename" not in argv or has_renamed:
            real(paths, lima, argv, timeout)
        if "rename" in argv:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(engine_lock, "run", dies)
        patched.setattr(cloning, "_remove_left", lambda paths, lima: ())  # a killed process cleans up nothing
        with pytest.raises(Killed):
            cloning.clone(Vms(user.paths, user.home.environ), "app", "twin")
    said = user.dvm("trash ls").succeeds()
    if has_renamed:
        said.warns("The clone twin was interrupted after its last step: it is complete.")
        user.dvm("sync twin").succeeds().prints(IS_OWN if HAS_KEYGEN else "").never_says("A sync makes")
    else:
        said.warns("An interrupted clone was removed: twin.")
        assert not user.vm("twin").config.exists()
        assert not list(user.paths.lima_home.glob("dvmclone-*"))
