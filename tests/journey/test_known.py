"""A failed check takes nothing away, a use after a check is told, and a clean stop is not booted again for a delete."""

from __future__ import annotations

from dvmweb.lima import direct_ssh
from tests.journey.cli.home import until
from tests.journey.driver import COMMIT, User, Vm


def test_f1_a_check_that_fails_wipes_nothing(user: User, app: Vm) -> None:
    app.has_commit_not_pushed()
    user.dvm("work app").exits("unsaved work")
    user.guests_are_silent()
    user.dvm("work app").exits("check failed", "1 commit not pushed")  # what was known is told beside the failure
    work = app.work("unsaved work")
    assert work["repositories"][0]["unpushed"] == 1
    assert work["check_failed"]["problems"]
    user.dvm("ls").succeeds().prints("1 commit not pushed", "a later check failed")
    user.dvm("rm app --yes").is_refused(because="1 commit not pushed")
    user.engine_works()
    user.dvm("sync app").succeeds().never_says(
        "skipped  Check for unsaved work"
    )  # its last word was a failure: it looks again
    app.work("unsaved work", check_failed=None)
    user.dvm("sync app").succeeds().prints("nothing was changed")


def test_f1_a_clean_vm_whose_check_fails_is_not_known(user: User, app: Vm) -> None:
    app.work("clean")
    user.guests_are_silent()
    user.dvm("stop app").succeeds()  # its look fails, and it stops all the same
    user.engine_works()
    assert app.work("not known")["summary"].startswith("not known")
    user.dvm("ls").succeeds().prints("not known")


def test_n6_what_is_run_in_a_vm_after_the_look_is_said(user: User, app: Vm) -> None:
    app.work("clean", since=None)
    app.has_commit_not_pushed()
    app.work("not known", since="used")
    user.dvm("ls").succeeds().prints("used since")
    session = user.starts("ssh app -- sh -c 'until [ -e ~/end ]; do sleep 0.1; done'")
    until(lambda: app.row["work"]["since"] == "in use")
    user.dvm("work app").exits("unsaved work")
    app.runs("rm -rf .git f")
    user.dvm("work app").succeeds()
    app.work("not known")  # nobody counts the keys of a session
    app.runs("touch ~/end")
    session.ends()
    user.dvm("work app").succeeds()
    app.work("clean")
    assert (app.notes / direct_ssh.FILE).exists()
    app.runs("true")  # by the short way, which reads no config and asks no limactl
    app.work("not known", since="used")


def test_n6_a_start_and_a_step_of_a_job_are_uses(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    app.work("clean")
    user.dvm("start app").succeeds()
    app.work("not known", since="ran")
    user.dvm("sync app").succeeds()
    app.work("clean")  # a sync of a VM that was started looks

    # A sync that fails is not hidden by the looks that follow it.
    half = user.has_recipe("half", 'echo x > "$DVM_CODE_DIR/half.txt"\nexit 1')
    app.has_config("recipes: [half]\n")
    user.dvm("sync app").fails()
    app.work("not known", since="used")
    user.dvm("work app").exits("unsaved work")
    user.dvm("rm app --yes").is_refused(because="1 loose file")
    assert app.row["failed"]["verb"] == "sync"
    user.dvm("ls").succeeds().prints("last sync failed")
    half.write_text(half.read_text().replace("exit 1", ""))
    user.dvm("sync app").succeeds()
    user.dvm("work app").exits("unsaved work")
    app.shows(failed=None)


def test_f12_a_vm_that_was_stopped_clean_is_deleted_without_a_start(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.dvm("rm app").succeeds().says("not started")
    app.shows(status="Stopped")
    user.dvm("rm app --yes").succeeds().prints("has not run since", "unchecked")
    assert not user.last_job.called("start")


def test_f12_a_look_that_a_start_followed_is_made_again(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    user.limactl("start dvm-app")
    user.limactl("shell dvm-app bash -c 'echo x > ~/code/app/late.txt'")
    user.limactl("stop dvm-app")
    refused = user.dvm("rm app --yes").is_refused(because="1 loose file")
    refused.prints("app was stopped again, as before the job.", "not run  Move to trash")
    app.shows(status="Stopped")
    assert user.last_job.called("start")
    user.dvm("jobs").succeeds().prints("refused")


def test_f12_a_stop_past_dvm_is_no_stop_behind_a_look_and_a_work_makes_it_one(user: User, app: Vm) -> None:
    user.limactl("stop dvm-app")
    user.dvm("rm app").succeeds()
    assert user.last_job.called("start")
    user.dvm("work app").succeeds()
    app.shows(status="Stopped")
    user.dvm("rm app --yes").succeeds().prints("has not run since")


def test_a_refused_delete_names_what_helps(user: User, app: Vm) -> None:
    """Nothing can be pushed where a check failed, or where a folder may not be read."""
    app.runs("mkdir bad; echo 'gitdir: ../nowhere' >bad/.git")
    refused = user.dvm("rm app --yes").is_refused()
    refused.warns("then check again: `dvm work app`").never_says("Push")
    app.runs("rm -r bad; mkdir closed; chmod 0 closed")
    refused = user.dvm("rm app --yes").is_refused()
    refused.warns("Check yourself what is there (`dvm sh app`)").never_says("Push")
    app.runs(f"chmod 700 closed; {COMMIT}")
    user.dvm("rm app --yes").is_refused().warns("Push it, keep a copy with `dvm rescue app`")
