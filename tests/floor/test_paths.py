"""Paths: folders from the environment, and what a child may inherit (threats.md G07, G08)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb import paths
from dvmweb.errors import NoEngine, UsageError

HOME = {"HOME": "/home/u", "PATH": "/nowhere"}


def test_real_lima_and_the_demo_keep_apart() -> None:
    lima = paths.from_environment({**HOME, "DVM_ENGINE": "lima"})
    demo = paths.from_environment(HOME)  # no limactl on PATH
    assert (lima.config, lima.state, lima.lima_home) == (
        Path("/home/u/.config/dvm"),
        Path("/home/u/.local/state/dvm"),
        Path("/home/u/.lima"),
    )
    assert demo.is_demo
    assert demo.config == lima.config / "demo"
    assert demo.state == lima.state / "demo"
    assert demo.lima_home == demo.state / "lima"


def test_variables_win() -> None:
    environ = {**HOME, "DVM_ENGINE": "lima", "DVM_CONFIG_DIR": "/c", "DVM_STATE_DIR": "/s", "LIMA_HOME": "/l"}
    found = paths.from_environment(environ)
    assert (found.config, found.state, found.lima_home) == (Path("/c"), Path("/s"), Path("/l"))


@pytest.mark.parametrize("variable", ["DVM_CONFIG_DIR", "DVM_STATE_DIR", "LIMA_HOME", "HOME"])
def test_a_relative_folder_is_refused(variable: str) -> None:
    with pytest.raises(UsageError, match=variable):
        paths.from_environment({**HOME, "DVM_ENGINE": "lima", variable: "here"})


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(NoEngine, match="lima or demo"):
        paths.from_environment({**HOME, "DVM_ENGINE": "docker"})


def test_g07_a_relative_limactl_is_refused() -> None:
    with pytest.raises(NoEngine, match="absolute"):
        paths.limactl_program({**HOME, "DVM_LIMACTL": "./limactl"})


def test_g08_only_the_allow_list_reaches_a_child() -> None:
    canary = dict.fromkeys(("SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "LD_PRELOAD", "DVM_X"), "canary")
    environ = {**HOME, **canary, "LANG": "C", "QEMU_SYSTEM_X86_64": "qemu"}
    found = paths.from_environment(environ)
    child = paths.child_environment(environ, found, {"DVM_GUEST_NETWORK": "1"})
    assert "canary" not in child.values()
    assert child["LIMA_HOME"] == str(found.lima_home)
    assert child["QEMU_SYSTEM_X86_64"] == "qemu"
    assert child["DVM_GUEST_NETWORK"] == "1"


def test_the_bundled_recipes_are_found() -> None:
    assert paths.bundled_folder().joinpath("recipes").is_dir()
