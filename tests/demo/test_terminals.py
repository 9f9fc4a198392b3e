"""A person's terminal and a demo guest: the guest has a terminal of its own and never gets hold of the person's."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import re
import select
import signal
import stat
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dvmweb.demo.guest import entering
from tests.demo.conftest import Demo, ordinary

pytestmark = pytest.mark.usefixtures("guests")


@pytest.fixture(scope="module", params=["own", "ordinary"])
def up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, guests: None) -> Iterator[Demo]:
    """A running guest `app` that the tests share, of the tests' own user and of an ordinary one."""
    if request.param == "ordinary":
        for engine in ordinary():
            yield engine.up("app")
        return
    engine = Demo(tmp_path_factory.mktemp("terminals") / "lima")
    yield engine.up("app")
    engine.close()


@dataclass
class Person:
    """Someone at a terminal: a process that leads its own session on a pty, and what the screen has shown."""

    pid: int
    screen: int  # the pty's master
    shown: bytes = b""

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def until(self, pattern: str, seconds: float = 20) -> re.Match[bytes]:
        """Wait until the screen shows a pattern, and forget all up to its end."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern.encode(), self.shown)):
            ready, _, _ = select.select([self.screen], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern} did not come; the screen shows {self.shown!r}"
            self.shown += self._read()
        self.shown = self.shown[found.end() :]
        return found

    def _read(self) -> bytes:
        try:
            data = os.read(self.screen, 65536)
        except OSError:
            data = b""
        assert data, f"the program has ended; the screen shows {self.shown!r}"
        return data

    def code(self) -> int:
        """Wait for the program's end, reading on; return its exit code, -n for signal n."""
        end = time.monotonic() + 20
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                self._drain()
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, f"it did not end; the screen shows {self.shown!r}"
            if select.select([self.screen], [], [], 0.02)[0]:
                try:
                    self.shown += os.read(self.screen, 65536)
                except OSError:
                    time.sleep(0.01)

    def _drain(self) -> None:
        """Read what the kernel still hands over; it does so a moment after the program has written and ended."""
        while select.select([self.screen], [], [], 0.3)[0]:
            try:
                self.shown += os.read(self.screen, 65536)
            except OSError:
                return

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, array.array("H", [rows, columns, 0, 0]))

    def modes(self) -> list[object]:
        return termios.tcgetattr(self.screen)

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.screen)


@pytest.fixture
def sit() -> Iterator[list[Person]]:
    people: list[Person] = []
    yield people
    for person in people:
        person.close()


def sit_down(people: list[Person], demo: Demo, argv: Sequence[str]) -> Person:
    """Start a program as the leader of a session on a new pty of 30 rows and 100 columns."""
    environment = demo.environment({"TERM": "xterm"})
    pid, screen = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, array.array("H", [30, 100, 0, 0]))
            os.chdir(demo.home.parent)
            os.execvpe(argv[0], list(argv), environment)  # noqa: S606
        finally:
            os._exit(126)
    people.append(Person(pid, screen))
    return people[-1]


def shell(people: list[Person], demo: Demo, *words: str) -> Person:
    return sit_down(people, demo, demo.argv("limactl", "shell", "app", *words))


def test_prompt_size_interrupt_and_exit_code(up: Demo, sit: list[Person]) -> None:
    person = shell(sit, up)
    before = person.modes()
    person.until(r"dev@lima-app:~\$ ")
    person.type("stty size; tty; echo on=$TERM\n")
    person.until(r"30 100\r\n/dev/pts/\d+\r\non=xterm\r\n")
    person.resize(41, 123)
    # The new size and what is typed take two ways: either may come first, as with ssh.
    person.type("until [ \"$(stty size)\" = '41 123' ]; do sleep 0.1; done; echo re''sized\n")
    person.until(r"resized\r\n")
    person.type("sh -c \"echo begin''ning; exec cat\"\n")
    person.until("beginning\r\n")
    person.type("\x03")
    person.until(r"\^C[^$]*\$ ")
    person.type("echo after=$?; sleep 100 & jobs; kill %1\n")
    person.until(r"after=130\r\n[^$]*Running")
    person.type("exit 7\n")
    assert person.code() == 7
    assert person.modes() == before


def test_a_resize_reaches_the_program_in_front(up: Demo, sit: list[Person]) -> None:
    person = shell(
        sit, up, "bash", "-c", "trap 'stty size; exit 5' WINCH; echo up; while :; do read -r -t 1 line; done"
    )
    person.until("up\r\n")
    person.resize(50, 90)
    person.until("50 90\r\n")
    assert person.code() == 5


def test_the_modes_of_the_persons_terminal_come_back_also_after_a_signal(up: Demo, sit: list[Person]) -> None:
    person = shell(sit, up)
    before = person.modes()
    person.until(r"\$ ")
    assert person.modes() != before
    os.kill(person.pid, signal.SIGTERM)
    assert person.code() == -signal.SIGTERM
    assert person.modes() == before


def test_stop_of_the_vm_ends_the_terminal_with_255(demo: Demo, sit: list[Person]) -> None:
    demo.up("app")
    person = shell(sit, demo)
    before = person.modes()
    person.until(r"\$ ")
    assert demo.limactl("stop", "app").code == 0
    assert person.code() == 255
    assert person.modes() == before


def test_all_output_arrives_and_ends_with_the_command(up: Demo, sit: list[Person]) -> None:
    person = shell(sit, up, "bash", "-c", "seq 200000; sleep 600 & echo the end")
    assert person.code() == 0
    numbers = person.shown.decode().split()
    assert numbers == [*map(str, range(1, 200001)), "the", "end"]


def test_a_person_who_hangs_up_ends_the_command(demo: Demo, sit: list[Person], tmp_path: Path) -> None:
    demo.up("app")
    person = shell(sit, demo, "sh", "-c", "echo up; exec sleep 654321")
    person.until("up")
    os.close(person.screen)
    person.screen = os.open(os.devnull, os.O_RDWR)
    end = time.monotonic() + 10
    while "654321" in demo.shell("app", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -v grep").stdout:
        assert time.monotonic() < end


INJECT = """
import fcntl, os, sys, termios
for place in (0, 1, 2, "/dev/tty"):
    try:
        number = place if isinstance(place, int) else os.open(place, os.O_RDWR)
        for byte in b"injected\\n":
            fcntl.ioctl(number, termios.TIOCSTI, bytes([byte]))
    except OSError as error:
        pass
print("tried")
"""


@pytest.mark.parametrize("redirection", ["", "</dev/null", ">out", "2>err", "</dev/null 2>err", "</dev/null >out"])
def test_a_guest_types_nothing_into_the_persons_shell(
    up: Demo, sit: list[Person], redirection: str, tmp_path: Path
) -> None:
    """TIOCSTI: what a guest pushes into its terminal's input must not be read by the host's shell afterwards."""
    words = " ".join(up.argv("limactl", "shell", "app", "python3", "-c", '"$0"'))
    after = 'printf "%s\\n" first-read; read -r -t 1 line; echo "line=<$line>"; exit 9'
    script = f"cd {tmp_path}; {words} {redirection}; {after}"
    tmp_path.chmod(0o777)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    person = sit_down(sit, up, ("bash", "-c", script, INJECT))
    person.until("first-read\r\n")
    person.until("line=<>")
    assert person.code() == 9


def test_no_descriptor_of_a_guest_is_the_persons_terminal(up: Demo, sit: list[Person]) -> None:
    look = "for n in 0 1 2; do stat -L -c '%d %F' /proc/self/fd/$n; done; stat -c %d /dev/pts/0; exit 0"
    person = shell(sit, up, "sh", "-c", look)
    found = person.until(r"((\d+) character special file\r\n)\1\1(\d+)\r\n")
    assert found[2] == found[3]
    assert int(found[2]) != os.fstat(person.screen).st_dev
    words = " ".join(up.argv("limactl", "shell", "app", "sh", "-c", '"$0"'))
    for redirection in (">/dev/null", "</dev/null"):
        any_terminal = "test -t 0 || test -t 1 || test -t 2"
        assert sit_down(sit, up, ("bash", "-c", f"{words} {redirection}", any_terminal)).code() == 1


def test_a_terminal_as_plain_input_is_read_to_its_end(up: Demo, sit: list[Person]) -> None:
    words = " ".join(up.argv("limactl", "shell", "app", "sh", "-c", '"$0"'))
    person = sit_down(sit, up, ("bash", "-c", f"{words} | cat; exit ${{PIPESTATUS[0]}}", "echo up; cat; exit 4"))
    person.until("up\r\n")
    person.type("one line\n")
    person.until("one line\r\none line\r\n")
    person.type("\x04")
    assert person.code() == 4


def test_ctrl_c_ends_a_command_whose_output_is_piped(up: Demo, sit: list[Person]) -> None:
    words = " ".join(up.argv("limactl", "shell", "app", "sh", "-c", '"$0"'))
    person = sit_down(sit, up, ("bash", "-c", f"exec {words} </dev/null", "echo up; exec sleep 600"))
    person.until("up\r\n")
    person.type("\x03")
    assert person.code() == -signal.SIGINT


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has pipes that a guest's user may not open")
def test_a_named_fifo_keeps_its_owner(demo: Demo, tmp_path: Path) -> None:
    demo.up("app")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with fifo.open("wb", buffering=0) as writer:
        argv = demo.argv("limactl", "shell", "--tty=false", "app", "echo", "through")
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=writer, env=demo.environment(), check=True, timeout=30)
    assert os.read(reader, 100) == b"through\n"
    os.close(reader)
    assert (fifo.stat().st_uid, fifo.stat().st_gid) == (0, 0)


def test_a_guests_process_has_a_bound_on_memory_and_no_core_file(up: Demo) -> None:
    bound, core = up.shell("app", "sh", "-c", "ulimit -d; ulimit -c").stdout.split()
    assert 2**18 <= int(bound) <= entering.MEMORY_BYTES // 1024
    assert core == "0"
    greedy = up.shell("app", "python3", "-c", f"bytearray({entering.MEMORY_BYTES})")
    assert greedy.code == 1
    assert "MemoryError" in greedy.stderr
