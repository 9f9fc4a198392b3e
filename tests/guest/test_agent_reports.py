"""How agents tell their terminals how they stand: the hooks of recipes and terminals, run by a real sh."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvmweb.terminals.agents import AGENTS
from tests.guest.conftest import Guest, make_program
from tests.recipes.test_agents import applied
from tests.recipes.test_library import PARAMS

CODEX = {
    "UserPromptSubmit": "works",
    "PreToolUse": "works",
    "PostToolUse": "works",
    "PermissionRequest": "waits",
    "Interrupt": "waits",
    "Stop": "waits",
}
VIBE_ALONE = [
    ("pre_tool", "works", None),
    ("pre_tool", "waits", "re:ask_user_question|exit_plan_mode"),
    ("post_tool", "works", None),
    ("post_agent", "waits", None),
]
NOTIFY = tomllib.loads(AGENTS["codex"].argv[2])["notify"]
CLAUDE = json.loads(AGENTS["claude"].argv[2])["hooks"]


def given_by_the_terminal() -> dict[str, str]:
    """Word -> the command that tells it, which every hook of a command line runs."""
    claude = {hook["command"] for group in CLAUDE.values() for one in group for hook in one["hooks"]}
    commands = {word: [one for one in claude if f"echo {word} " in one] for word in ("works", "waits")}
    assert sorted(claude) == sorted(command for found in commands.values() for command in found)
    assert ["sh", "-c", *commands["waits"]] == NOTIFY
    return {word: found for word, (found,) in commands.items()}


TELLS = given_by_the_terminal()
OF_A_RECIPE = {word: f"cat >/dev/null; {command}" for word, command in TELLS.items()}
COMMANDS = (*TELLS.values(), *OF_A_RECIPE.values())
every = pytest.mark.parametrize("command", COMMANDS)


def codex_config(guest: Guest) -> Path:
    return guest.root / "etc/codex/config.toml"


def vibe_home(guest: Guest) -> Path:
    return guest.root / "usr/local/lib/dvm/mistral"


def test_codex_has_hooks_of_the_system_and_no_shared_server(distribution: Guest) -> None:
    guest = applied(distribution, "codex")
    given = tomllib.loads(codex_config(guest).read_text())
    assert given["features"] == {"daemon_auto_start": False}
    assert set(given["hooks"]) == set(CODEX)
    for event, ((group,), word) in {event: (given["hooks"][event], CODEX[event]) for event in CODEX}.items():
        assert group["hooks"] == [{"type": "command", "timeout": 3, "command": OF_A_RECIPE[word]}], event


def test_a_config_of_codex_that_is_not_ours_is_kept(distribution: Guest) -> None:
    file = codex_config(distribution)
    file.parent.mkdir(parents=True)
    file.write_text('model = "own"\n')
    assert distribution.apply("agent-user", PARAMS["agent-user"]).returncode == 0
    done = distribution.apply("codex", PARAMS["codex"])
    assert (done.returncode, file.read_text()) == (0, 'model = "own"\n')
    assert b"was not written by dvm and was not changed" in done.stdout
    file.write_text("# Written by dvm's recipe codex: an older one\n")
    assert distribution.apply("codex", PARAMS["codex"]).returncode == 0
    assert "[hooks.Stop]" in file.read_text()


@pytest.mark.parametrize(("ask", "hooks"), [("0", VIBE_ALONE), ("1", VIBE_ALONE[-1:])])
def test_vibe_has_hooks(distribution: Guest, ask: str, hooks: list[tuple[str, str, str | None]]) -> None:
    """One that asks runs a tool's hook before its question, so its tools do not tell."""
    guest = applied(distribution, "mistral", DVM_MISTRAL_ASK=ask)
    given = tomllib.loads((vibe_home(guest) / "hooks.toml").read_text())["hooks"]
    names = [hook.pop("name") for hook in given]
    assert len(set(names)) == len(names)
    expected = [
        {"type": kind, "timeout": 3, "command": OF_A_RECIPE[word]} | ({"match": match} if match else {})
        for kind, word, match in hooks
    ]
    assert given == expected


def test_an_older_vibe_is_started_without_hooks(distribution: Guest) -> None:
    guest = applied(distribution, "mistral", DVM_MISTRAL_VERSION="2.20.0")
    assert not (vibe_home(guest) / "hooks.toml").exists()
    assert f"program={vibe_home(guest)}/bin/vibe" in (guest.root / "usr/local/bin/vibe").read_text().splitlines()


@pytest.mark.parametrize("distribution", ["debian"], indirect=True)
def test_vibe_gets_the_hooks_only_where_it_has_none(distribution: Guest, tmp_path: Path) -> None:
    guest = applied(distribution, "mistral")
    ours = vibe_home(guest) / "hooks.toml"
    make_program(vibe_home(guest) / "bin/vibe", 'printf "%s\\n" "$@"')

    def start(home: Path | str) -> None:
        done = subprocess.run(
            (str(vibe_home(guest) / "start"), "a b", "--x"),
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("a b\n--x\n", "")

    new, own, gone = (tmp_path / name for name in ("new", "own", "gone"))
    new.mkdir()
    for _ in range(2):
        start(new)
        assert (new / ".vibe/hooks.toml").readlink() == ours
    assert (new / ".vibe").stat().st_mode & 0o777 == 0o700
    (own / ".vibe").mkdir(parents=True)
    (own / ".vibe/hooks.toml").write_text("own")
    start(own)
    assert (own / ".vibe/hooks.toml").read_text() == "own"
    (gone / ".vibe").mkdir(parents=True)
    (gone / ".vibe/hooks.toml").symlink_to("nowhere")
    start(gone)
    assert (gone / ".vibe/hooks.toml").readlink() == Path("nowhere")
    start("/dev/null/no-home")


# -- the commands ----------------------------------------------------------------------------------------------------


def run(command: str, **variables: str) -> None:
    """As a CLI runs a hook: a text on its stdin. It may neither fail, wait nor print."""
    done = subprocess.run(
        ("sh", "-c", command),
        input=b'{"hook_event_name": "Stop"}' * 10_000,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "tell")
    return tmp_path / "tell"


@pytest.fixture
def reader(pipe: Path) -> Iterator[int]:
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("commands", [TELLS, OF_A_RECIPE], ids=["terminal", "recipe"])
def test_a_word_comes_through_the_pipe(pipe: Path, reader: int, commands: dict[str, str]) -> None:
    for word, command in commands.items():
        run(command, DVM_TELL=str(pipe))
        assert os.read(reader, 100) == f"{word}\n".encode()


@every
def test_without_a_pipe_nothing_is_said_or_made(tmp_path: Path, command: str) -> None:
    run(command)
    run(command, DVM_TELL="")
    run(command, DVM_TELL=str(tmp_path / "gone"))
    file = tmp_path / "file"
    file.write_text("a file that is no pipe")
    run(command, DVM_TELL=str(file))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "a file that is no pipe"


@every
def test_a_pipe_that_nobody_reads_holds_no_agent_up(pipe: Path, command: str) -> None:
    run(command, DVM_TELL=str(pipe))
    assert pipe.is_fifo()


@every
def test_a_full_pipe_holds_no_agent_up(pipe: Path, reader: int, command: str) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(reader, b"x" * 4096)
    run(command, DVM_TELL=str(pipe))
