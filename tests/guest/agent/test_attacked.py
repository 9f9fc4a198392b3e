"""Attacks that worked once: on the look at the end, on places that Git is sent to, on the sandbox test itself."""

from __future__ import annotations

import signal

import pytest

from tests.guest.agent.conftest import CODE, GIT, MAIN, Guest

pytestmark = pytest.mark.xdist_group("sandbox")
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


STORE = "cp -r .git/objects .git/refs .git/HEAD"


@pytest.mark.parametrize(
    ("attack", "folder", "said"),
    [
        (
            f"mv src e; {STORE} e; printf '{EVIL}' >e/b; mv e/b e/config; echo ../e >.git/description"
            "; mv .git/description .git/commondir",
            ".",
            ".git/commondir",
        ),
        (
            f"{STORE} src; printf '{EVIL}\\tbare = false\\n\\tworktree = {CODE}\\n' >src/b; mv src/b src/config",
            "src",
            "src/config",
        ),
        (f"{STORE} src; mv src/link src/config; printf '{EVIL}' >link.to", "src", "src/config"),
    ],
)
def test_a_file_of_the_users_that_an_agent_wrote_in_is_no_setting(
    evil: Guest, attack: str, folder: str, said: str
) -> None:
    evil.main("mkdir src; echo a >src/a; echo b >src/b; ln -s ../link.to src/link")
    done = evil.agent(f"set -e; {attack}")
    assert f"dvm: {said} came from the agent: it was renamed to " in done.stderr
    assert not looks(evil, folder)


def test_an_agent_that_nobody_looked_after_is_looked_after_before_the_next(evil: Guest) -> None:
    evil.main("mkdir src; echo b >src/b")
    evil.root("rm -f /home/dvm-agent/log")
    script = f"{STORE} src; printf '{EVIL}' >src/b; mv src/b src/config; echo x >~/log; sleep 12345"
    with evil.started("bash", "-c", script) as process:
        evil.root("until [ -s /home/dvm-agent/log ]; do :; done")
        process.kill()
    assert "dvm: src/config came from the agent: it was renamed to " in evil.agent("true").stderr


def test_what_the_user_makes_while_no_agent_runs_stays(project: Guest) -> None:
    project.agent("true")
    project.main("git init -q new; cd new; git config alias.x '!true'; touch a; ln -s ../../a .git/hooks/pre-commit")
    assert project.agent("true").stderr == ""
    project.main("cd new; git config alias.y '!true'")
    assert project.agent("true").stderr == ""


def test_what_the_user_makes_while_an_agent_runs_stays_when_it_is_harmless(project: Guest) -> None:
    project.root("rm -f /home/dvm-agent/log")
    with project.started("bash", "-c", "echo x >~/log; until [ -e go ]; do sleep 0.05; done") as process:
        project.root("until [ -s /home/dvm-agent/log ]; do :; done")
        project.main(f"git init -q new; {GIT} clone -q . clone; git config alias.x '!true'")
        project.main(f"{GIT} submodule --quiet add {CODE}/sub s; touch go")
        _, said = process.communicate(timeout=30)
    assert said == ""
    project.main("git -C new status; git -C clone log --oneline; git -C s log --oneline; git config alias.x")


COMMON = (
    "set -e; git init -q mine; cd mine; echo a >a; git add a; git -c user.name=A -c user.email=a@b commit -qm a; cd .."
    "; commit=$(git -C mine rev-parse HEAD); mkdir -p x/worktrees/y; mv mine/.git/objects mine/.git/refs x"
    "; mv mine/.git/HEAD mine/.git/index x/worktrees/y; echo ../.. >x/worktrees/y/commondir"
    f"; printf '{EVIL}' >x/config; rm -rf mine/.git; echo 'gitdir: ../x/worktrees/y' >mine/.git"
    "; git update-index --add --cacheinfo 160000,$commit,mine"
)


def test_a_common_folder_without_head_is_looked_at(evil: Guest) -> None:
    done = evil.agent(COMMON)
    assert "dvm: the agent's repository x has unsafe settings: your access to it was removed" in done.stderr
    assert not looks(evil)


def test_what_lies_above_a_hooks_folder_cannot_be_moved_away(evil: Guest) -> None:
    evil.main("mkdir -p tools/hooks src; echo x >tools/hooks/README; git config core.hooksPath tools/hooks")
    done = evil.agent("mv tools away && mkdir tools && mv src tools/hooks && ln -s /tmp/evil tools/hooks/pre-commit")
    assert "busy" in done.stderr
    assert not commits(evil)


@pytest.mark.parametrize("value", [f"{CODE}/tools", "~/code/app/tools", "./x/../tools"])
@pytest.mark.parametrize("repository", [".", "sub"])
def test_a_hooks_folder_is_guarded_by_whichever_name(evil: Guest, value: str, repository: str) -> None:
    tools = "sub/tools" if repository == "sub" and value.startswith("./") else "tools"
    evil.main(f"git config --unset core.hooksPath; mkdir {tools}; git -C {repository} config core.hooksPath '{value}'")
    done = evil.agent(f"echo x >{tools}/pre-commit; mv {tools} away")
    assert "Read-only file system" in done.stderr
    assert "busy" in done.stderr


def test_what_is_too_deep_to_be_looked_at_is_closed(evil: Guest) -> None:
    deep = "a/" * 210
    evil.main("mkdir src")
    done = evil.agent(
        f"mkdir -p {deep} && git init -q {deep}mine && git -C {deep}mine config core.fsmonitor /tmp/evil"
        f"; mkdir -p {'b/' * 200} && mv src {'b/' * 200}b && mkdir -p {'b/' * 201}c"
    )
    assert done.stderr.count("nested too deeply; access to it was removed") == 2
    for place in (f"{deep}mine", f"{'b/' * 201}c"):
        assert evil.run("ls", f"{CODE}/{place}", user=MAIN).returncode != 0


def test_a_last_look_that_fails_is_told(project: Guest) -> None:
    project.change("agent_project.py", "5_000_000", "1000")
    done = project.agent("mkdir many; cd many; touch {1..1000}; exit 3")
    assert "dvm: The check of the agent's work failed (The project has too many files" in done.stderr
    assert done.returncode == 3
    assert project.agent("echo ran").stdout == ""


@pytest.mark.parametrize(
    ("link", "script"), [("../../tools/check", "tools/check"), (f"{CODE}/check", "check"), ("..", "hooks/pre-commit")]
)
def test_what_a_link_in_hooks_leads_to_is_read_only(evil: Guest, link: str, script: str) -> None:
    place = "hooks" if link == ".." else "hooks/pre-commit"
    evil.main(
        f"git config --unset core.hooksPath; mkdir hooks tools; printf '#!/bin/sh\n' >{script}; chmod 755 {script}"
        f"; rm -rf .git/{place}; ln -s {'../hooks' if link == '..' else link} .git/{place}"
    )
    done = evil.agent(f"echo touch /tmp/pwned >>{script}; rm -rf hooks tools; echo touch /tmp/pwned >check; git status")
    assert "Read-only file system" in done.stderr
    assert not commits(evil)


def test_a_terminal_that_closes_does_not_spare_the_last_look(evil: Guest) -> None:
    evil.root("rm -f /home/dvm-agent/log")
    script = "git init -q mine; git -C mine config core.fsmonitor /tmp/evil; echo x >~/log; trap '' HUP; sleep 12345"
    with evil.started("bash", "-c", script) as process:
        evil.root("until [ -s /home/dvm-agent/log ]; do :; done")
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=30)
    assert "dvm: the agent's repository mine/.git has unsafe settings: your access to it was removed" in said
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
def test_what_an_agent_left_on_its_path_cannot_answer_for_the_sandbox_test(project: Guest, name: str) -> None:
    before = project.sandbox()
    project.agent(SHIM.replace("NAME", name))
    try:
        assert project.sandbox() == before
    finally:
        project.root("rm -r /home/dvm-agent/.local")
