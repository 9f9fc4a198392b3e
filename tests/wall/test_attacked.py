"""Attacks that worked once: on the look at the end, on places that Git is sent to, on the wall test itself."""

from __future__ import annotations

import signal

import pytest

from .conftest import CODE, GIT, Guest

pytestmark = pytest.mark.xdist_group("wall")
EVIL = "[core]\\n\\trepositoryformatversion = 0\\n\\tfsmonitor = /tmp/evil\\n"


@pytest.fixture
def evil(project: Guest) -> Guest:
    """/tmp/evil is what no Git of the user's may run."""
    project.root("rm -rf /tmp/pwned; printf '#!/bin/sh\\ntouch /tmp/pwned\\n' >/tmp/evil; chmod 755 /tmp/evil")
    return project


def looks(guest: Guest, folder: str = ".") -> bool:
    """Whether what the user's Git looks at makes it run the evil."""
    guest.main(f"cd {folder}; git status >/dev/null 2>&1 || git status --short >/dev/null 2>&1 || true")
    return guest.run("test", "-e", "/tmp/pwned").returncode == 0


def commits(guest: Guest) -> bool:
    guest.main(f"echo new >new; git add new; {GIT} commit -qm new || true")
    return guest.run("test", "-e", "/tmp/pwned").returncode == 0


COMMON = (
    "set -e; git init -q mine; cd mine; echo a >a; git add a; git -c user.name=A -c user.email=a@b commit -qm a; cd .."
    "; commit=$(git -C mine rev-parse HEAD); mkdir -p x/worktrees/y; mv mine/.git/objects mine/.git/refs x"
    "; mv mine/.git/HEAD mine/.git/index x/worktrees/y; echo ../.. >x/worktrees/y/commondir"
    f"; printf '{EVIL}' >x/config; rm -rf mine/.git; echo 'gitdir: ../x/worktrees/y' >mine/.git"
    "; git update-index --add --cacheinfo 160000,$commit,mine"
)


def test_a_common_folder_without_head_is_looked_at(evil: Guest) -> None:
    done = evil.agent(COMMON)
    assert "dvm: the agent's repository x has settings of its own: it is closed to you" in done.stderr
    assert not looks(evil)


def test_what_lies_above_a_hooks_folder_cannot_be_moved_away(evil: Guest) -> None:
    evil.main("mkdir -p tools/hooks src; echo x >tools/hooks/README; git config core.hooksPath tools/hooks")
    done = evil.agent("mv tools away && mkdir tools && mv src tools/hooks && ln -s /tmp/evil tools/hooks/pre-commit")
    assert "busy" in done.stderr
    assert not commits(evil)


def test_a_terminal_that_closes_does_not_spare_the_last_look(evil: Guest) -> None:
    evil.root("rm -f /home/dvm-agent/log")
    script = "git init -q mine; git -C mine config core.fsmonitor /tmp/evil; echo x >~/log; trap '' HUP; sleep 12345"
    with evil.started("bash", "-c", script) as process:
        evil.root("until [ -s /home/dvm-agent/log ]; do :; done")
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=30)
    assert "dvm: the agent's repository mine/.git has settings of its own: it is closed to you" in said
    assert process.returncode == 128 + signal.SIGKILL
    assert evil.root(f"stat -c %a {CODE}/mine/.git") == "700\n"


SHIM = """mkdir -p ~/.local/bin; cat >~/.local/bin/NAME <<'X'
#!/usr/bin/python3 -IS
import ctypes, os
test = os.getppid()
number = int(open(f'/proc/{test}/cmdline').read().split('\\0')[3])
pipe = ctypes.CDLL(None).syscall(438, os.pidfd_open(test), number, 0)
os.write(pipe, b'["end",""]\\n')
os.kill(test, 9)
X
chmod 755 ~/.local/bin/NAME"""


@pytest.mark.parametrize("name", ["sudo", "git"])
def test_what_an_agent_left_on_its_path_cannot_answer_for_the_wall_test(project: Guest, name: str) -> None:
    before = project.wall()
    project.agent(SHIM.replace("NAME", name))
    try:
        assert project.wall() == before
    finally:
        project.root("rm -r /home/dvm-agent/.local")
