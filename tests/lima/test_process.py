"""R13, R14, R05: a program that hangs, floods, dies or leaves children behind, run for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dvmweb.errors import DvmError
from dvmweb.lima import process
from dvmweb.lima.process import end_group, run
from tests.places import TOP

Child = Callable[[str], tuple[str, ...]]
ENV = {"PATH": os.environ["PATH"]}
FAMILY = """
def stay():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    open(sys.argv[1] + "/" + str(os.getpid()), "w").close()
    time.sleep(600)
if os.fork() == 0:
    stay()
"""


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PATIENCE", 0.3)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def left_alive(folder: Path) -> list[int]:
    """Which of the pids that are file names in `folder` live, once a kill has had time to work."""
    until = time.monotonic() + 5
    while (found := [int(name) for name in names(folder) if is_alive(int(name))]) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def test_both_streams_and_the_code(child: Child) -> None:
    heard: list[bytes] = []
    finished = run(
        child("print('out'); print('err', file=sys.stderr); sys.exit(37)"), env=ENV, timeout=20, on_output=heard.append
    )
    assert (finished.code, finished.stdout, finished.stderr) == (37, b"out\n", b"err\n")
    assert (finished.ended, finished.truncated, finished.is_ok) == ("exit", False, False)
    assert sorted(heard) == [b"err\n", b"out\n"]


def test_no_stdin_is_the_null_device_and_a_group_of_its_own(child: Child) -> None:
    finished = run(child("print(repr(sys.stdin.read()), os.getpgid(0) == os.getpid())"), env=ENV, timeout=20)
    assert finished.stdout == b"'' True\n"


def test_large_stdin_and_stdout_at_once_do_not_block(child: Child) -> None:
    data = os.urandom(3_000_000)
    body = "\nwhile data := os.read(0, 4096):\n    os.write(1, data)\n"
    finished = run(child(body), env=ENV, timeout=30, stdin=data)
    assert finished.stdout == data
    assert not finished.truncated


def test_stdin_from_a_descriptor_and_stdout_alone(child: Child) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"words")
    os.close(theirs)
    heard: list[bytes] = []
    body = "print(sys.stdin.read()); print('err', file=sys.stderr)"
    finished = run(child(body), env=ENV, timeout=20, stdin=ours, on_stdout=heard.append)
    os.close(ours)
    assert (finished.stdout, b"".join(heard), finished.stderr) == (b"words\n", b"words\n", b"err\n")


def test_child_that_never_reads_its_stdin(child: Child) -> None:
    assert run(child("print('done')"), env=ENV, timeout=20, stdin=b"x" * 1_000_000).stdout == b"done\n"


def test_flood_is_capped_but_heard_whole(child: Child) -> None:
    heard = 0

    def listen(data: bytes) -> None:
        nonlocal heard
        heard += len(data)

    body = "\nfor _ in range(100):\n    os.write(1, b'x' * 50000); os.write(2, b'y' * 50000)\nos.write(2, b'last')\n"
    finished = run(child(body), env=ENV, timeout=30, max_stdout=1000, on_output=listen)
    assert finished.stdout == b"x" * 1000
    assert finished.truncated
    assert len(finished.stderr) == process.MAX_STDERR
    assert finished.stderr.endswith(b"ylast")
    assert heard == 10_000_004


def test_r13_hang_ends_at_the_deadline_with_its_whole_group(child: Child, tmp_path: Path) -> None:
    argv = (*child(FAMILY + "print('begun', flush=True); stay()"), str(tmp_path))
    finished = run(argv, env=ENV, timeout=1.5)
    assert finished.ended == "deadline"
    assert finished.code == 128 + signal.SIGKILL
    assert finished.stdout == b"begun\n"
    assert finished.seconds < 5
    assert len(names(tmp_path)) == 2
    assert left_alive(tmp_path) == []


def test_r05_cancel_ends_the_group_and_keeps_the_output(child: Child, tmp_path: Path) -> None:
    cancelled = threading.Event()
    body = FAMILY + "\nprint('kept', flush=True)\nos.close(1); os.close(2); stay()"
    argv = (*child(body), str(tmp_path))
    finished = run(argv, env=ENV, timeout=60, cancelled=cancelled, on_output=lambda _: cancelled.set())
    assert (finished.ended, finished.stdout) == ("cancelled", b"kept\n")
    assert left_alive(tmp_path) == []


def test_a_child_that_obeys_int_is_not_killed(child: Child) -> None:
    body = """
def bye(*_):
    os.write(1, b'bye\\n'); os._exit(5)
signal.signal(signal.SIGINT, bye)
os.write(1, b'ready\\n')
time.sleep(600)"""
    cancelled = threading.Event()
    finished = run(child(body), env=ENV, timeout=60, cancelled=cancelled, on_output=lambda _: cancelled.set())
    assert (finished.code, finished.ended, finished.stdout) == (5, "cancelled", b"ready\nbye\n")


def test_r14_death_by_signal(child: Child) -> None:
    finished = run(child("os.kill(os.getpid(), signal.SIGSEGV)"), env=ENV, timeout=20)
    assert (finished.code, finished.ended) == (128 + signal.SIGSEGV, "signal")


def test_r14_early_close_of_both_streams(child: Child) -> None:
    finished = run(child("os.close(1); os.close(2); time.sleep(0.3); os._exit(4)"), env=ENV, timeout=20)
    assert (finished.code, finished.ended) == (4, "exit")


def test_r14_missing_program_says_so() -> None:
    with pytest.raises(DvmError, match="/nowhere/limactl cannot be run: No such file or directory"):
        run(("/nowhere/limactl", "list"), env=ENV, timeout=5)


def test_argument_that_no_system_takes() -> None:
    with pytest.raises(DvmError, match="cannot be run: Argument list too long"):
        run(("/bin/true", "x" * 4_000_000), env=ENV, timeout=5)


def test_grandchild_that_keeps_the_pipe_does_not_hang_us(child: Child, tmp_path: Path) -> None:
    """An ssh master does that: it holds the stderr of the call that made it."""
    body = f"""
if os.fork() == 0:
    os.setsid()
    open({str(tmp_path)!r} + "/" + str(os.getpid()), "w").close()
    time.sleep(600)
print("end", flush=True)
while not os.listdir({str(tmp_path)!r}): time.sleep(0.01)
"""
    finished = run(child(body), env=ENV, timeout=60)
    assert (finished.code, finished.ended, finished.stdout) == (0, "exit", b"end\n")
    assert finished.seconds < 10
    [left] = names(tmp_path)
    assert is_alive(int(left))
    os.kill(int(left), signal.SIGKILL)


def test_held_stdin_ends_only_with_the_child(child: Child) -> None:
    """Its end tells a guest script that we are gone, so it must not come while the script runs."""
    body = """
os.read(0, 3)
import select
print(bool(select.select([0], [], [], 0.3)[0]))"""
    assert run(child(body), env=ENV, timeout=20, stdin=b"abc", hold_stdin=True).stdout == b"False\n"
    assert run(child(body), env=ENV, timeout=20, stdin=b"abc").stdout == b"True\n"


def test_no_zombie_and_no_descriptor_is_left(child: Child) -> None:
    before = len(names(Path("/dev/fd")))
    started: list[int] = []
    run(child("pass"), env=ENV, timeout=20, stdin=b"x", on_started=started.append)
    assert not psutil.pid_exists(started[0])
    assert len(names(Path("/dev/fd"))) == before


def test_listener_that_fails_leaves_no_child(child: Child, tmp_path: Path) -> None:
    def fail(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        run((*child(FAMILY + "print('x', flush=True); stay()"), str(tmp_path)), env=ENV, timeout=60, on_output=fail)
    assert left_alive(tmp_path) == []


def test_only_the_given_environment_arrives(child: Child) -> None:
    finished = run(child("print(sorted(k for k in os.environ if k != 'LC_CTYPE'))"), env={"A": "1"}, timeout=20)
    assert finished.stdout == b"['A']\n"


def test_end_group_ends_a_family_that_ignores_int_and_term(child: Child, tmp_path: Path) -> None:
    argv = (*child(FAMILY + "stay()"), str(tmp_path))
    leader = subprocess.Popen(argv, start_new_session=True)
    reaper = threading.Thread(target=leader.wait)
    reaper.start()
    until = time.monotonic() + 20
    while len(names(tmp_path)) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    end_group(leader.pid)
    reaper.join(10)
    assert left_alive(tmp_path) == []
    end_group(leader.pid)  # one that is gone is no error


def test_attach_passes_the_terminal_the_code_and_ctrl_c(tmp_path: Path) -> None:
    """Ctrl-C belongs to the guest: it must end neither us nor the child."""
    inner = "import os, signal, sys; signal.signal(2, lambda *_: print('got it', flush=True)); " + (
        "os.killpg(0, signal.SIGINT); print(sys.stdin.read()); sys.exit(9)"
    )
    outer = (
        f"import sys; sys.path.insert(0, {str(TOP)!r}); import os\n"
        "from dvmweb.lima.process import attach\n"
        f"code = attach((sys.executable, '-c', {inner!r}), dict(os.environ))\nprint('code', code)\n"
    )
    done = subprocess.run(
        (sys.executable, "-Ic", outer),
        input="words",
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )
    assert done.stdout == "got it\nwords\ncode 9\n", done.stderr
    assert done.returncode == 0


def test_attach_turns_a_signal_into_a_shell_code() -> None:
    assert process.attach(("/bin/sh", "-c", "kill -KILL $$"), ENV) == 137
    with pytest.raises(DvmError, match="cannot be run"):
        process.attach(("/nowhere/limactl",), ENV)
