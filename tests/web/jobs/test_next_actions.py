"""After each kind of failure there is a button that helps, and each button leads to a page that exists."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound

from dvmweb.jobs.history.causes import Cause, cause_of
from dvmweb.jobs.job_record import Failure, Job, StepRecord
from dvmweb.plans import titles
from dvmweb.web.jobs import next_actions
from dvmweb.web.jobs.next_actions import BUTTONS, HELPS

CLONE = titles.clone("git@github.com:me/app.git")
JOB = Job("ab" * 16, "app", "sync", state="failed", created=1.0, started=1.0, ended=2.0)

# The step that failed, the class of the error, what it says -> the cause.
SEEN = [
    (CLONE, "DvmError", "Cloning failed.\n  git@github.com: Permission denied (publickey).", Cause.KEY_REFUSED),
    (CLONE, "DvmError", "Cloning failed.\n  could not read Username for 'https://x'", Cause.KEY_REFUSED),
    (CLONE, "DvmError", "Cloning failed.\n  ERROR: Repository not found.", Cause.NO_REPOSITORY),
    (CLONE, "DvmError", "Cloning failed.\n  ssh: Could not resolve hostname x", Cause.NO_GIT_SERVER),
    (CLONE, "DvmError", "Cloning failed.\n  ssh: connect to host x: Connection refused", Cause.NO_GIT_SERVER),
    (CLONE, "DvmError", "Cloning failed.\n  Host key verification failed.", Cause.HOST_KEY),
    (CLONE, "DvmError", "Cloning failed.\n  fatal: write: No space left on device", Cause.GUEST_DISK),
    (CLONE, "DvmError", "Cloning failed: it did not finish within 60 min.", Cause.CLONE),
    ("Recipe node", "SecretNeeded", "Recipe `node` needs a secret: x.", Cause.SECRET),
    ("", "ConfigError", "app.yaml:1: cpus: wrong", Cause.CONFIG),
    ("Recipe node", "DvmError", "Recipe `node` failed (exit code 3).", Cause.RECIPE),
    ("Baseline", "DvmError", "Recipe `baseline` failed (exit code 3).", Cause.RECIPE),
    ("Recipe node", "DvmError", "Recipe failed.\n  tar: No space left on device", Cause.GUEST_DISK),
    (titles.HOOK, "DvmError", "The project hook failed (exit code 2).", Cause.HOOK),
    (titles.CREATE, "LimaError", "`limactl create` failed\n  failed to download x: 404", Cause.IMAGE),
    (titles.CREATE, "LimaError", "`limactl create` failed\n  failed to download x: no such host", Cause.NETWORK),
    (titles.CREATE, "LimaError", "`limactl create` failed\n  write: no space left on device", Cause.HOST_DISK),
    ("", "DvmError", "The disk of the host is full.\n  [Errno 28] No space left on device", Cause.HOST_DISK),
    (titles.START, "LimaError", "`limactl start` failed\n  did not receive an event with", Cause.SILENT),
    (titles.WAIT_FOR_GUEST, "CheckFailed", "The guest of app did not respond within 5 min.", Cause.SILENT),
    (titles.START, "LimaError", "`limactl start` failed\n  errors inspecting instance", Cause.BROKEN),
    (titles.CHECK_INSTANCE, "DvmError", "app is Broken.", Cause.BROKEN),
    (titles.CHECK_PORTS, "PortTaken", "Port 3000 is held by x.", Cause.PORT),
    (titles.UNSAVED_WORK, "UnsavedWork", "app was not deleted.", Cause.UNSAVED),
    (titles.DELETE, "NotNow", "app is protected, so it is not deleted.", Cause.PROTECTED),
    (titles.START, "LimaError", '`limactl start` failed\n  "qemu-img": executable file not found', Cause.ENGINE),
    ("", "NoEngine", "limactl was not found.", Cause.ENGINE),
    (titles.CREATE_KEY, "DvmError", "Creating the SSH key failed (exit code 1).", Cause.OTHER),
]


def failed(title: str, kind: str, what: str) -> Job:
    """A sync whose step `title` failed."""
    steps = (StepRecord(title, ("x",), "failed"),) if title else ()
    return replace(JOB, steps=steps, failure=Failure(kind, what))


@pytest.mark.parametrize(("title", "kind", "what", "expected"), SEEN)
def test_the_cause_of_a_failure(title: str, kind: str, what: str, expected: Cause) -> None:
    assert cause_of(failed(title, kind, what)) == expected


def test_each_cause_is_met_by_a_case_above_or_is_a_state() -> None:
    assert {case[3] for case in SEEN} | {Cause.CANCELLED, Cause.INTERRUPTED} == set(Cause)
    assert cause_of(replace(JOB, state="cancelled")) == Cause.CANCELLED
    assert cause_of(replace(JOB, state="interrupted")) == Cause.INTERRUPTED
    assert cause_of(replace(JOB, state="succeeded")) is None


def test_a_recipe_that_prints_the_words_of_another_step_is_still_a_recipe() -> None:
    forged = "Recipe `x` failed (exit code 1).\n  Permission denied (publickey). errors inspecting instance"
    assert cause_of(failed("Recipe x", "DvmError", forged)) == Cause.RECIPE


def test_the_title_of_an_odd_step_is_no_recipe() -> None:
    odd = failed('Recipe "><img src=x>', "DvmError", "no")
    assert [action.path for action in next_actions.next_actions(odd) if "recipes" in action.path] == []


def test_each_cause_has_buttons_and_one_of_them_is_the_primary() -> None:
    assert set(HELPS) == set(Cause)
    assert {key for keys in HELPS.values() for key in keys} == {*BUTTONS, next_actions.AGAIN}
    for case in SEEN:
        actions = next_actions.next_actions(failed(*case[:3]))
        assert [action.tone for action in actions] == ["primary", *[""] * (len(actions) - 1)], case
        assert len({action.id for action in actions}) == len(actions)


def test_what_helps_with_a_clone_a_disk_and_a_guest() -> None:
    def texts(cause: Cause) -> list[str]:
        case = next(case for case in SEEN if case[3] == cause)
        return [action.text for action in next_actions.next_actions(failed(*case[:3]))]

    assert texts(Cause.KEY_REFUSED) == ["Show SSH key", "Edit repository", "Retry", "app"]
    assert texts(Cause.NO_REPOSITORY)[0] == "Edit repository"
    assert texts(Cause.HOST_DISK)[0] == "Free disk space"
    assert texts(Cause.GUEST_DISK)[0] == "Enlarge disk"
    assert texts(Cause.RECIPE) == ["Retry", "Open terminal", "Show recipe", "Edit config", "app"]
    assert texts(Cause.CONFIG)[0] == "Edit config"


def test_each_button_leads_to_a_route(app: Flask) -> None:
    adapter = app.url_map.bind("x")
    for key, (_, _, path, is_post, _) in BUTTONS.items():
        address = path.format(vm="app", recipe="node").partition("#")[0].partition("?")[0]
        try:
            adapter.match(address, method="POST" if is_post else "GET")
        except (NotFound, MethodNotAllowed) as error:
            pytest.fail(f"{key}: {address}: {error}")


def test_retry_says_what_it_does_where_it_is_offered() -> None:
    assert "skips what is done" in next_actions.retry_help(failed("Recipe x", "DvmError", "no"))
    assert next_actions.retry_help(replace(JOB, state="succeeded")) == ""
    assert next_actions.retry_help(replace(failed("", "UnsavedWork", "no"), verb="delete")) == ""
