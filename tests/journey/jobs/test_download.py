"""The download of an image in both faces: its bytes, all bytes and the time left, and only what is known of them."""

from __future__ import annotations

import json
import re

from dvmweb.jobs import job_record
from dvmweb.jobs.step_progress import with_progress
from tests.journey.cli.home import until
from tests.journey.driver import User

MIB = 1 << 20
WHOLE = 40 * MIB


class Server:
    """The server of an image, as slow as the test."""

    def __init__(self, user: User, **more: object) -> None:
        folder = user.paths.lima_home / "_demo"
        folder.mkdir(parents=True)
        self.file = folder / "image"
        self.file.touch()
        (folder / "download.json").write_text(json.dumps({"from": str(self.file), "whole": WHOLE, **more}))

    def sends(self, count: int) -> None:
        """From now on so many bytes have been sent."""
        with self.file.open("ab") as file:
            file.truncate(count)


def reason(user: User) -> str:
    """How far the newest job is, in the words of both faces."""
    jobs = [with_progress(user.paths, job) for job in job_record.newest_first(user.paths)[:1]]
    return next((step.reason for job in jobs for step in job.steps if step.state == "running"), "")


def test_a_terminal_shows_bytes_and_time_left_and_the_log_no_bar(user: User, guests_work: None) -> None:
    server = Server(user)
    user.dvm("init app").succeeds()
    server.sends(10 * MIB)
    shown = user.at_terminal("sync app", term="xterm")
    shown.waits_for("Downloading the image (fedora.qcow2): 10.0 MiB of 40.0 MiB")
    server.sends(20 * MIB)
    shown.waits_for("20.0 MiB of 40.0 MiB, ")
    assert re.match(r"\d+ s left", shown.waits_for("left") + "left")
    server.sends(WHOLE)
    shown.ends(0)
    log = user.dvm(f"log {user.last_job.id}").succeeds().out
    assert log.count(" MiB / 40.00 MiB [") == 1
    assert not (user.paths.jobs / user.last_job.id / "progress").exists()
    user.dvm("init other").succeeds()
    user.dvm("sync other").succeeds()  # from the cache: it is there at once
    log = user.dvm(f"log {user.last_job.id}").succeeds().out
    assert "Using cache `" in log
    assert "Downloading" not in log


def test_without_a_whole_no_share_of_it_is_shown(user: User) -> None:
    server = Server(user, is_known=False)
    user.dvm("init app").succeeds()
    server.sends(10 * MIB)
    syncing = user.starts("sync app")
    until(lambda: reason(user) == "Downloading the image (fedora.qcow2): 10.0 MiB")
    syncing.is_interrupted()
    syncing.ends()
    assert reason(user) == ""


def test_a_download_that_fails_says_why_and_leaves_no_progress(user: User) -> None:
    server = Server(user, fails_at=10 * MIB)
    user.dvm("init app").succeeds()
    server.sends(10 * MIB)
    failed = user.dvm("sync app").fails()
    failed.warns("The image cannot be downloaded", "unexpected EOF", "Check that the host can reach")
    assert not list(user.paths.jobs.glob("*/progress"))
    assert not user.vm("app").is_created
