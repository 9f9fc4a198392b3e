"""The headline of a failed job: its cause, for each kind of step, with nothing of a guest's that looks like ours."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dvmweb.errors import CheckFailed, ExitCode
from dvmweb.jobs import starting
from dvmweb.jobs.failures import failed_step, host_error, refused_clone
from dvmweb.jobs.job_record import Failure
from dvmweb.lima.failures import LimaError
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
        (
            "Recipe node",
            b"E: Unable to locate package x\n",
            "Recipe `node` failed: Unable to locate package x (exit code 3).",
        ),
        (
            "Recipe node",
            b"tar: x: No space left on device\n",
            "Recipe `node` failed: the disk of the VM is full (exit code 3).",
        ),
        (
            "Recipe node",
            b"x: line 3: foo: command not found\nend\n",
            "Recipe `node` failed: x: line 3: foo: command not found (exit code 3).",
        ),
        (
            "Recipe node",
            b"error: no table x\nerror: the recipe node failed (exit code 3); see its output above\n",
            "Recipe `node` failed: no table x (exit code 3).",
        ),
        (
            "Run project hook",
            b"make: it broke\nerror: the project hook failed (exit code 3); see its output above\n",
            "The project hook failed (exit code 3).",
        ),
        ("Recipe node", b"error: `dvm rm app`\x1b[2J\n", "Recipe `node` failed: 'dvm rm app'\\x1b[2J (exit code 3)."),
        ("Baseline", b"", "Recipe `baseline` failed (exit code 3)."),
        ("Run project hook", b"make: *** [all] Error 2\n", "The project hook failed (exit code 3)."),
        ("Create SSH key", b"", "Creating the SSH key failed (exit code 3)."),
        (
            f"Clone {REPO}",
            CLONE + UNKNOWN_HOST + NOT_READ,
            "Cloning failed: the guest does not find a server github.com.",
        ),
        (
            f"Clone {REPO}",
            b"x: Connection timed out\n" + NOT_READ,
            "Cloning failed: the guest cannot reach github.com.",
        ),
        (
            f"Clone {REPO}",
            b"fatal: write error: No space left on device\n",
            "Cloning failed: the disk of the VM is full.",
        ),
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
    assert Failure.of(error).headline == "Cloning failed: github.com does not accept the SSH key of app."
    assert "git@github.com: Permission denied (publickey)." in error.what
    assert "ssh-ed25519 AAAA" in error.todo
    assert "https://github.com/me/app/settings/keys/new" in error.todo


def test_a_repository_that_is_not_found_may_only_be_hidden_from_the_key() -> None:
    error = refused_clone(plan_input(config(repo=REPO)), CLONE + b"ERROR: Repository not found.\n" + NOT_READ, "key")
    expected = "Cloning failed: github.com has no such repository, or the SSH key of app has no access to it."
    assert Failure.of(error).headline == expected


def test_a_full_disk_of_the_host_is_the_first_sentence() -> None:
    assert Failure.of(host_error(OSError(errno.ENOSPC, "No space left on device", "/x"))).headline == (
        "The disk of the host is full."
    )
    assert Failure.of(host_error(OSError(errno.EACCES, "Permission denied"))).headline.startswith("The job failed: ")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"x" * 300 + b": no space left on device", "The disk of the host is full: `limactl create` failed"),
        (b"fatal: lookup cloud.x: no such host", "The host does not find the server of the image: `limactl create`"),
        (b'failed to download "https://x/y": 404', "The image cannot be downloaded: `limactl create` failed"),
        (b"fatal: odd", "`limactl create` failed: odd (exit code 1)."),
    ],
)
def test_the_headline_of_a_failed_limactl_is_its_cause(output: bytes, expected: str) -> None:
    error = LimaError(Finished(("limactl", "create", "dvm-app"), 1, b"", output, 1.0, EXIT))
    assert Failure.of(error).headline.startswith(expected)


@pytest.mark.parametrize("kind", ["UnsavedWork", "WorkAtRisk"])
def test_the_exit_code_of_a_refused_delete_also_from_a_journal_of_dvm_0_1(kind: str) -> None:
    assert starting.as_error(Failure(kind, "app was not deleted.")).exit_code == ExitCode.UNSAVED_WORK
