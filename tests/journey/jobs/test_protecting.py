"""A protected VM is not deleted, by any way, until its protection is removed."""

from __future__ import annotations

from dvmweb.verbs.vms import Vms
from tests.journey.driver import User, Vm

REFUSED = "app is protected, so it is not deleted.\nRemove the protection first: `dvm protect app --off`"


def test_a_protected_vm_is_not_deleted_until_the_protection_is_removed(user: User, app: Vm) -> None:
    app.shows(protected=False)
    user.dvm("protect app").succeeds().prints("app is protected.\nTo undo: dvm protect app --off")
    user.dvm("protect app").succeeds().prints("app is protected already.")
    app.shows(protected=True)
    user.dvm("ls").succeeds().prints(", protected")
    jobs = len(user.jobs)
    for words in ("", "--yes", "--yes --force", "--yes --config"):
        user.dvm(f"rm app {words}").fails(REFUSED)
    asked = user.at_terminal("rm app")  # it is not checked first, and nothing is asked
    asked.ends(1).prints("app is protected")
    assert len(user.jobs) == jobs
    assert app.is_created
    user.dvm("protect app --off").succeeds().prints("app is not protected.")
    user.dvm("protect app --off").succeeds().prints("app is not protected already.")
    app.shows(protected=False)
    user.dvm("rm app --yes").succeeds()
    assert not app.is_created


def test_a_job_that_was_started_before_finds_the_protection(user: User, app: Vm) -> None:
    user.dvm("protect app").succeeds()
    Vms(user.paths, user.home.environ).start_job("app", "delete", {"force": True})
    job = user.waits_until_job("failed")
    assert job.facts["failure"]["what"] == REFUSED.splitlines()[0]
    assert not job.called("delete")
    assert app.is_created


def test_protecting_what_cannot_be_protected(user: User, app: Vm) -> None:
    user.dvm("init web").succeeds()
    user.dvm("protect web").exits("not found", "web is not created, so there is nothing to protect.")
    user.dvm("protect nope").exits("not found", "There is no VM nope.")
    user.engine_fails("protect", "no space left on device")
    user.dvm("protect app").fails("no space left on device")
    app.shows(protected=False)
