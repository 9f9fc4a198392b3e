"""What `dvm` says to a person: all errors of a sync at once with their places, and words that fit the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from dvmweb.cli.follow import folded, live_table, plain_line, shown_state
from dvmweb.cli.show import table_lines, wrapped
from dvmweb.jobs.journal import Job, StepRecord
from tests.journey.conftest import House, Said

APP = """\
cpus: -1
image: /nope/x.qcow2
recipes:
  - git
  - nodee
  - Bad_
  - web
ports: [3000, 3001]
params:
  git: {user_nam: a, Bad: 1}
  noode: {x: 1}
"""


def put(house: House, **texts: str) -> Path:
    """Write config files; the folder of configs."""
    folder = house.paths.config
    (folder / "vms").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "vms" / f"{name}.yaml").write_text(text)
    return folder


def places(said: Said, folder: Path) -> list[str]:
    """`file:line: field` of each error."""
    lines = [line for line in said.err.splitlines() if line.startswith(str(folder))]
    return [": ".join(line.removeprefix(f"{folder}/").split(": ")[:2]) for line in lines]


@pytest.mark.parametrize("words", [("sync", "app"), ("sync", "app", "--dry-run")])
def test_c12_all_errors_of_a_sync_at_once_each_with_file_and_line(house: House, words: tuple[str, ...]) -> None:
    folder = put(house, app=APP, other="ports: [3001]\n")
    (folder / "config.yaml").write_text("bundles:\n  web: [node, gitt]\n  tmux: [git]\n")
    (folder / "lima.yaml").write_text("\nmounts: []\n")
    said = house.dvm(*words)
    assert said.code == 2
    assert places(said, folder) == [
        "vms/app.yaml:1: cpus",
        "vms/app.yaml:2: image",
        "vms/app.yaml:5: recipes.2",
        "vms/app.yaml:6: recipes.3",
        "vms/app.yaml:8: ports.2",
        "vms/app.yaml:10: params.git.Bad",
        "vms/app.yaml:10: params.git.user_nam",
        "vms/app.yaml:11: params.noode",
        "config.yaml:2: bundles.web.2",
        "config.yaml:3: bundles.tmux",
        "lima.yaml:2: mounts",
    ]
    assert "image: there is no such file on this computer." in said.err
    assert "host port 3001 is declared by the VM other, too" in said.err


def test_a_recipe_of_the_defaults_is_an_error_of_config_yaml(house: House) -> None:
    folder = put(house, app="cpus: 2\n")
    (folder / "config.yaml").write_text("cpus: 1\nrecipes: [git, nodee]\nparams:\n  git: {nope: 1}\n")
    assert places(house.dvm("sync", "app", "--dry-run"), folder) == [
        "config.yaml:2: recipes.2",
        "config.yaml:4: params.git.nope",
    ]


def test_a_bad_bundle_is_one_error_not_two(house: House) -> None:
    folder = put(house, app="recipes: [web]\n")
    (folder / "config.yaml").write_text("bundles:\n  web: []\n")
    assert places(house.dvm("sync", "app", "--dry-run"), folder) == ["config.yaml:2: bundles.web"]


def test_an_image_file_may_go_once_the_instance_is_made(house: House) -> None:
    put(house, app="image: /nope/x.qcow2\n")
    assert house.dvm("sync", "app", "--dry-run").code == 2
    (house.paths.lima_home / "dvm-app").mkdir(parents=True)
    assert "no such file" not in house.dvm("sync", "app", "--dry-run").err
    (house.paths.lima_home / "dvm-app").rmdir()


@pytest.mark.parametrize(("option", "value"), [("--repo", "bad"), ("--recipe", "nodee")])
def test_init_names_the_option_and_no_file_that_is_not_there(house: House, option: str, value: str) -> None:
    said = house.dvm("init", "app", option, value)
    assert said.code == 2
    assert said.err.splitlines()[-1].startswith(f"{option}: ")
    assert ".yaml" not in said.err
    assert not house.paths.vm_config("app").exists()


HEAD = ("NAME", "STATE", "WORK AT RISK", "SIZE", "PORTS", "RECIPES")
ROWS = [("app", "reachable 3 s ago", "nothing at risk 3 s ago", "2 cpu 4GiB 20GiB", "3000", "git node python tmux")]


def test_a_table_on_a_terminal_loses_its_least_columns_and_never_wraps() -> None:
    whole = table_lines(HEAD, ROWS, 0)
    assert whole[0].split("  ")[-1] == "RECIPES"
    assert table_lines(HEAD, ROWS, 200) == whole
    for width, last in ((80, "PORTS"), (70, "SIZE"), (50, "WORK AT RISK")):
        lines = table_lines(HEAD, ROWS, width)
        assert lines[0].endswith(last)
        assert max(map(len, lines)) <= width
    assert table_lines(HEAD, ROWS, 30)[1] == "app   reachable 3 s ago  nothi…"[:29] + "…"


def test_ls_is_cut_on_a_terminal_and_whole_in_a_pipe(house: House) -> None:
    put(house, app="recipes: [git, node, python, tmux, zsh]\nports: [3000, 3001, 3002]\n")
    assert "git node python tmux zsh" in house.ok("ls")
    ours, theirs = pty.openpty()
    env = {**house.environ, "COLUMNS": "60"}
    subprocess.run(house.argv("ls"), stdout=theirs, stderr=subprocess.DEVNULL, env=env, check=True, timeout=60)
    os.close(theirs)
    said = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    assert said[1].startswith("app")
    assert max(map(len, said)) <= 60


def test_long_lines_are_broken_at_spaces_below_their_own_margin() -> None:
    lines = ["short", "  a line of words that goes on /a/very/long/path/that/stays/whole"]
    assert wrapped(lines, 0) == lines
    assert wrapped(lines, 22) == [
        "short",
        "  a line of words that",
        "    goes on",
        "    /a/very/long/path/that/stays/whole",
    ]


def steps(*states: str) -> tuple[StepRecord, ...]:
    return tuple(StepRecord(f"step {number}", ("x",), state) for number, state in enumerate(states))


def shown(found: list[StepRecord | str]) -> list[str]:
    return [step if isinstance(step, str) else step.state for step in found]


def test_the_running_step_is_always_on_the_screen() -> None:
    many = steps(*["done"] * 12, *["skipped"] * 3, "not-run", "running", *["waiting"] * 9)
    assert shown(folded(many, 4)) == ["12 steps done, 3 skipped", "not-run", "running", "9 more to come"]
    assert shown(folded(many, 6))[2:] == ["running", "waiting", "waiting", "7 more to come"]
    assert folded(many, 0) == folded(many, 26) == list(many)
    for room in range(4, 26):
        found = shown(folded(many, room))
        assert len(found) <= room
        assert "running" in found


def test_the_live_table_has_one_line_for_each_step() -> None:
    from rich.console import Console

    console = Console(width=40, height=10, color_system=None)
    job = Job("a" * 32, "app", "sync", state="running", steps=steps(*["done"] * 20, "running"))
    with console.capture() as capture:
        console.print(live_table(job, 9))
    lines = capture.get().splitlines()
    assert len(lines) == 9
    assert "13 steps done" in lines[0]
    assert "step 20" in lines[-1]


def test_a_cancelled_step_does_not_look_like_a_failed_one() -> None:
    (step,) = steps("failed")
    now = time.time()
    cancelled = Job("a" * 32, "app", "sync", state="cancelled", created=now, steps=(step,))
    failed = Job("a" * 32, "app", "sync", state="failed", created=now, steps=(step,))
    assert plain_line(step, shown_state(cancelled, step)) == "cancelled step 0"
    assert plain_line(step, shown_state(failed, step)) == "failed   step 0"
