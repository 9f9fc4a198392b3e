"""The record of the turns of agents: bounded, and never broken by what is in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.paths import Paths
from dvmweb.records import agent_turns
from dvmweb.records.agent_turns import MOST_BYTES, Turn

NOW = 1_800_000_000.0


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path, tmp_path / "c", tmp_path / "s", tmp_path / "l", tmp_path, is_demo=False)
    paths.vm_state("app").mkdir(parents=True)
    return paths


def test_turns_are_kept_in_order(paths: Paths) -> None:
    for ago in (500, 300):
        agent_turns.add(paths, "app", Turn("claude", NOW - ago - 60, NOW - ago))
    found = agent_turns.read(paths, "app", NOW - 400, NOW)
    assert found == (Turn("claude", NOW - 360, NOW - 300),)
    assert found[0].seconds == 60


def test_a_turn_that_goes_on_is_added(paths: Paths) -> None:
    found = agent_turns.with_open(paths, "app", NOW, [("codex", 90.0), ("claude", 0.0)])
    assert found == (Turn("codex", NOW - 90, NOW),)


def test_the_file_is_bounded(paths: Paths) -> None:
    for number in range(4000):
        agent_turns.add(paths, "app", Turn("claude", NOW + number, NOW + number))
    assert (paths.vm_state("app") / agent_turns.FILE).stat().st_size <= MOST_BYTES + 60
    found = agent_turns.read(paths, "app", 0, NOW + 5000)
    assert found[-1].began == NOW + 3999
    assert len(found) > 500


def test_what_cannot_be_a_turn_is_left_out(paths: Paths) -> None:
    lines = (
        b"1799999000 1799999900 claude",
        b"1799999900 1799999000 claude",  # ends before it begins
        b"1799999000 1899999900 claude",  # ends in the future
        b"1 1799999900 claude",  # 57 years
        b"1799999000 1799999900 <b>",
        b"\xff\0",
        b"x" * 5000,
    )
    (paths.vm_state("app") / agent_turns.FILE).write_bytes(b"\n".join(lines))
    assert agent_turns.read(paths, "app", 0, NOW) == (Turn("claude", 1799999000, 1799999900),)


def test_no_folder_and_no_link(paths: Paths, tmp_path: Path) -> None:
    agent_turns.add(paths, "gone", Turn("claude", NOW, NOW))
    assert not paths.vm_state("gone").exists()
    (tmp_path / "other").write_text("precious")
    (paths.vm_state("app") / agent_turns.FILE).symlink_to(tmp_path / "other")
    agent_turns.add(paths, "app", Turn("claude", NOW, NOW))
    assert (tmp_path / "other").read_text() == "precious"
