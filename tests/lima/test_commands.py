"""Every command line, compared whole; C01, C02, F09: what must never reach one."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dvmweb.errors import UsageError
from dvmweb.lima import commands
from dvmweb.lima.engine import Engine

ENGINE = Engine("lima", ("/usr/bin/limactl",), ("/usr/bin/ssh",))
HOME = Path("/home/u/.lima")
CONFIG = "/home/u/.lima/dvm-app/ssh.config"
QUIET = ("-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10")


@pytest.mark.parametrize(
    ("built", "whole"),
    [
        (commands.version(), ("limactl", "--version")),
        (commands.list_all(), ("limactl", "list", "--tty=false", "--format", "{{json .}}")),
        (
            commands.create("/s/lima.yaml", "dvm-app"),
            ("limactl", "create", "--tty=false", "--name=dvm-app", "/s/lima.yaml"),
        ),
        (commands.start("dvm-app", 840), ("limactl", "start", "--tty=false", "--timeout=840s", "dvm-app")),
        (commands.stop("dvm-app"), ("limactl", "stop", "--tty=false", "dvm-app")),
        (commands.stop_force("dvm-app"), ("limactl", "stop", "--tty=false", "-f", "dvm-app")),
        (
            commands.edit("dvm-app", {"cpus": 2, "firmware.legacyBIOS": True, "message": 'a "b" \\ é'}),
            (
                *("limactl", "edit", "--tty=false", "--set"),
                '.cpus = 2 | .firmware.legacyBIOS = true | .message = "a \\"b\\" \\\\ é"',
                "dvm-app",
            ),
        ),
        (commands.delete("dvm-app"), ("limactl", "delete", "--tty=false", "dvm-app")),
        (commands.delete_force("dvm-app"), ("limactl", "delete", "--tty=false", "-f", "dvm-app")),
        (commands.clone("dvm-app", "dvm-b"), ("limactl", "clone", "--tty=false", "dvm-app", "dvm-b")),
        (commands.rename("dvm-app", "dvm-b"), ("limactl", "rename", "--tty=false", "dvm-app", "dvm-b")),
        (commands.protect("dvm-app"), ("limactl", "protect", "--tty=false", "dvm-app")),
        (commands.unprotect("dvm-app"), ("limactl", "unprotect", "--tty=false", "dvm-app")),
        (commands.shell("dvm-app"), ("limactl", "shell", "--tty=false", "dvm-app")),
        (
            commands.shell("dvm-app", ("A=$(id)", "x y"), "/home/dev/c d"),
            ("limactl", "shell", "--tty=false", "--workdir=/home/dev/c d", "dvm-app", "--", "env", "A=$(id)", "x y"),
        ),
        (
            commands.ssh(ENGINE, HOME, "dvm-app", ("echo", "a b", "$(id)", "")),
            ("/usr/bin/ssh", "-F", CONFIG, *QUIET, "lima-dvm-app", "--", "echo 'a b' '$(id)' ''"),
        ),
        (
            commands.ssh(ENGINE, HOME, "dvm-app", ("true",), fresh=True),
            ("/usr/bin/ssh", "-F", CONFIG, *QUIET, "-o", "ControlPath=none", "lima-dvm-app", "--", "true"),
        ),
        (
            commands.ssh_exit(ENGINE, HOME, "dvm-app"),
            ("/usr/bin/ssh", "-F", CONFIG, "-o", "LogLevel=ERROR", "-O", "exit", "lima-dvm-app"),
        ),
    ],
)
def test_whole_command(built: tuple[str, ...], whole: tuple[str, ...]) -> None:
    assert built == whole


BAD_NAMES = ["-f", "--debug", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\n", "a\0", "..", ".", "a/b", "é", "а", ""]
BAD_NAMES += ["lima:x", "x:y", "_config", "x.yaml", "a" * 77]
BUILDERS: list[Callable[[str], Any]] = [
    lambda name: commands.create("/f", name),
    lambda name: commands.start(name, 1),
    commands.stop,
    commands.stop_force,
    lambda name: commands.edit(name, {"cpus": 1}),
    commands.delete,
    commands.delete_force,
    lambda name: commands.clone("a", name),
    lambda name: commands.clone(name, "a"),
    lambda name: commands.rename("a", name),
    commands.protect,
    commands.unprotect,
    commands.shell,
    lambda name: commands.ssh(ENGINE, HOME, name, ("true",)),
    lambda name: commands.ssh_exit(ENGINE, HOME, name),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_c01_odd_names_reach_no_command(name: str) -> None:
    for build in BUILDERS:
        with pytest.raises(UsageError):
            build(name)


@pytest.mark.parametrize(
    "build",
    [
        lambda: commands.edit("a", {"cpus = 1 | .mounts": []}),
        lambda: commands.edit("a", {"": 1}),
        lambda: commands.shell("a", ("-x",)),
        lambda: commands.shell("a", ("",)),
        lambda: commands.shell("a", ("x", "a\0")),
        lambda: commands.shell("a", ("x",), "relative"),
        lambda: commands.shell("a", ("x",), "-x"),
        lambda: commands.ssh(ENGINE, HOME, "a", ()),
        lambda: commands.create("-", "a"),
        lambda: commands.create("template:default", "a"),
    ],
)
def test_c02_odd_values_reach_no_command(build: Callable[[], Any]) -> None:
    with pytest.raises(UsageError):
        build()


def test_ssh_words_come_back_as_they_were() -> None:
    words = ("printf", "%s\n", "it's", "$HOME", "a\nb", "", "=x", "~", "*")
    assert shlex.split(commands.ssh(ENGINE, HOME, "dvm-app", words)[-1]) == [*words]
    assert shlex.split(commands.ssh(ENGINE, HOME, "dvm-app", ("A=1", *words))[-1]) == ["env", "A=1", *words]


def test_the_alias_is_the_host_name() -> None:
    assert commands.ssh_alias("a.b_c-d") == "lima-a-b-c-d"
