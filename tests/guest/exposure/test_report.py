"""The answer of an exposure test: hostile and incomplete ones are refused, and what is stored is read back."""

from __future__ import annotations

import pytest

from dvmweb.errors import CheckFailed
from dvmweb.guest.exposure import KINDS, from_json, parse_report, to_json
from tests.guest.conftest import NONCE


def answer(*results: tuple[str, ...], tag: str = "result") -> bytes:
    fields = ["dvm-answer", "exposure", "1", NONCE]
    for one in results:
        fields += [tag, str(len(one)), *one]
    return "\0".join([*fields, "end", "1", NONCE, ""]).encode()


def of(who: str, result: str = "none") -> list[tuple[str, ...]]:
    return [(who, kind, result, "text") for kind in KINDS if who == "agent" or kind != "own"]


def test_a_report_keeps_each_finding_and_is_read_back() -> None:
    report = parse_report(
        answer(*of("user"), *of("agent"), ("user", "vms", "open", "web: port 22")), NONCE, 5.0, has_agents=True
    )
    assert report.result("user", "vms") == "open"
    assert report.result("user", "mounts") == "none"
    assert report.has_agents
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize(
    ("results", "word"),
    [(("open", "unknown"), "open"), (("none", "unknown"), "unknown"), (("none", "closed"), "closed")],
)
def test_the_worst_finding_counts(results: tuple[str, str], word: str) -> None:
    more = [("user", "vms", result, "x") for result in results]
    without = [one for one in of("user") if one[1] != "vms"]
    assert parse_report(answer(*without, *more), NONCE, 5.0, has_agents=False).result("user", "vms") == word


def test_a_kind_that_is_left_out_is_no_green_light() -> None:
    with pytest.raises(CheckFailed):
        parse_report(answer(*of("user")[1:]), NONCE, 5.0, has_agents=False)
    with pytest.raises(CheckFailed):
        parse_report(answer(*of("user")), NONCE, 5.0, has_agents=True)


@pytest.mark.parametrize(
    "bad",
    [
        ("user", "vms", "fine", "x"),
        ("user", "other", "none", "x"),
        ("root", "vms", "none", "x"),
        ("user", "vms", "none"),
        ("user", "vms", "none", "x" * 401),
    ],
)
def test_odd_results_are_refused(bad: tuple[str, ...]) -> None:
    with pytest.raises(CheckFailed):
        parse_report(answer(*of("user"), bad), NONCE, 5.0, has_agents=False)


def test_texts_of_the_guest_are_escaped_and_a_problem_is_named() -> None:
    report = parse_report(
        answer(*of("user"), ("user", "vms", "open", "\x1b[31m\u202eweb")), NONCE, 5.0, has_agents=False
    )
    assert "\x1b" not in report.of("user", "vms")[1].text
    assert "\u202e" not in report.of("user", "vms")[1].text
    with pytest.raises(CheckFailed, match="python3 is not installed"):
        parse_report(answer(("python3 is not installed",), tag="problem"), NONCE, 5.0, has_agents=False)
    flood = answer(*of("user"), *[("user", "vms", "open", "x")] * 500)
    with pytest.raises(CheckFailed):
        parse_report(flood, NONCE, 5.0, has_agents=False)
