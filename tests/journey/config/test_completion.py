"""What a shell offers after Tab: names from folders, without a call of the engine, and never an error."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import click
import pytest

from dvmweb.cli.completion import words
from dvmweb.cli.main import main
from tests.journey.driver import User, Vm


def offered(user: User, line: str, **environ: str) -> list[str]:
    """What is offered at the end of a line, in which the last word is not finished."""
    typed = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = user.home.dvm(**{"_DVM_COMPLETE": "bash_complete", **typed, **environ})  # type: ignore[arg-type]
    assert (done.code, done.err) == (0, "")
    return [one.removeprefix("plain,") for one in done.out.splitlines() if one]


def test_every_argument_has_its_words_or_none_for_a_reason() -> None:
    found = [(place, one, words.source(place, one.name or "")) for place, one in words.parameters(main, "dvm")]
    unknown = [(place, one.name) for place, one, used in found if not used and isinstance(one, click.Argument)]
    assert not unknown, "add it to WORDS, FILES or FREE in dvmweb/cli/completion/words.py"
    assert {*words.WORDS, *words.FILES, *words.FREE} <= {used for _, _, used in found}


def test_names_of_vms_recipes_and_keys(user: User) -> None:
    for name in ("app", "api", "web"):
        user.vm(name).has_config("recipes: [node]\n")
    user.has_recipe("nodes", "true")
    expected = {
        "dvm sync a": ["api", "app"],
        "dvm sync app ": ["api", "web"],
        "dvm ssh w": ["web"],
        "dvm config get app me": ["memory"],
        "dvm config set app params.": ["params.node.corepack_version"],
        "dvm config set app arch x": ["x86_64"],
        "dvm config set app recipes git nod": ["node", "nodes"],
        "dvm config set app baseline ": ["true", "false"],
        "dvm recipe show nod": ["node", "nodes"],
        "dvm init new --recipe nod": ["node", "nodes"],
        "dvm init x --kind l": ["llama"],
        "dvm init ": [],
        "dvm recipe new ": [],
        "dvm log a": ["api", "app"],
        "dvm compl": ["completion"],
        "dvm completion z": ["zsh"],
        "dvm cp no": ["file,no"],
        "dvm sync --dr": ["--dry-run"],
    }
    calls = user.engine_calls()
    assert {line: offered(user, line) for line in expected} == expected
    assert user.engine_calls() == calls


def test_jobs_by_the_id_that_dvm_jobs_shows(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    assert offered(user, "dvm log ") == ["app", *[job.id[:8] for job in user.jobs]]
    assert offered(user, "dvm cancel ") == []  # all have ended


def test_no_error_reaches_the_line(user: User) -> None:
    user.vm("app").has_config("a: [\n")
    assert "memory" in offered(user, "dvm config get app ")
    assert "memory" in offered(user, "dvm config get nope ")
    assert offered(user, "dvm cancel ") == []
    assert offered(user, "dvm sync ", DVM_CONFIG_DIR="relative") == []
    assert offered(user, "dvm sync ", DVM_ENGINE="nonsense") == []
    user.vm("app").config.unlink()
    user.vm("app").config.parent.rmdir()
    assert offered(user, "dvm sync ") == []
    user.vm("app").config.parent.write_text("")
    assert offered(user, "dvm sync ") == []
    user.dvm("", _DVM_COMPLETE="bash_complete").succeeds().prints_nothing()  # without the words of a shell
    assert user.dvm("", _DVM_COMPLETE="nonsense").err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(user: User, shell: str) -> None:
    printed = user.dvm(f"completion {shell}").succeeds()
    assert f"_DVM_COMPLETE={shell}_complete" in printed.out
    assert printed.err == ""  # it is often run when a shell starts
    user.dvm("completion tcsh").exits("usage error")


def test_in_a_real_bash(user: User, tmp_path: Path) -> None:
    user.vm("app").has_config("")
    user.vm("web").has_config("")
    dvm = tmp_path / "dvm"
    dvm.write_text(f'#!/bin/sh\nexec {shlex.join(user.home.argv())} "$@"\n')
    dvm.chmod(0o755)
    script = """
source <(dvm completion bash) || exit 1
complete -p dvm || exit 1
COMP_WORDS=(dvm config get a) COMP_CWORD=3 COMPREPLY=()
_dvm_completion dvm a get || exit 1
echo "${COMPREPLY[@]}"
"""
    environ = {**user.home.environ, "PATH": f"{tmp_path}:{user.home.environ['PATH']}"}
    argv = ("bash", "--norc", "--noprofile", "-c", script)
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["complete -o nosort -F _dvm_completion dvm", "app"]
