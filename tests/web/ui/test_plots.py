"""Lines of plots: gaps stay gaps, values stay inside, and words never claim what is not known."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.records.load_samples import Sample
from dvmweb.web.ui import plots
from dvmweb.web.ui.plots import DAY, HEIGHT, HOUR, Steps, cpu_of_hour, cpu_scale, memory_scale, plot

NOW = 1_800_000_030.0


def every_16_s(begin: float, end: float, cpu: float = 0.5) -> list[Sample]:
    return [Sample(NOW - ago, cpu) for ago in range(int(begin), int(end), -16)]


def test_a_gap_is_a_gap_and_not_a_line_nor_zero() -> None:
    view = cpu_of_hour([*every_16_s(3500, 2400), *every_16_s(1200, 0)], NOW)
    assert view.line.count("M") == 2
    places = [int(x) for x in re.findall(r"[ML](\d+) ", view.line)]
    assert not [x for x in places if 21 <= x <= 38]
    assert f" {HEIGHT}" not in view.line.replace("V100", ""), "nothing is drawn as 0"


def test_no_sample_is_not_known() -> None:
    view = cpu_of_hour([], NOW)
    assert (view.line, view.area, view.now, view.most) == ("", "", "", "")
    assert view.label == "CPU, last hour: not known"


def test_a_vm_that_was_sampled_and_is_silent_has_no_value_now() -> None:
    view = cpu_of_hour(every_16_s(3000, 600, 0.8), NOW)
    assert view.now == ""
    assert view.label == "CPU, last hour: not known now, at most 80 %"


def test_the_label_says_what_is_seen() -> None:
    samples = [*every_16_s(600, 16, 0.8), Sample(NOW - 5, 0.12)]
    assert cpu_of_hour(samples, NOW).label == "CPU, last hour: 12 % now, at most 80 %"


def test_one_sample_alone_is_a_point() -> None:
    assert cpu_of_hour([Sample(NOW - 1000, 0.5)], NOW).line == "M42 50h0"


def test_the_line_stays_the_same_within_a_minute() -> None:
    samples = every_16_s(3600, 120)
    begin = NOW // 60 * 60
    assert cpu_of_hour(samples, begin).line == cpu_of_hour(samples, begin + 59).line


def test_a_day_shows_the_highest_of_each_step() -> None:
    samples = [Sample(NOW - 3600, 0.2, cpu_most=0.95), Sample(NOW - 3000, 0.3, cpu_most=0.4)]
    view = plot(samples, Steps.until(NOW, DAY), cpu_scale(), None)
    assert view.label == "CPU, last day: not known now, at most 95 %"


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (0.001, "<1 %"), (0.124, "12 %"), (1, "100 %")])
def test_a_small_share_is_not_nothing(share: float, text: str) -> None:
    assert plots.percent(share) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 B/s"), (1023, "1023 B/s"), (2048, "2.0 KiB/s"), (5 << 20, "5.0 MiB/s")]
)
def test_rates(amount: float, text: str) -> None:
    assert plots.rate(amount) == text


NUMBERS = st.none() | st.integers(0, 1 << 53)
SAMPLES = st.builds(
    Sample, st.floats(NOW - 2 * DAY, NOW + DAY), st.none() | st.floats(0, 1), NUMBERS, NUMBERS, NUMBERS, NUMBERS
)


@given(st.lists(SAMPLES, max_size=40), st.sampled_from([HOUR, DAY]), st.integers(0, 1 << 40))
def test_any_samples_make_a_path_inside_its_box(samples: list[Sample], span: int, most: int) -> None:
    steps = Steps.until(NOW, span)
    for scale in (cpu_scale(), memory_scale(most), *plots.network_scales(samples)):
        view = plot(samples, steps, scale, plots.latest(samples, NOW))
        assert re.fullmatch(r"(?:M\d+ \d+(?:h0|(?:L\d+ \d+)+))*", view.line)
        for x, y in re.findall(r"(\d+) (\d+)", view.line):
            assert 0 <= int(x) <= view.width
            assert 0 <= int(y) <= HEIGHT
