"""The keeper that the client starts on demand, and what it starts on a pty: `enter`, which becomes a guest's shell."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dvmweb.errors import ConfigError, DvmError, NotFound, UsageError
from dvmweb.lima import connections, ledger
from dvmweb.paths import from_environment
from dvmweb.terminals import client, exec_shell, locations
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.launch import LaunchRequest
from tests.terminals.conftest import DvmHome, eventually

CANARY = "canary-of-the-caller"


@pytest.fixture
def alone(dvm_home: DvmHome) -> Iterator[DvmHome]:
    """A home in which nothing runs yet; the keeper that a test starts is ended after it."""
    yield dvm_home
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(keeper_of(dvm_home).pid, signal.SIGTERM)


def keeper_of(dvm_home: DvmHome) -> psutil.Process:
    return psutil.Process(int((locations.folder(dvm_home.paths) / "keeper.lock").read_text()))


# -- the keeper ------------------------------------------------------------------------------------------------------


def test_looking_starts_no_keeper(alone: DvmHome) -> None:
    assert client.list_terminals(alone) == ()
    for act in (client.attach, client.close):
        with pytest.raises(NotFound):
            act(alone, "0" * 32)
    assert not locations.folder(alone.paths).exists()


def test_what_goes_wrong_before_the_shell_is_read_on_the_terminal(alone: DvmHome) -> None:
    terminal = client.open_terminal(alone, "app")
    viewer = alone.viewer(terminal)
    viewer.read_until(b"There is no VM app.\r\n")
    assert viewer.wait_for("exit")["code"] == 3  # as `dvm ssh app` would end
    eventually(lambda: not locations.socket_path(alone.paths).exists())


def test_many_who_open_at_once_get_one_keeper(alone: DvmHome) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: client.open_terminal(alone, "app"), range(6)))
    assert len(set(opened)) == 6
    assert {facts.id for facts in client.list_terminals(alone)} == set(opened)


def test_a_keeper_that_cannot_start_says_why(alone: DvmHome) -> None:
    alone.paths.state.chmod(0o777)
    with pytest.raises(DvmError, match="other users"):
        client.open_terminal(alone, "app")


def test_a_folder_too_long_for_a_socket_says_so(alone: DvmHome) -> None:
    long = replace(alone, paths=replace(alone.paths, state=alone.paths.state / ("x" * 90)))
    with pytest.raises(UsageError, match="too long for a socket"):
        client.open_terminal(long, "app")


def test_g08_the_keeper_inherits_an_allow_list(alone: DvmHome) -> None:
    environ = {**alone.environ, "SSH_AUTH_SOCK": CANARY, "AWS_SECRET": CANARY, "DVM_TOKEN": CANARY}
    client.open_terminal(replace(alone, environ=environ), "app")
    keeper = keeper_of(alone)
    assert CANARY not in str(keeper.environ()) + str(keeper.cmdline())
    assert os.getsid(keeper.pid) == keeper.pid  # a closed terminal of the user's does not reach it


SHELL_OF_APP = LaunchRequest("app", "shell", "f" * 32, 0)


# -- what is started -------------------------------------------------------------------------------------------------


def write_config(dvm_home: DvmHome, text: str = "code_dir: ~/src\n") -> None:
    path = dvm_home.paths.vm_config("app")
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_the_shell_of_a_vm_is_the_one_that_dvm_ssh_opens(dvm_home: DvmHome) -> None:
    write_config(dvm_home)
    argv, _ = exec_shell.argv_and_environment(dvm_home.environ, SHELL_OF_APP)
    at = argv.index("limactl")
    script = argv[argv.index("bash") + 2]
    assert argv[0] == sys.executable
    assert argv[at + 1 :] == (
        *("shell", "--tty=false", "dvm-app", "--", "env", "bash", "-c", script),
        *("dvm-enter", "/home/dev/src", "f" * 32),
    )
    assert [entry.argv for entry in ledger.read(dvm_home.paths, vm="app")] == [argv]


def test_e22_its_environment_is_an_allow_list(dvm_home: DvmHome) -> None:
    write_config(dvm_home)
    environ = {**dvm_home.environ, "SSH_AUTH_SOCK": CANARY, "DVM_SECRET": CANARY, "PYTHONPATH": CANARY, "TERM": "dumb"}
    _, env = exec_shell.argv_and_environment(environ, SHELL_OF_APP)
    assert CANARY not in str(env)
    assert (env["TERM"], env["COLORTERM"]) == ("xterm-256color", "truecolor")
    assert env["LIMA_HOME"] == str(dvm_home.paths.lima_home)


def test_a_shell_hears_ctrl_c_also_where_the_dashboard_was_started_in_the_background() -> None:
    """`nohup dvm web &` in a script ignores SIGINT and SIGHUP, and programs inherit that."""
    code = (
        "import os, signal; from dvmweb.terminals import exec_shell\n"
        "exec_shell.argv_and_environment = lambda *_: (('/bin/cat', '/proc/self/status'), {})\n"
        "exec_shell.wait = lambda *_: None\n"
        "exec_shell.become({}, None)"
    )
    ignoring = f"trap '' INT HUP QUIT TERM TSTP; exec {sys.executable} -c \"$1\""
    argv = ("/bin/bash", "-c", ignoring, "bash", code)
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    ignored = int(said.partition("SigIgn:")[2].split()[0], 16)
    assert [number for number in exec_shell.INHERITED if ignored & 1 << (number - 1)] == []


def test_an_agent_gets_the_words_that_make_its_hooks_tell(dvm_home: DvmHome) -> None:
    write_config(dvm_home)
    argv, _ = exec_shell.argv_and_environment(dvm_home.environ, LaunchRequest("app", "claude", "f" * 32, 0))
    assert argv[-3:-1] == ("claude", "--settings")
    assert argv[argv.index("dvm-enter") + 1 : -3] == ("/home/dev/src", "f" * 32)
    assert set(json.loads(argv[-1])["hooks"]) >= {"Notification", "Stop", "UserPromptSubmit"}


@pytest.mark.parametrize(
    "launch", [LaunchRequest("app", one, "f" * 32, 0) for one in ("shell", *AGENTS)], ids=lambda one: one.command
)
def test_what_passes_through_two_shells_holds_nothing_that_one_of_them_reads(
    dvm_home: DvmHome, launch: LaunchRequest
) -> None:
    """Fish reads a backslash before a backslash or a quote also between single quotes."""
    write_config(dvm_home)
    argv, _ = exec_shell.argv_and_environment(dvm_home.environ, launch)
    assert all("'" not in word for word in argv)
    assert all(re.search(r"\\(?![0-9\"])", word) is None for word in argv)


def test_the_eleventh_terminal_is_on_a_line_of_its_own(dvm_home: DvmHome) -> None:
    write_config(dvm_home)
    _, first = exec_shell.argv_and_environment(dvm_home.environ, SHELL_OF_APP)
    _, later = exec_shell.argv_and_environment(dvm_home.environ, replace(SHELL_OF_APP, connection=1, boot="77"))
    assert "SSH" not in first
    path = dvm_home.paths.state / "terminals" / "app.77.1"
    assert shlex.split(later["SSH"])[:3] == ["ssh", "-o", f'ControlPath="{path}"']
    assert not str(path).startswith(str(dvm_home.paths.lima_home))  # `limactl clone` fails on a socket it does not know


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/a b/c", '"/a b/c"'), ("/100%/c", '"/100%%/c"'), ("/" + "x" * 89, '"/' + "x" * 89 + '"')],
)
def test_the_socket_of_a_line_is_quoted_for_ssh(path: str, shown: str) -> None:
    assert shlex.split(connections.own_line(Path(path))["SSH"])[2] == f"ControlPath={shown}"


@pytest.mark.parametrize("path", ["/" + "x" * 90, '/a"b'])
def test_a_socket_that_ssh_could_not_make_is_none(path: str) -> None:
    assert connections.own_line(Path(path)) == {}


@pytest.mark.parametrize("command", ["", "sh", "bash -c id", "shell ", "\0"])
def test_only_named_commands_are_known(dvm_home: DvmHome, command: str) -> None:
    write_config(dvm_home)
    with pytest.raises(UsageError):
        exec_shell.argv_and_environment(dvm_home.environ, LaunchRequest("app", command, "f" * 32, 0))


@pytest.mark.parametrize("vm", ["-f", "a;b", "../app", "APP", ""])
def test_c01_a_name_that_is_none_becomes_no_argv(dvm_home: DvmHome, vm: str) -> None:
    with pytest.raises(UsageError):
        exec_shell.argv_and_environment(dvm_home.environ, LaunchRequest(vm, "shell", "f" * 32, 0))


def test_a_config_with_errors_is_told(dvm_home: DvmHome) -> None:
    write_config(dvm_home, "cpus: many\n")
    with pytest.raises(ConfigError):
        exec_shell.argv_and_environment(dvm_home.environ, SHELL_OF_APP)


def test_the_keepers_environment_finds_the_same_folders(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin", "DVM_ENGINE": "demo", "DVM_STATE_DIR": f"{tmp_path}/s"}
    environ |= {"XDG_CONFIG_HOME": f"{tmp_path}/c", "DVM_DEMO_X": "1", "LIMA_HOME": "/elsewhere"}
    paths = from_environment(environ)
    handed = exec_shell.keeper_environment(environ, paths)
    assert from_environment(handed) == paths
    assert handed["DVM_DEMO_X"] == "1"
