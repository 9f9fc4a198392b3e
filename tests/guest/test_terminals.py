"""What runs in a terminal of a guest, on real ptys, and what in an idle guest: the scripts that start and look."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from dvmweb.guest.running_programs import parse_idle, parse_terminal
from dvmweb.lima import guest_shell
from dvmweb.names import new_id
from tests.guest.conftest import NONCE, Guest


class Pty:
    """A terminal as `limactl shell` makes it: a session of its own that runs one of our scripts."""

    def __init__(self, home: Path, script: str, *words: str, **environ: str) -> None:
        self.id = new_id()
        kept = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "PS1": "$ ", "SHELL": "/bin/sh"}
        argv = ["-c", script, "dvm-enter", str(home), self.id, *words]
        self.child: Any = pexpect.spawn("/bin/bash", argv, env={**kept, **environ}, timeout=10, echo=False)
        self.child.delaybeforesend = None

    def says(self, text: str) -> None:
        self.child.expect_exact(text)

    def types(self, line: str) -> None:
        self.child.send(f"{line}\n".encode())


@pytest.fixture
def opened() -> Iterator[list[Pty]]:
    every: list[Pty] = []
    yield every
    for one in every:
        one.child.close(force=True)


def runs(guest: Guest, terminal: str) -> tuple[bytes, ...] | None:
    done = guest.run("terminals", {"DVM_TERMINAL_ID": terminal})
    assert done.returncode == 0, done.stderr
    return parse_terminal(done.stdout, NONCE)


def test_an_idle_shell_runs_nothing_and_a_busy_one_says_what(guest: Guest, opened: list[Pty]) -> None:
    shell, other = Pty(guest.home, guest_shell.SHELL), Pty(guest.home, guest_shell.SHELL)
    opened += [shell, other]
    shell.types("echo up-$((1+1))")
    shell.says("up-2")
    assert runs(guest, shell.id) == ()
    shell.types("sleep 600 & echo started")
    shell.says("started")
    assert runs(guest, shell.id) == (b"sleep",)
    shell.types("cat")
    found = runs(guest, shell.id)
    while found is not None and len(found) < 2:
        found = runs(guest, shell.id)
    assert sorted(found or ()) == [b"cat", b"sleep"]


def test_what_has_lost_the_word_of_its_terminal_runs_in_it_too(guest: Guest, opened: list[Pty]) -> None:
    """As after sudo: its environment is another one, or cannot be read."""
    shell = Pty(guest.home, guest_shell.SHELL)
    opened.append(shell)
    shell.types("env -i sleep 600 & sleep 0; echo started-$((1+1))")
    shell.says("started-2")
    found = runs(guest, shell.id)
    while found == (b"sh",):  # not yet become env
        found = runs(guest, shell.id)
    assert found in ((b"sleep",), (b"env",))


def test_a_terminal_that_is_not_there_is_not_idle(guest: Guest) -> None:
    assert runs(guest, new_id()) is None


def test_a_name_that_holds_anything_is_read_whole(guest: Guest, opened: list[Pty]) -> None:
    shell = Pty(guest.home, guest_shell.SHELL)
    opened.append(shell)
    odd = guest.home / ") 1 2 3\x1b[31m"
    odd.write_text("#!/bin/sh\necho odd-$((1+1)); read x\n")
    odd.chmod(0o755)
    shell.types(shlex.quote(str(odd)))
    shell.says("odd-2")
    assert runs(guest, shell.id) == (b") 1 2 3\x1b[31m",)


@pytest.mark.parametrize(("given", "known"), [("xterm", "xterm"), ("xterm-kitty-of-tomorrow", "xterm-256color")])
def test_a_term_that_the_guest_does_not_know_is_another_one(
    guest: Guest, opened: list[Pty], given: str, known: str
) -> None:
    shell = Pty(guest.home, guest_shell.SHELL, TERM=given)
    opened.append(shell)
    shell.types('echo "is:$TERM:"')
    shell.says(f"is:{known}:")


def test_a_code_dir_that_is_not_there_means_the_home(guest: Guest, opened: list[Pty]) -> None:
    argv = ["-c", guest_shell.SHELL.replace("$1", "$1/nowhere"), "dvm-enter", str(guest.home), ""]
    child: Any = pexpect.spawn("/bin/bash", argv, cwd=str(guest.home), env={"HOME": str(guest.home), "TERM": "xterm"})
    child.send(b'pwd; echo "id:$DVM_TERMINAL:"\n')
    child.expect_exact(str(guest.home))
    child.expect_exact("id::")
    child.close(force=True)


# -- agents -----------------------------------------------------------------------------------------------------------

AGENT = "trap 'echo interrupted' INT; echo $1 up; while read word; do {}; echo told; done; exit 7"


def test_the_word_of_a_hook_reaches_the_terminal_and_nothing_else_does(guest: Guest, opened: list[Pty]) -> None:
    tell = 'printf "%s\\n" "$word" >"$DVM_TELL"'
    agent = Pty(guest.home, guest_shell.AGENT, "bash", "-c", AGENT.format(tell), "agent", "claude")
    opened.append(agent)
    agent.says("claude up")
    agent.types("waits")
    agent.says("\x1b]777;dvm;waits\x07")
    agent.types("reboots;\x1b]52;c;eA==\x07")
    agent.types("works")
    agent.says("\x1b]777;dvm;works\x07")
    assert b"\x1b" not in agent.child.before
    agent.child.sendintr()
    agent.says("interrupted")
    agent.child.sendeof()
    agent.child.expect(pexpect.EOF)
    agent.child.close()
    assert agent.child.exitstatus == 7


def test_an_agent_leaves_no_pipe_and_no_process(guest: Guest, opened: list[Pty]) -> None:
    agent = Pty(guest.home, guest_shell.AGENT, "bash", "-c", 'echo "pipe:$DVM_TELL:$PPID:"; read x')
    opened.append(agent)
    agent.child.expect(rb"pipe:(\S+):(\d+):")
    pipe, parent = Path(agent.child.match[1].decode()), int(agent.child.match[2])
    assert pipe.is_fifo()
    assert oct(pipe.parent.stat().st_mode & 0o777) == "0o711"
    agent.types("")
    agent.child.expect(pexpect.EOF)
    agent.child.close()
    assert not pipe.parent.exists()
    assert not Path(f"/proc/{parent}").exists()


def test_an_agent_that_is_not_installed_says_what_to_do(guest: Guest, opened: list[Pty]) -> None:
    agent = Pty(guest.home, guest_shell.AGENT, "no-such-agent")
    opened.append(agent)
    agent.says("no-such-agent is not installed in this VM. Add its recipe to the config, then sync.")
    agent.child.expect(pexpect.EOF)
    agent.child.close()
    assert agent.child.exitstatus == 127


# Lists the question itself, and one more process as one of root.
STAT = """#!/bin/sh
for one; do
  if [ "$one/cwd" -ef . ]; then echo "1000 $one"; fi
done
echo "0 /proc/$SEEN"
"""


@contextmanager
def of_root(folder: Path, name: str) -> Iterator[int]:
    shutil.copy(shutil.which("sleep") or "", folder / name)
    # Not a child of the test, which is also the parent of the question.
    words = ("sh", "-c", '"$0" 600 >/dev/null 2>&1 & echo $!', str(folder / name))
    pid = int(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    while Path(f"/proc/{pid}/comm").read_text() != f"{name[:15]}\n":
        pass  # not yet become it
    yield pid
    os.kill(pid, signal.SIGKILL)


def stand_in(folder: Path, text: str) -> dict[str, str]:
    (folder / "stat").write_text(text)
    (folder / "stat").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("containerd-shim-runc-v2", (b"containerd-shim",)),
        ("conmon", (b"conmon",)),
        ("sudo", (b"sudo",)),
        ("dockerd", ()),
        ("sleep", ()),
    ],
)
def test_a_container_and_sudo_are_use_and_a_service_of_the_system_is_none(
    guest: Guest, tmp_path: Path, name: str, found: tuple[bytes, ...]
) -> None:
    with of_root(tmp_path, name) as pid:
        done = guest.run("idle", stand_in(tmp_path, STAT) | {"SEEN": str(pid)})
    assert done.returncode == 0, done.stderr
    assert parse_idle(done.stdout, NONCE) == found


def test_a_guest_whose_processes_cannot_be_listed_does_not_say_that_it_is_idle(guest: Guest, tmp_path: Path) -> None:
    done = guest.run("idle", stand_in(tmp_path, "#!/bin/sh\nexit 126\n"))
    assert done.returncode != 0
    assert b"\0end\0" not in done.stdout
