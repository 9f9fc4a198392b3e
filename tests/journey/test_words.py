"""What `dvm` says to a person: all errors of a sync at once with their places, and words that fit the terminal."""

from __future__ import annotations

import time
from pathlib import Path

from dvmweb.cli.follow import folded, live_table, plain_line, shown_state
from dvmweb.cli.tables import table_lines, wrapped
from dvmweb.jobs.job_record import Job, StepRecord
from tests.journey.cli.result import Result
from tests.journey.driver import User

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


def has_configs(user: User, **texts: str) -> Path:
    """Write configs of VMs, and with `config_yaml` and `lima_yaml` those of all; returns their folder."""
    folder = user.paths.config
    (folder / "vms").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        file = f"{name.removesuffix('_yaml')}.yaml" if name.endswith("_yaml") else f"vms/{name}.yaml"
        (folder / file).write_text(text)
    return folder


def places(result: Result, folder: Path) -> list[str]:
    """`file:line: field` of each error."""
    lines = [line for line in result.err.splitlines() if line.startswith(str(folder))]
    return [": ".join(line.removeprefix(f"{folder}/").split(": ")[:2]) for line in lines]


def test_c12_all_errors_of_a_sync_at_once_each_with_file_and_line(user: User) -> None:
    bundles = "bundles:\n  web: [node, gitt]\n  tmux: [git]\n"
    folder = has_configs(user, app=APP, other="ports: [3001]\n", config_yaml=bundles, lima_yaml="\nmounts: []\n")
    for line in ("sync app", "sync app --dry-run"):
        refused = user.dvm(line).exits("usage error")
        assert places(refused, folder) == [
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
        refused.warns("image: there is no such file on the host.")
        refused.warns("host port 3001 is also declared by the VM other")


def test_a_recipe_of_the_defaults_is_an_error_of_config_yaml(user: User) -> None:
    defaults = "cpus: 1\nrecipes: [git, nodee]\nparams:\n  git: {nope: 1}\n"
    folder = has_configs(user, app="cpus: 2\n", config_yaml=defaults)
    wrong = ["config.yaml:2: recipes.2", "config.yaml:4: params.git.nope"]
    assert places(user.dvm("sync app --dry-run"), folder) == wrong


def test_a_bad_bundle_is_one_error_not_two(user: User) -> None:
    folder = has_configs(user, app="recipes: [web]\n", config_yaml="bundles:\n  web: []\n")
    assert places(user.dvm("sync app --dry-run"), folder) == ["config.yaml:2: bundles.web"]


def test_an_image_file_may_go_once_the_instance_is_made(user: User) -> None:
    app = user.vm("app").has_config("image: /nope/x.qcow2\n")
    user.dvm("sync app --dry-run").exits("usage error")
    app.instance.mkdir(parents=True)
    user.dvm("sync app --dry-run").never_says("no such file on the host")
    app.instance.rmdir()


def test_init_names_the_option_and_no_file_that_is_not_there(user: User) -> None:
    for option, value in (("--repo", "bad"), ("--recipe", "nodee")):
        refused = user.dvm(f"init app {option} {value}").exits("usage error").never_says(".yaml")
        assert refused.err.splitlines()[-1].startswith(f"{option}: ")
        assert not user.vm("app").config.exists()


HEAD = ("NAME", "STATE", "UNSAVED WORK", "SIZE", "PORTS", "RECIPES")
ROWS = [("app", "reachable 3 s ago", "nothing unsaved 3 s ago", "2 cpu, 4 GiB, 20 GiB", "3000", "git node python tmux")]


def test_a_table_on_a_terminal_loses_its_least_columns_and_never_wraps() -> None:
    whole = table_lines(HEAD, ROWS, 0)
    assert whole[0].split("  ")[-1] == "RECIPES"
    assert table_lines(HEAD, ROWS, 200) == whole
    for width, last in ((80, "PORTS"), (70, "SIZE"), (50, "UNSAVED WORK")):
        lines = table_lines(HEAD, ROWS, width)
        assert lines[0].endswith(last)
        assert max(map(len, lines)) <= width
    assert table_lines(HEAD, ROWS, 30)[1] == "app   reachable 3 s ago  nothi…"[:29] + "…"


def test_ls_is_cut_on_a_terminal_and_whole_in_a_pipe(user: User) -> None:
    user.vm("app").has_config("recipes: [git, node, python, tmux, zsh]\nports: [3000, 3001, 3002]\n")
    user.dvm("ls").succeeds().prints("git node python tmux zsh")
    shown = user.at_terminal("ls", columns=60).ends("ok").out.splitlines()
    row = next(number for number, line in enumerate(shown) if line.startswith("app"))
    assert max(map(len, shown[row - 1 : row + 1])) <= 60


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
    assert shown(folded(many, 4)) == ["12 steps done, 3 skipped", "not-run", "running", "9 more steps"]
    assert shown(folded(many, 6))[2:] == ["running", "waiting", "waiting", "7 more steps"]
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
