"""The log of a job in the browser: folds by step, search, wrap, follow, a copy; and the notice when a long job ends."""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from dvmweb.jobs import job_record
from dvmweb.jobs.job_log import JobLog
from dvmweb.jobs.job_record import Failure, Job, Process, StepRecord
from tests.browser.driver.user import User

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]

LONG = "w" * 400


def a_job(user: User, *outputs: tuple[str, str, bytes], **changes: object) -> Job:
    """A job on disk, with a step of each (title, state, output)."""
    now = time.time()
    job = Job(secrets.token_hex(16), "app", "sync", state="failed", created=now - 100, started=now - 100, ended=now)
    folder = job_record.folder(user.home.paths, job.id)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "log").touch(mode=0o600)
    (folder / "log.ours").touch(mode=0o600)
    log, steps = JobLog(folder / "log"), []
    for title, state, output in outputs:
        at = log.size
        log.begin(f"$ limactl shell {title}")
        log.add_output(output)
        step = StepRecord(title, ("limactl",), state, started=now - 9, ended=now - 1, log_from=at, log_to=log.size)
        steps.append(step)
    facts = {"steps": tuple(steps), "failure": Failure("DvmError", "Recipe `two` failed."), **changes}
    job = replace(job, **facts)  # type: ignore[arg-type]
    job_record.save(user.home.paths, job)
    return job


def opened(user: User, job: Job) -> Page:
    user.window.open(f"/jobs/{job.id}")
    expect(user.window.page.locator("[data-log-note]")).to_have_text("6 lines")
    return user.window.page


@pytest.fixture
def job(user: User) -> Job:
    first, second = b"needle one\n\x1b[31mred needle\x1b[0m\n", f"{LONG}\nNeedle end\n".encode()
    return a_job(user, ("Recipe one", "done", first), ("Recipe two", "failed", second))


def test_the_steps_that_are_done_are_folded_and_the_failed_one_is_open(user: User, job: Job) -> None:
    page = opened(user, job)
    log = page.get_by_role("region", name="Log")
    one = page.get_by_role("button", name="Recipe one")
    expect(one).to_have_attribute("aria-expanded", "false")
    expect(log).to_contain_text("Needle end")
    expect(log).not_to_contain_text("needle one")
    one.press("Enter")
    expect(log).to_contain_text("needle one")
    expect(one).to_be_focused()
    expect(page.locator(".log .line.host:not(.step)")).to_have_count(2)  # the lines that dvm wrote stay marked
    page.get_by_role("button", name="Fold all").click()
    expect(log).not_to_contain_text("Needle end")


def test_the_search_counts_goes_on_and_back_and_unfolds(user: User, job: Job) -> None:
    page = opened(user, job)
    page.locator("body").press("/")
    field, found = page.get_by_label("Search this log"), page.locator("[data-log-found]")
    expect(field).to_be_focused()
    field.fill("needle")
    expect(found).to_have_text("3 of 3")
    field.press("Enter")
    expect(found).to_have_text("1 of 3")
    expect(page.locator("mark.now")).to_have_text("needle")
    expect(page.get_by_role("button", name="Recipe one")).to_have_attribute("aria-expanded", "true")
    field.press("Shift+Enter")
    expect(found).to_have_text("3 of 3")
    page.get_by_role("button", name="Next match").click()
    expect(found).to_have_text("1 of 3")
    field.fill("nowhere")
    expect(found).to_have_text("No matches")


def test_lines_wrap_and_the_choice_is_remembered(user: User, job: Job) -> None:
    page = opened(user, job)
    long = page.locator(".log .line", has_text=LONG)
    assert long.evaluate("e => e.offsetHeight") > 20
    wrap = page.get_by_role("button", name="Wrap")
    with page.expect_response("**/preferences"):
        wrap.click()
    assert long.evaluate("e => e.offsetHeight") == 20
    page.reload()
    expect(wrap).to_have_attribute("aria-pressed", "false")
    with page.expect_response("**/preferences"):
        wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")


def test_a_copy_is_plain_text_without_wraps_colours_and_counts(user: User, job: Job) -> None:
    page = opened(user, job)
    page.get_by_role("button", name="Unfold all").click()
    expect(page.get_by_role("region", name="Log")).to_contain_text("red needle")
    text = page.evaluate(
        """() => {
          const lines = [...document.querySelectorAll(".log .line")];
          document.getSelection().setBaseAndExtent(lines[2].firstChild, 0, lines.at(-1).firstChild, 6);
          const clip = new DataTransfer();
          lines[2].dispatchEvent(new ClipboardEvent("copy", { clipboardData: clip, bubbles: true, cancelable: true }));
          return clip.getData("text/plain");
        }"""
    )
    assert text == f"needle one\nred needle\nRecipe two\n$ limactl shell Recipe two\n{LONG}\nNeedle"


def test_follow_ends_where_the_user_scrolls_up_and_begins_with_a_click(user: User) -> None:
    output = b"".join(b"line %d\n" % number for number in range(3000))
    job = a_job(user, ("Recipe two", "failed", output))
    user.window.open(f"/jobs/{job.id}")
    page = user.window.page
    follow, box = page.get_by_role("button", name="Follow"), page.locator("[data-log-lines]")
    expect(box).to_contain_text("line 2999")
    expect(follow).to_have_attribute("aria-pressed", "true")
    box.evaluate("e => { e.scrollTop = e.scrollHeight / 2; }")
    expect(follow).to_have_attribute("aria-pressed", "false")
    expect(box).to_contain_text("line 1500")
    expect(box).not_to_contain_text("line 2999")
    follow.click()
    expect(box).to_contain_text("line 2999")


def test_a_long_job_that_ends_is_shown_once_in_all_tabs_and_not_where_it_was_watched(user: User) -> None:
    running = {"state": "running", "ended": 0.0, "failure": None, "process": Process.of(os.getpid())}
    job, watched = (a_job(user, ("Recipe two", "running", b""), **running) for _ in range(2))
    page = user.window.page
    page.reload()
    expect(page.locator("[data-jobs-running]")).to_have_text("2")
    other = user.another_window(f"/jobs/{watched.id}").window.page
    expect(other.locator("[data-jobs-running]")).to_have_text("2")
    now = time.time()
    for one in (watched, job):
        job_record.save(user.home.paths, replace(one, state="succeeded", ended=now, process=None, failure=None))
    for where in (page, other):
        expect(where.locator("[data-jobs-running]")).to_be_hidden()
        where.evaluate("navigator.locks.request('dvm.jobs', () => 0)")  # after those who decide
    notices = [where.locator("[data-notices-of-jobs] .callout") for where in (page, other)]
    assert [text for place in notices for text in place.locator("a").all_inner_texts()] == ["Sync app: done"]
    where = next(where for where in (page, other) if where.locator("[data-ended]").count())
    expect(where).to_have_title(re.compile("^Sync app: done · "))
    where.get_by_role("button", name="Close: Sync app: done").click()
    expect(where).not_to_have_title(re.compile("^Sync app: done · "))
    for where in (page, other):
        where.reload()
        expect(where.locator("[data-needs]")).to_have_count(1)
    assert [place.count() for place in notices] == [0, 0]
