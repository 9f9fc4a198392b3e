"""The samples of a VM's load: rates, gaps, bounds, and files that are not as dvm wrote them."""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.paths import Paths
from dvmweb.records import load_samples
from dvmweb.records.load_samples import FAR, LONG_STEP, SIZE, STEP, Reading, Sample

NOW = 1_800_000_000.0
GIB = 1 << 30


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path, tmp_path / "c", tmp_path / "s", tmp_path / "l", tmp_path, is_demo=False)
    paths.vm_state("app").mkdir(parents=True)
    return paths


def feed(paths: Paths, begin: float, seconds: float, *, share: float = 0.25, boot: int = 7) -> float:
    """Samples every 16 s, as the dashboard takes them, of a VM of 4 processors; returns the time of the last."""
    at = begin
    while at <= begin + seconds:
        ticks = int(at * 400)
        load_samples.add(
            paths,
            "app",
            Reading(at, boot, int(share * ticks), ticks, GIB, 2 * GIB, int(at * 1000), int(at * 10)),
        )
        at += 16
    return at - 16


def test_rates_are_made_of_two_readings_of_one_boot(paths: Paths) -> None:
    last = feed(paths, NOW, 64)
    first, *others = load_samples.read(paths, "app", last).hour
    assert (first.cpu, first.received, first.memory) == (None, None, GIB), "nothing to compare with"
    assert [one.cpu for one in others] == pytest.approx([0.25] * 4, abs=1e-3)
    assert {(one.received, one.sent, one.disk) for one in others} == {(1000, 10, 2 * GIB)}


def test_after_another_boot_or_a_gap_rates_are_not_known(paths: Paths) -> None:
    last = feed(paths, NOW, 64)
    feed(paths, last + 20, 0, boot=8)
    feed(paths, last + 20 + FAR + 1, 0, boot=8)
    *_, rebooted, late = load_samples.read(paths, "app", last + 100).hour
    assert (rebooted.cpu, rebooted.received) == (None, None)
    assert (late.cpu, late.received, late.memory) == (None, None, GIB)


def test_a_gap_stays_a_gap(paths: Paths) -> None:
    feed(paths, NOW, 300)
    last = feed(paths, NOW + 1500, 300)
    times = [one.at for one in load_samples.read(paths, "app", last).hour]
    assert times == sorted(times)
    assert max(after - before for before, after in pairwise(times)) > 1100


def test_the_file_never_grows_and_forgets_what_is_older(paths: Paths) -> None:
    last = feed(paths, NOW, 27 * 3600)
    assert load_samples.path(paths, "app").stat().st_size == SIZE < 25_000
    history = load_samples.read(paths, "app", last)
    assert {last - one.at < 3600 for one in history.hour} == {True}
    assert len(history.hour) > 200
    assert len(history.day) == 86_400 // LONG_STEP
    assert all(one.cpu == pytest.approx(0.25, abs=1e-3) for one in history.day)


def test_a_long_step_has_the_average_and_the_highest(paths: Paths) -> None:
    begin = NOW // LONG_STEP * LONG_STEP
    for number, busy in enumerate((0, 0, 1600, 1600, 9600)):  # shares: none, 0, 25 %, 0, all
        load_samples.add(paths, "app", Reading(begin + 16 * number, 7, busy, 6400 * number, GIB))
    (one,) = load_samples.read(paths, "app", begin + 70).day
    assert one.cpu == pytest.approx((0 + 0.25 + 0 + 1) / 4, abs=1e-3)
    assert one.cpu_most == 1.0
    assert one.memory == GIB


def test_a_clock_that_was_set_back_shows_no_sample_of_the_future(paths: Paths) -> None:
    feed(paths, NOW + 3000, 100)
    last = feed(paths, NOW, 100)
    assert all(one.at <= last + STEP for one in load_samples.read(paths, "app", last).hour)


def test_numbers_that_cannot_be_are_not_known(paths: Paths) -> None:
    for at, number in ((NOW, 0), (NOW + 16, 1 << 70)):
        load_samples.add(paths, "app", Reading(at, 7, number, number, number, -1, number, number))
    assert load_samples.read(paths, "app", NOW + 20).hour[-1] == Sample(NOW + 16)


def test_a_broken_file_has_no_samples_and_is_written_anew(paths: Paths) -> None:
    file = load_samples.path(paths, "app")
    for broken in (b"", b"x" * 40, b"\xff" * SIZE, b"y" * 10 * SIZE, load_samples.MAGIC + b"\xff" * 50):
        file.write_bytes(broken)
        assert load_samples.read(paths, "app", NOW).hour == ()
        feed(paths, NOW, 0)
        assert len(load_samples.read(paths, "app", NOW).hour) == 1
        assert file.stat().st_size == SIZE


def test_a_link_is_neither_read_nor_written(paths: Paths, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    load_samples.path(paths, "app").symlink_to(other)
    feed(paths, NOW, 32)
    assert other.read_bytes() == b"precious"
    assert load_samples.read(paths, "app", NOW).hour == ()


def test_a_pipe_blocks_nothing(paths: Paths) -> None:
    os.mkfifo(load_samples.path(paths, "app"))
    feed(paths, NOW, 16)
    assert load_samples.read(paths, "app", NOW).hour == ()


def test_a_vm_that_is_deleted_gets_no_folder_again(paths: Paths) -> None:
    load_samples.add(paths, "gone", Reading(NOW, 7, 1, 2, 3))
    assert not paths.vm_state("gone").exists()


@given(st.binary(max_size=200), st.integers(0, SIZE - 1))
def test_hostile_bytes_never_break_a_page(tmp_path_factory: pytest.TempPathFactory, put: bytes, at: int) -> None:
    folder = tmp_path_factory.mktemp("load", numbered=True)
    paths = Paths(folder, folder, folder / "s", folder, folder, is_demo=False)
    paths.vm_state("app").mkdir(parents=True)
    feed(paths, NOW, 32)
    file = load_samples.path(paths, "app")
    data = file.read_bytes()
    file.write_bytes((data[:at] + put + data[at + len(put) :])[:SIZE])
    for one in (history := load_samples.read(paths, "app", NOW + 40)).hour + history.day:
        assert NOW - 86_400 < one.at <= NOW + 60
        assert one.cpu is None or 0 <= one.cpu <= 1
        assert one.memory is None or 0 <= one.memory <= load_samples.MOST
    feed(paths, NOW + 48, 16)


def test_a_head_with_no_number_in_it_is_no_reading(paths: Paths) -> None:
    feed(paths, NOW, 0)
    file = load_samples.path(paths, "app")
    for odd in (float("nan"), float("inf"), -1.0):
        data = bytearray(file.read_bytes())
        data[16:24] = struct.pack("<d", odd)
        file.write_bytes(data)
        feed(paths, NOW + 16, 0)
        assert load_samples.read(paths, "app", NOW + 20).hour[-1].cpu is None
