"""The list of jobs: filters, pages, and what a hostile address gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dvmweb.jobs import job_record
from dvmweb.jobs.job_record import Failure, Job, StepRecord
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs import rows
from dvmweb.web.jobs.rows import EACH, Filter
from tests.web.conftest import Browser

NOW = 1_700_000_000.0
JOB = Job("ab" * 16, "app", "sync", state="succeeded", created=NOW, started=NOW, ended=NOW + 3)


def job(number: int, **changes: object) -> Job:
    return replace(JOB, id=f"{number:032x}", created=NOW + number, **changes)  # type: ignore[arg-type]


JOBS = (
    job(6, vm="two", verb="stop"),
    job(5, state="failed", failure=Failure("DvmError", "Recipe `node` failed.", "")),
    job(4, state="failed", outcome="refused", verb="delete", failure=Failure("UnsavedWork", "app was not deleted.")),
    job(3, state="cancelled", steps=(StepRecord("Recipe node"),)),
    job(2, vm="dvmtest-0badcafe", verb="test", options={"recipe": "node"}),
    job(1),
)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(), [6, 5, 4, 3, 2, 1]),
        (Filter(vm="two"), [6]),
        (Filter(vm="node"), [2]),
        (Filter(verb="stop"), [6]),
        (Filter(state="failed"), [5]),
        (Filter(state="refused"), [4]),
        (Filter(state="cancelled"), [3]),
        (Filter(state="open"), []),
        (Filter(text="NODE"), [5, 3, 2]),
        (Filter(vm="app", text="node", state="failed"), [5]),
        (Filter(text="0" * 31 + "1"), [1]),
    ],
)
def test_a_filter(wanted: Filter, numbers: list[int]) -> None:
    found = rows.job_list(JOBS, wanted, NOW + 100)
    assert [int(row.id, 16) for row in found.rows] == numbers
    assert found.number == len(numbers)
    assert found.whole == 6


def test_the_filters_offer_what_there_is() -> None:
    found = rows.job_list(JOBS, Filter(verb="base"), NOW)
    assert found.vms == ("app", "node", "two")
    assert list(found.verbs) == ["sync", "stop", "delete", "test", "base"], "also the one that is chosen"
    assert found.heading == "0 jobs of 6"


def test_pages_say_what_they_show_and_keep_the_filter() -> None:
    many = tuple(job(number) for number in range(130, 0, -1))
    first = rows.job_list(many, Filter(vm="app"), NOW)
    assert (len(first.rows), first.range) == (EACH, "Jobs 1 to 50 of 130, newest first")
    assert (first.newer, first.older) == ("", "?vm=app&page=2")
    last = rows.job_list(many, Filter(vm="app", page=9), NOW)
    assert (last.range, last.newer, last.older) == ("Jobs 101 to 130 of 130, newest first", "?vm=app&page=2", "")
    assert rows.job_list(JOBS, Filter(), NOW).range == ""


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 99, "\u0663", "1e3", ""])
def test_an_odd_page_is_a_page(page: str) -> None:
    assert rows.filter_of({"page": page, "state": "odd", "verb": "<b>"}) == Filter()


def test_the_page_filters_without_script(client: Browser, vms: Vms) -> None:
    for one in JOBS:
        job_record.folder(vms.paths, one.id).mkdir(parents=True)
        job_record.save(vms.paths, one)
    text = client.get("/jobs?state=failed&q=node").text
    assert "1 job of 6" in text
    assert 'value="failed" selected' in text
    assert text.count("<tr>") == 2
    none = client.get("/jobs?q=%3Cscript%3E").text
    assert "No job fits this filter" in none
    assert 'value="&lt;script&gt;"' in none
    assert client.get("/jobs?page=99999&vm=%00%ff").status_code == 200
