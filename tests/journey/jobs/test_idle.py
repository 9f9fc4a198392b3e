"""A VM that nobody uses is stopped after the hours of its config: announced, and never while something works in it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from dvmweb.records import idle_times
from dvmweb.records.idle_times import IdleTime
from dvmweb.verbs import attention
from dvmweb.verbs.attention import Facts, Item
from dvmweb.verbs.idle import IdleWatch, keep_running, seconds_left
from dvmweb.verbs.idle.deciding import AGAIN, HOUR, LONGEST, NOTICE, Seen, counted, delayed, is_due
from dvmweb.verbs.vms import Vms
from tests.journey.driver import User, Vm

FREE = Seen("mark", "")


def after(record: IdleTime, seconds: float, *, each: float = 60.0, seen: Seen = FREE, hours: int = 1) -> IdleTime:
    """The record after rounds of `each` seconds."""
    now = record.at or 1000.0
    for _ in range(int(seconds / each)):
        now += each
        record = counted(record, seen, hours, now)
    return record


def test_only_time_without_use_counts_and_the_stop_is_announced_for_a_while() -> None:
    record = after(IdleTime(), HOUR - NOTICE)
    assert not record.warned_at
    record = after(record, 180)
    assert record.warned_at
    assert not is_due(record, 1)
    assert seconds_left(record, 1, record.at) == pytest.approx(HOUR - record.seconds)
    record = after(record, NOTICE)
    assert is_due(record, 1)
    assert not is_due(record, 0)
    for seen in (Seen("another", ""), Seen("mark", "a terminal is open")):
        assert counted(record, seen, 1, record.at + 60).seconds == 0
        assert not counted(record, seen, 1, record.at + 60).warned_at


def test_the_sleep_of_a_laptop_is_not_counted() -> None:
    record = after(IdleTime(), 600)
    asleep = counted(record, FREE, 1, record.at + 8 * HOUR)
    assert asleep.seconds == record.seconds
    assert counted(record, FREE, 1, record.at + LONGEST).seconds == record.seconds + LONGEST
    assert counted(record, FREE, 1, record.at - 5000).seconds == record.seconds, "a clock that was set back"
    assert seconds_left(replace(record, warned_at=5), 1, record.at + 8 * HOUR) is None


def test_a_stop_is_announced_for_its_whole_time_also_with_fewer_hours_and_after_a_sleep() -> None:
    record = after(IdleTime(), 5 * HOUR, hours=8)
    fewer = counted(record, FREE, 1, record.at + 60)
    assert fewer.warned_at
    assert not is_due(fewer, 1), "nobody was told"
    assert seconds_left(fewer, 1, fewer.at) == NOTICE
    assert is_due(after(fewer, NOTICE), 1)
    announced = after(IdleTime(), HOUR - 60)
    awake = counted(announced, FREE, 1, announced.at + 60 * HOUR)
    assert seconds_left(awake, 1, awake.at) == NOTICE, "it was announced before the weekend"
    assert not is_due(after(awake, 120), 1)
    assert is_due(after(awake, NOTICE), 1)


def test_a_stop_that_could_not_be_made_is_tried_again_later() -> None:
    due = after(IdleTime(), HOUR + 120)
    assert is_due(due, 1)
    late = delayed(due, 1, "The guest did not answer.")
    assert not is_due(late, 1)
    assert is_due(after(late, AGAIN + 60), 1)


def test_a_record_that_cannot_be_read_counts_from_the_beginning(user: User) -> None:
    folder = user.paths.vm_state("app")
    folder.mkdir(parents=True)
    for text in ("", "[]", "{}", '{"seconds": "x"}', '{"seconds": NaN}', "[" * 5000):
        (folder / "idle.json").write_text(text)
        assert idle_times.read(user.paths, "app") == IdleTime()


def watched(user: User) -> tuple[Vms, IdleWatch]:
    vms = Vms(user.paths, user.home.environ)
    return vms, IdleWatch(vms)


def make_due(user: User, watch: IdleWatch) -> None:
    """Count the hour, as rounds of a running dashboard do."""
    watch.round(time.time())
    record = idle_times.read(user.paths, "app")
    assert not record.busy, record
    idle_times.write(user.paths, "app", replace(record, seconds=HOUR, warned_at=time.time() - NOTICE))


def end(watch: IdleWatch) -> None:
    for thread in watch.round(time.time()):
        thread.join()


def items(vms: Vms) -> list[Item]:
    return [one for one in attention.items(Facts(vms.list_vms(), time.time())) if one.key.startswith("idle ")]


def test_a_vm_that_nobody_uses_is_announced_and_stopped_and_starts_by_one_click(user: User, app: Vm) -> None:
    vms, watch = watched(user)
    assert watch.round(time.time()) == ()
    assert idle_times.read(user.paths, "app") == IdleTime(), "off by default"
    user.dvm("config set app idle_stop 1").succeeds()
    make_due(user, watch)
    (item,) = items(vms)
    assert "Stops in about" in item.title
    assert [todo.act for todo in item.todos] == ["keep", "edit"]
    keep_running(vms, "app")
    end(watch)
    app.shows(status="Running")
    assert not items(vms)

    make_due(user, watch)
    end(watch)
    assert user.waits_until_job("succeeded").facts["verb"] == "stop"
    app.shows(status="Stopped")
    (item,) = items(vms)
    assert item.title == "Stopped: not used for 1 h"
    assert item.todos[0].act == "boot"
    user.dvm("start app").succeeds()
    watch.round(time.time())
    assert not items(vms)


def test_a_program_in_the_guest_keeps_the_vm_running_without_any_terminal(user: User, app: Vm) -> None:
    user.dvm("config set app idle_stop 1").succeeds()
    _, watch = watched(user)
    app.runs("setsid -f sleep 600 >/dev/null 2>&1")
    make_due(user, watch)
    end(watch)
    app.shows(status="Running")
    assert idle_times.read(user.paths, "app").busy == "sleep runs in it"


def test_a_guest_that_does_not_answer_is_not_stopped(user: User, app: Vm) -> None:
    user.dvm("config set app idle_stop 1").succeeds()
    vms, watch = watched(user)
    make_due(user, watch)
    user.guests_are_silent()
    end(watch)
    app.shows(status="Running")
    record = idle_times.read(user.paths, "app")
    assert record.problem
    assert not is_due(record, 1)
    (item,) = items(vms)
    assert item.title == "Not used, and not stopped"
    assert item.detail
