"""The recipes of agents on stand-ins: what is installed, and the words with which a wrapper calls the launcher."""

from __future__ import annotations

import json
import pwd
import subprocess

import pytest

from dvmweb.terminals.agents import AGENTS
from tests.guest.conftest import SUDO, Guest, make_program
from tests.places import AGENT
from tests.recipes.test_library import PARAMS

debian = pytest.mark.parametrize("distribution", ["debian"], indirect=True)
ALONE = {"claude": "--dangerously-skip-permissions", "codex": "--dangerously-bypass-approvals-and-sandbox"}
COMMANDS = {"claude": "claude", "codex": "codex", "opencode": "opencode", "mistral": "vibe"}
ODD = ("a b", "", "$(id)", "--", "new\nline")


def start(guest: Guest, command: str, *words: str, **variables: str) -> list[str]:
    """The words that sudo gets from a wrapper; without sudo's own."""
    make_program(guest.fake / "bin/sudo", 'printf "%s\\0" "${@:3}"')
    done = subprocess.run(
        (str(guest.root / "usr/local/bin" / command), *words),
        env=guest.environment() | {"TERM": "xterm"} | variables,
        cwd=guest.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split("\0")[:-1]


def applied(guest: Guest, recipe: str, **params: str) -> Guest:
    assert guest.apply("agent-user", PARAMS["agent-user"]).returncode == 0
    done = guest.apply(recipe, PARAMS[recipe] | params)
    assert done.returncode == 0, done.stderr
    # The account is not there; any other that these tests do not run as will do.
    other = next(user.pw_name for user in pwd.getpwall() if user.pw_uid not in (0,))
    (guest.root / "usr/local/lib/dvm/agent/setting").write_text(f"{other} me {guest.code}\n")
    return guest


@debian
@pytest.mark.parametrize("recipe", sorted(COMMANDS))
def test_a_wrapper_calls_the_launcher_word_for_word(distribution: Guest, recipe: str) -> None:
    guest = applied(distribution, recipe)
    words = start(guest, COMMANDS[recipe], *ODD, DVM_TELL="/tmp/dvm-tell.x/tell", LANG="de_DE.UTF-8", SECRET="x")
    launcher, run, folder, tell, *given = words
    assert launcher == f"{guest.root}/usr/local/lib/dvm/agent/launcher.py"
    assert (run, folder, tell) == ("run", str(guest.home), "/tmp/dvm-tell.x/tell")
    assert given[:3] == ["TERM=xterm", "COLORTERM=", "LANG=de_DE.UTF-8"]
    program = given[given.index("--") + 1]
    assert program.startswith(f"{guest.root}/usr/local/lib/dvm/{recipe}/")
    assert tuple(given[-len(ODD) :]) == ODD
    assert not any("SECRET" in word for word in words)
    assert start(guest, COMMANDS[recipe], "--dvm-sandbox-test") == [launcher, "test", recipe]


def test_the_terminals_open_these_commands() -> None:
    assert {agent.recipe: agent.argv[0] for agent in AGENTS.values()} == COMMANDS


@debian
@pytest.mark.parametrize("recipe", sorted(ALONE))
def test_questions_come_back_by_param_and_the_variable_wins(distribution: Guest, recipe: str) -> None:
    name = {"claude": "DVM_CLAUDE_BYPASS", "codex": "DVM_CODEX_YOLO"}[recipe]
    for param, cases in {"1": {None: True, "0": False, "no": False, "": True}, "0": {None: False, "1": True}}.items():
        guest = applied(distribution, recipe, **{name: param})
        for variable, is_alone in cases.items():
            words = start(guest, recipe, "x", **({} if variable is None else {name: variable}))
            assert (ALONE[recipe] in words) == is_alone, (param, variable)
        make_program(guest.fake / "bin/sudo", SUDO)


@debian
def test_the_others_ask_by_param(distribution: Guest) -> None:
    words = {"mistral": "--auto-approve", "opencode": 'OPENCODE_PERMISSION={"*":"allow"}'}
    for recipe, word in words.items():
        for ask in "01":
            guest = applied(distribution, recipe, **{f"DVM_{recipe.upper()}_ASK": ask})
            assert (word in start(guest, COMMANDS[recipe])) == (ask == "0")
            make_program(guest.fake / "bin/sudo", SUDO)


def test_opencode_is_given_what_tells_how_it_stands(distribution: Guest) -> None:
    guest = applied(distribution, "opencode")
    words = start(guest, "opencode")
    (config,) = [word for word in words[: words.index("--")] if word.startswith("OPENCODE_TUI_CONFIG=")]
    tell = guest.root / "usr/local/lib/dvm/opencode-tell"
    assert config == f"OPENCODE_TUI_CONFIG={tell}/tui.json"
    assert json.loads((tell / "tui.json").read_text()) == {"plugin": ["./tell.mjs"]}
    assert (tell / "tell.mjs").read_text() == (AGENT / "opencode.mjs").read_text()
    assert {file.stat().st_mode & 0o777 for file in tell.iterdir()} == {0o644}
    assert tell.stat().st_mode & 0o777 == 0o755


@debian
def test_where_the_agent_is_already_its_program_runs_at_once(distribution: Guest) -> None:
    guest = applied(distribution, "claude")
    make_program(guest.fake / "bin/id", 'echo "$EUID"')
    start(guest, "claude", "inner")
    assert guest.log[-1] == "claude --dangerously-skip-permissions inner"


@debian
def test_no_script_of_a_package_is_run(distribution: Guest) -> None:
    applied(distribution, "claude")
    (line,) = [line for line in distribution.log if line.startswith("npm install")]
    assert "--ignore-scripts" in line
    applied(distribution, "mistral")
    (line,) = [line for line in distribution.log if line.startswith("python3 -m pip install")]
    assert "--only-binary=:all:" in line


@debian
def test_a_new_version_is_installed_and_the_old_one_goes(distribution: Guest) -> None:
    guest = applied(distribution, "codex")
    old = guest.root / "usr/local/lib/dvm/codex/old"
    old.touch()
    (guest.fake / "version-npm").write_text("4.0.0\n")
    applied(guest, "codex")
    assert not old.exists()
    assert (old.parent / ".from").read_text() == "@openai/codex@4.0.0\n"


@debian
def test_vibe_says_which_python_it_needs(distribution: Guest) -> None:
    (distribution.fake / "version-python").write_text("3.11\n")
    done = distribution.apply("mistral", PARAMS["mistral"])
    assert done.returncode == 1
    assert b"error: Vibe needs Python 3.12 or newer" in done.stderr


@debian
@pytest.mark.parametrize("name", ["", "Agent", "a b", "-x", "root;id"])
def test_an_agent_user_has_a_plain_name(distribution: Guest, name: str) -> None:
    done = distribution.apply("agent-user", {"DVM_AGENT_USER": name})
    assert done.returncode == 1
    assert b"is not a valid name for the agent user" in done.stderr


@debian
def test_an_agent_user_is_made_once_and_never_one_with_more_rights(distribution: Guest) -> None:
    make_program(distribution.fake / "bin/getent", '[ -e "$FAKE/made" ]')
    make_program(distribution.fake / "bin/useradd", 'touch "$FAKE/made"; echo "useradd $*" >>"$FAKE/log"')
    make_program(distribution.fake / "bin/chmod", 'echo "chmod $*" >>"$FAKE/log"')
    for _ in range(2):
        done = distribution.apply("agent-user", PARAMS["agent-user"])
        assert done.returncode == 0, done.stderr
    made = [line for line in distribution.log if line.startswith("useradd")]
    assert made == [
        "useradd --system --user-group --create-home --home-dir /home/dvm-agent --shell /bin/bash dvm-agent"
    ]
    assert "chmod 700 /home/dvm-agent" in distribution.log
    make_program(distribution.fake / "bin/id", '[ "$1" = -Gn ] && echo "dvm-agent docker" || echo me')
    done = distribution.apply("agent-user", PARAMS["agent-user"])
    assert b"is in a privileged group" in done.stderr


@debian
@pytest.mark.parametrize("recipe", ["agent-user", *sorted(COMMANDS)])
def test_the_demo_has_no_agents(distribution: Guest, recipe: str) -> None:
    distribution.make_demo()
    (distribution.fake / "installed").write_text(
        "acl\nbubblewrap\ngit\npython3\npython3-pip\npython3-venv\nshadow-utils\npasswd\n"
    )
    done = distribution.apply(recipe, PARAMS[recipe])
    assert done.returncode == 69
    assert b"Skipped in the demo: would " in done.stdout
    assert not (distribution.root / "usr/local").exists()
