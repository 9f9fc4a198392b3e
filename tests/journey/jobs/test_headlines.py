"""The headline of a failed job: its cause, for each kind of step, with nothing of a guest's that looks like ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.errors import CheckFailed, ExitCode
from dvmweb.jobs import starting
from dvmweb.jobs.failures import failed_step, refused_clone
from dvmweb.jobs.job_record import Failure
from dvmweb.lima.process import DEADLINE, EXIT, Finished
from dvmweb.paths import Paths
from dvmweb.plans import Options, plan
from tests.plans.given import config, plan_input

REPO = "git@github.com:me/app.git"
PATHS = Paths(Path("/h"), Path("/h/config"), Path("/h/state"), Path("/h/lima"), Path("/h/bundled"), False)
UNKNOWN_HOST = b"ssh: Could not resolve hostname github.com\n"
NOT_READ = b"fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
CLONE = b"Cloning into '/home/dev/x'...\n"
REFUSED = b"git@github.com: Permission denied (publickey).\n"


def headline(title: str, output: bytes = b"", code: int = 3, ended: str = EXIT) -> str:
    """The headline of a sync whose step `title` printed `output` and ended with `code`."""
    there = plan_input(config(repo=REPO))
    (step,) = [step for step in plan("sync", there, Options()) if step.title == title]
    error = failed_step(step, Finished(step.argv, code, b"", b"", 1.0, ended), output, there, PATHS)
    assert isinstance(error, CheckFailed) == (title == "Wait for the guest")
    return Failure.of(error).headline


@pytest.mark.parametrize(
    ("title", "output", "expected"),
    [
        ("Recipe node", b"no such package\n", "Recipe `node` failed (exit code 3)."),
        ("Baseline", b"", "Recipe `baseline` failed (exit code 3)."),
        ("Run project hook", b"make: *** [all] Error 2\n", "The project hook failed (exit code 3)."),
        ("Create SSH key", b"", "Creating the SSH key failed (exit code 3)."),
        (f"Clone {REPO}", CLONE + UNKNOWN_HOST + NOT_READ, f"Cloning failed: {UNKNOWN_HOST.decode().strip()}."),
        (f"Clone {REPO}", CLONE + NOT_READ, "Cloning failed: Could not read from remote repository."),
        (f"Clone {REPO}", b"error: git is missing\n", "Cloning failed: git is missing."),
        (f"Clone {REPO}", b"fatal: `dvm rm app`\x1b[2J\n", "Cloning failed: 'dvm rm app'\\x1b[2J."),
        (f"Clone {REPO}", b"", "Cloning failed: exit code 3."),
        ("Wait for the guest", b"Traceback\n", "The guest of app could not report its state."),
    ],
)
def test_a_headline_is_the_cause(title: str, output: bytes, expected: str) -> None:
    assert headline(title, output) == expected


def test_what_did_not_finish_says_how_long_it_had() -> None:
    assert headline("Recipe node", ended=DEADLINE) == "Recipe `node` did not finish within 60 min."
    assert headline(f"Clone {REPO}", ended=DEADLINE) == "Cloning failed: it did not finish within 60 min."
    assert headline("Wait for the guest", ended=DEADLINE) == "The guest of app did not respond within 5 min."
    assert (
        headline("Wait for the guest", b"Connection reset\n", 255) == "The guest of app did not respond within 5 min."
    )


def test_a_refused_key_is_shown_with_where_to_paste_it() -> None:
    error = refused_clone(plan_input(config(repo=REPO)), CLONE + REFUSED + NOT_READ, "ssh-ed25519 AAAA")
    assert Failure.of(error).headline == "Cloning failed: git@github.com: Permission denied (publickey)."
    assert "ssh-ed25519 AAAA" in error.todo
    assert "https://github.com/me/app/settings/keys/new" in error.todo


@pytest.mark.parametrize("kind", ["UnsavedWork", "WorkAtRisk"])
def test_the_exit_code_of_a_refused_delete_also_from_a_journal_of_dvm_0_1(kind: str) -> None:
    assert starting.as_error(Failure(kind, "app was not deleted.")).exit_code == ExitCode.UNSAVED_WORK
