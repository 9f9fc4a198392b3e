"""The launcher: what an agent finds inside, what it is told, and when nothing is run."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from tests.guest.agent.conftest import AGENT, CODE, ENVIRONMENT, LAUNCHER, MAIN, Guest

pytestmark = pytest.mark.xdist_group("sandbox")


def test_what_is_inside(guest: Guest) -> None:
    guest.main("mkdir -p deep/er")
    done = guest.agent(
        "id -u; pwd; ls -A / /home /run; ls /proc | grep -c '^[0-9]'; env | cut -d= -f1 | sort", f"{CODE}/deep/er"
    )
    words = done.stdout.split()
    assert words[:2] == [str(AGENT), "/workspace/deep/er"]
    assert words[words.index("/home:") : words.index("/run:")] == ["/home:", "dvm-agent"]
    ours = {"COLORTERM", "HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "SHLVL", "TERM", "TMPDIR", "USER", "_"}
    assert set(words[words.index("HOME") :]) <= ours, done.stdout
    assert set(words[2 : words.index("/home:")]) >= {"workspace", "usr", "etc", "proc", "dev", "tmp"}
    assert {"root", "srv", "opt", "sys"}.isdisjoint(words)


def test_words_and_exit_code_pass_unchanged(guest: Guest) -> None:
    odd = ("a b", "", "--", "-x", "$(id)", "'\"\\", "new\nline", "é", "--dvm")
    done = guest.launched(CODE, "A=b c", "B==", "--", "python3", "-c", SAY, *odd)
    assert done.stdout == repr([*odd, "b c", "="]) + "\n", done.stderr
    assert done.returncode == 42
    assert guest.launched(CODE, "--", "bash", "-c", "kill -9 $$").returncode == 128 + 9
    assert guest.launched(CODE, "--", "/usr/bin/no-such-agent").returncode == 127


SAY = "import os, sys; print(sys.argv[1:] + [os.environ['A'], os.environ['B']]); sys.exit(42)"


def test_what_the_agent_logs_in_with_stays_with_it(guest: Guest) -> None:
    guest.agent("mkdir -p ~/.claude; echo token >~/.claude/login")
    assert guest.agent("cat ~/.claude/login").stdout == "token\n"
    assert guest.run("cat", "/home/dvm-agent/.claude/login", user=MAIN).returncode != 0


@pytest.mark.parametrize(
    ("change", "folder", "why"),
    [
        ("true", "/home/ada", "An agent can run only in the project. First: cd /home/ada/code/app"),
        ("ln -s /etc link", f"{CODE}/link", "An agent can run only in the project"),
        ("true", f"{CODE}/../other", "An agent can run only in the project"),
    ],
)
def test_outside_of_the_project_nothing_is_run(guest: Guest, change: str, folder: str, why: str) -> None:
    guest.main(change)
    done = guest.agent("echo ran", folder)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("dvm: Nothing was started. ")
    assert why in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("agent_bwrap.py", '"/usr/bin/bwrap"', '"/usr/bin/no-bwrap"', "/usr/bin/no-bwrap is missing"),
        ("agent_bwrap.py", '"/usr/bin/bwrap"', '"/tmp/bwrap"', "/tmp/bwrap is missing or not owned by root"),
        ("agent_kernel.py", '"x86_64": (', '"other": (', "The sandbox does not support x86_64 processors"),
        (
            "agent_kernel.py",
            "MOVE_MOUNT, OPENAT2, MOUNT_SETATTR = 428, 429",
            "MOVE_MOUNT, OPENAT2, MOUNT_SETATTR = 9, 9",
            "built",
        ),
    ],
)
def test_without_a_sandbox_nothing_is_run(guest: Guest, file: str, old: str, new: str, why: str) -> None:
    if "x86_64" in old and os.uname().machine != "x86_64":
        pytest.skip("this is no x86_64 processor")
    guest.root("cp /bin/true /tmp/bwrap; chown 4002 /tmp/bwrap")
    guest.change(file, old, new)
    done = guest.agent("echo ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("dvm: Nothing was started. ")
    assert why in done.stderr


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("dvm-agent ada /home/ada", "contains a home folder"),
        ("dvm-agent ada /", "contains a home folder"),
        ("dvm-agent ada /home/dvm-agent/x", "The code folder cannot be"),
        ("ada ada /home/ada/code/app", "does not name a separate agent user"),
        ("root ada /home/ada/code/app", "does not name a separate agent user"),
        ("nobody-here ada /home/ada/code/app", "A user is missing"),
        ("", "is not as root wrote it"),
    ],
)
def test_a_setting_that_would_open_more_runs_nothing(guest: Guest, line: str, why: str) -> None:
    setting = "/usr/local/lib/dvm/agent/setting"
    guest.root(f"mkdir -p /home/dvm-agent/x; cp {setting} /home/.etc/; echo '{line}' >{setting}")
    try:
        done = guest.agent("echo ran", line.split(" ", 2)[-1] or "/")
    finally:
        guest.root(f"cp /home/.etc/setting {setting}")
    assert (done.returncode, done.stdout) == (125, "")
    assert why in done.stderr, done.stderr


def test_a_user_that_is_not_root_gets_no_sandbox(guest: Guest) -> None:
    done = guest.run(LAUNCHER, "run", CODE, "", "--", "id", user=MAIN)
    assert (done.returncode, done.stdout) == (125, "")


def test_check_knows_another_code_dir(guest: Guest) -> None:
    assert guest.run(LAUNCHER, "check", f"{CODE}/", user=MAIN).returncode == 0
    assert "The sandbox is set up for" in guest.run(LAUNCHER, "check", "/home/ada/code/b", user=MAIN).stderr


def test_the_pipe_of_a_terminal_goes_in_and_nothing_else_does(guest: Guest) -> None:
    guest.root(
        f"mkdir /tmp/dvm-tell.abc; chmod 711 /tmp/dvm-tell.abc; mkfifo -m 622 /tmp/dvm-tell.abc/tell; "
        f"chown -R {MAIN} /tmp/dvm-tell.abc; mkdir /tmp/dvm-tell.x; mkfifo -m 622 /tmp/dvm-tell.x/tell; "
        f"mkdir /tmp/dvm-tell.y; ln -s ../dvm-tell.abc/tell /tmp/dvm-tell.y/tell; chown -R -h {MAIN} /tmp/dvm-tell.y"
    )
    say = "test -p $DVM_TELL && echo works >$DVM_TELL; echo $DVM_TELL"
    script = f"{LAUNCHER} run {CODE} /tmp/dvm-tell.abc/tell -- bash -c '{say}'; head -n 1 <&3"
    script = f"exec 3<>/tmp/dvm-tell.abc/tell; {script}"
    assert guest.run("bash", "-c", script).stdout == "/run/tell\nworks\n"
    for path in (
        "/tmp/dvm-tell.x/tell",
        "/tmp/dvm-tell.y/tell",
        "/etc/passwd",
        "/tmp/dvm-tell.abc/../dvm-tell.abc/tell",
    ):
        done = guest.run(LAUNCHER, "run", CODE, path, "--", "bash", "-c", "echo x$DVM_TELL")
        assert done.stdout == "x\n", path
    guest.root("rm -rf /tmp/dvm-tell.*")


def test_agents_run_at_the_same_time_and_do_not_see_each_other(project: Guest) -> None:
    with project.started("bash", "-c", "touch here; until [ -e go ]; do sleep 0.05; done; echo one") as first:
        project.root(f"until [ -e {CODE}/here ]; do :; done")
        second = project.agent("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'touch here'; touch go")
        out, err = first.communicate(timeout=30)
    assert out == "one\n", err
    assert second.stdout == "1\n", "only its own words"


# ---- a terminal ----


class Terminal:
    """An agent on a terminal of its own."""

    def __init__(self, guest: Guest, script: str) -> None:
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            words = guest.words((LAUNCHER, "run", CODE, "", "TERM=xterm", "--", "bash", "-c", script))
            os.execvpe(words[0], words, ENVIRONMENT)  # noqa: S606
        self.text = ""

    def until(self, word: str) -> None:
        while word not in self.text:
            assert select.select([self.file], [], [], 30)[0], self.text
            self.text += os.read(self.file, 65536).decode()
        self.text = self.text.split(word, 1)[1]

    def end(self) -> int:
        with contextlib.suppress(OSError):
            while os.read(self.file, 65536):
                pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def terminal(guest: Guest) -> Iterator[Callable[[str], Terminal]]:
    made: list[Terminal] = []

    def make(script: str) -> Terminal:
        made.append(Terminal(guest, script))
        return made[-1]

    yield make
    for one in made:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(one.pid, signal.SIGKILL)
            os.waitpid(one.pid, 0)
        os.close(one.file)


def test_an_interrupt_is_the_agents_to_answer(terminal: Callable[[str], Terminal]) -> None:
    it = terminal("trap 'echo caught' INT; echo ready; read x; read x; echo got $x; exit 5")
    it.until("ready")
    os.write(it.file, b"\x03")
    it.until("caught")
    os.write(it.file, b"\nword\n")
    it.until("got word")
    assert it.end() == 5


def test_an_agent_without_an_answer_to_an_interrupt_ends(terminal: Callable[[str], Terminal]) -> None:
    it = terminal("echo ready; exec sleep 1000")
    it.until("ready")
    os.write(it.file, b"\x03")
    assert it.end() == 128 + signal.SIGINT


def test_the_size_of_the_terminal_arrives(terminal: Callable[[str], Terminal]) -> None:
    it = terminal("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    it.until("ready")
    ioctl(it.file, TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    it.until("33 77")


def test_jobs_stop_and_go_on(terminal: Callable[[str], Terminal]) -> None:
    it = terminal(
        "set -m; bash -c 'echo in''ner; exec sleep 1000'; echo stopped $?; kill %1; echo full </dev/tty; exit 0"
    )
    it.until("inner")
    os.write(it.file, b"\x1a")
    it.until("stopped 148")
    it.until("full")
    assert it.end() == 0


def test_the_launcher_that_is_killed_takes_the_agent_with_it(guest: Guest) -> None:
    with guest.started("bash", "-c", "touch here; exec sleep 98765") as process:
        guest.root(f"until [ -e {CODE}/here ]; do :; done")
        process.kill()
        process.wait(30)
        guest.root("while pgrep -f 'sleep 9876[5]' >/dev/null; do :; done")


def test_stdin_is_no_terminal(guest: Guest) -> None:
    done = subprocess.run(
        guest.words((LAUNCHER, "run", CODE, "", "--", "wc", "-c")),
        input=b"12345",
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"5\n"
