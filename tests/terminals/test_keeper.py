"""The keeper as a process: terminals that outlive their viewers, flow control, ends, and clients that misbehave."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from dvmweb.errors import CheckFailed, DvmError, NotFound, NotNow, UsageError
from dvmweb.terminals import client, locations, wire
from dvmweb.terminals.connection import KeeperGone
from dvmweb.terminals.keeper import daemon, requests
from dvmweb.terminals.keeper.flow import WINDOW, Size
from dvmweb.terminals.keeper.pty_child import PtyChild
from dvmweb.terminals.keeper.replay_buffer import CAPACITY
from tests.terminals.conftest import DvmHome, Viewer, eventually

FLOOD = "yes 0123456789abcdef\n"


def facts(dvm_home: DvmHome, terminal: str) -> client.TerminalFacts:
    return next(one for one in client.list_terminals(dvm_home) if one.id == terminal)


def total(dvm_home: DvmHome, terminal: str) -> int:
    """How many bytes the terminal has said."""
    connection = client.attach(dvm_home, terminal, None)
    with connection:
        return int(connection.attached["replay"])


def read_to_the_end(viewer: Viewer) -> None:
    """Until the keeper has let go of the viewer; fails when it does not."""
    deadline = time.monotonic() + 10
    with suppress(KeeperGone):
        while time.monotonic() < deadline:
            viewer.connection.receive(5)
        pytest.fail("the keeper did not let go")


# -- the main thing --------------------------------------------------------------------------------------------------


def test_a_terminal_answers_and_comes_back_with_its_screen(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.type("echo o''ne\n")
    viewer.read_until(b"one")
    viewer.close()
    again = dvm_home.viewer(terminal, None)
    assert again.connection.attached["reset"]
    again.read_until(b"one")
    again.type("echo t''wo\n")
    again.read_until(b"two")


def test_a_reader_that_lost_its_line_goes_on_at_its_offset(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.read_until(b"$ ")
    viewer.close()
    other = dvm_home.viewer(terminal, viewer.at)
    other.type("echo mi''ssed\n")
    other.read_until(b"missed")
    back = dvm_home.viewer(terminal, viewer.at)
    assert not back.connection.attached["reset"]
    assert b"missed" in back.read_until(b"missed")
    assert back.connection.attached["replay"] >= other.at


def test_an_offset_that_never_was_begins_anew(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.read_until(b"$ ")
    for offset in (10**9, -5):
        attached = dvm_home.viewer(terminal, offset).connection.attached
        assert (attached["from"], attached["reset"]) == (0, True)


def test_e12_the_first_viewer_answers_what_the_shell_asked_and_a_later_one_does_not(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "app")
    eventually(lambda: facts(dvm_home, terminal).idle < facts(dvm_home, terminal).age)
    first = dvm_home.viewer(terminal)
    assert first.connection.attached["replay"] == 0
    first.read_until(b"$ ")
    assert dvm_home.viewer(terminal, None).connection.attached["replay"] == first.at


def test_two_viewers_see_the_same_and_both_may_type(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, one = dvm_home.shell()
    two = dvm_home.viewer(terminal)
    two.type("echo fr''om-two\n")
    one.read_until(b"from-two")
    two.read_until(b"from-two")
    assert facts(dvm_home, terminal).viewers == 2


def test_the_socket_is_ours_alone(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    path = locations.socket_path(dvm_home.paths)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# -- flow ------------------------------------------------------------------------------------------------------------


def test_e02_a_viewer_that_stops_reading_pauses_the_pty_and_is_dropped(dvm_home: DvmHome) -> None:
    dvm_home.keeper("1.0")
    terminal, viewer = dvm_home.shell()
    viewer.read_until(b"$ ")
    viewer.acks = False
    before = viewer.at
    viewer.type(FLOOD)
    dropped = viewer.wait_for("dropped")
    assert dropped
    assert viewer.at - before <= WINDOW  # it got no more than its window, and so the pty was read no further
    eventually(lambda: facts(dvm_home, terminal).viewers == 0)
    moved = total(dvm_home, terminal)
    eventually(lambda: total(dvm_home, terminal) > moved + CAPACITY)  # with no viewer it goes on
    back = dvm_home.viewer(terminal, None)
    back.type("\x03")
    back.type("echo al''ive\n")
    back.read_until(b"alive")


def test_e03_with_no_viewer_a_flood_costs_no_memory(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.type(FLOOD)
    viewer.close()
    eventually(lambda: total(dvm_home, terminal) > 2 * CAPACITY)
    before = psutil.Process(keeper.pid).memory_info().rss
    start = total(dvm_home, terminal)
    eventually(lambda: total(dvm_home, terminal) > start + 20 * CAPACITY, 30)
    assert psutil.Process(keeper.pid).memory_info().rss - before < 4_000_000


def test_e05_a_slow_viewer_does_not_hold_up_a_fast_one(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, fast = dvm_home.shell()
    slow = dvm_home.viewer(terminal)
    fast.read_until(b"$ ")
    slow.acks = False
    fast.type(FLOOD)
    while fast.at < 3 * CAPACITY:
        assert fast.read(10) is not None
    slow.acks = True  # it wakes up: what it missed is gone, and it is told so
    slow.connection.control(do="ack", at=WINDOW)
    while slow.at < WINDOW:
        slow.read(5)
    slow.connection.control(do="ack", at=slow.at)
    skipped = slow.wait_for("skipped")
    assert skipped["from"] > CAPACITY
    fast.type("\x03")
    assert slow.read_until(b"^C")


def test_idle_terminals_cost_the_keeper_little(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    dvm_home.shell()[1].read_until(b"$ ")
    before = psutil.Process(keeper.pid).memory_info().rss
    for _ in range(10):
        dvm_home.shell()[1].read_until(b"$ ")
    assert psutil.Process(keeper.pid).memory_info().rss - before < 3_000_000


def test_input_for_a_program_that_does_not_read_is_bounded(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    _, viewer = dvm_home.shell("deaf")
    viewer.read_until(b"up")
    before = psutil.Process(keeper.pid).memory_info().rss
    for _ in range(200):
        viewer.connection.send(b"x" * 60_000)
    viewer.wait_for("overrun")
    assert psutil.Process(keeper.pid).memory_info().rss - before < 8_000_000


def test_long_input_arrives_whole(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.type("stty raw -echo; echo re''ady; head -c 400000 | sha256sum; stty sane\n")
    viewer.read_until(b"ready")
    viewer.connection.send(b"z" * 400_000)
    viewer.read_until(hashlib.sha256(b"z" * 400_000).hexdigest().encode(), 20)


# -- sizes and silence -----------------------------------------------------------------------------------------------


def test_e15_the_size_follows_the_smallest_and_grows_when_it_goes(dvm_home: DvmHome) -> None:
    dvm_home.keeper("10", "3")
    terminal, big = dvm_home.shell()
    big.connection.control(do="resize", cols=120, rows=40)
    assert big.wait_for("size") == {"is": "size", "cols": 120, "rows": 40}
    small = Viewer(client.attach(dvm_home, terminal, 0, 60, 20))
    assert big.wait_for("size")["cols"] == 60
    big.type("stty size\n")
    big.read_until(b"20 60")
    assert small  # it stays connected and says nothing more: no close, no pong
    assert big.wait_for("size")["cols"] == 120


def test_a_hidden_window_makes_no_other_smaller(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, big = dvm_home.shell()
    small = Viewer(client.attach(dvm_home, terminal, 0, 60, 20))
    assert big.wait_for("size")["cols"] == 60
    small.connection.control(do="away")
    assert big.wait_for("size")["cols"] == 80


def test_e19_a_flood_of_sizes_reaches_the_program_as_few(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.type("n=0; trap 'n=$((n+1))' WINCH; echo se''t\n")
    viewer.read_until(b"set")
    for number in range(1000):
        viewer.connection.control(do="resize", cols=50 + number % 50, rows=20)
    viewer.connection.control(do="resize", cols=77, rows=33)
    while viewer.wait_for("size")["rows"] != 33:
        pass
    viewer.type("stty size; echo chan''ges $n.\n")
    said = b""
    while (counted := re.search(rb"changes (\d+)\.", said)) is None:  # the line that was typed is echoed in pieces
        said += viewer.read_until(b".\r\n", 10)
    assert b"33 77" in said
    assert int(counted[1]) < 100


@pytest.mark.parametrize(
    "message",
    [
        {"do": "ack", "at": -1},
        {"do": "ack", "at": 10**9},
        {"do": "ack", "at": "x"},
        {"do": "ack"},
        {"do": "resize", "cols": 0, "rows": -1},
        {"do": "resize", "cols": None},
        {"do": "what nobody knows"},
        {"do": 7},
        {"do": ["x"]},
        {"do": {"do": "ack"}},
        {},
        {"is": "exit"},
    ],
)
def test_e19_control_that_makes_no_sense_changes_nothing(dvm_home: DvmHome, message: dict[str, Any]) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.connection.control(**message)
    viewer.type("echo go''es on; stty size\n")
    assert b"24 80" in viewer.read_until(b"24 80")


def test_e16_a_killed_tab_frees_its_place_and_the_terminal_stays(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.read_until(b"$ ")
    viewer.connection._socket.close()
    eventually(lambda: facts(dvm_home, terminal).viewers == 0)
    dvm_home.viewer(terminal, None).read_until(b"$ ")


# -- ends ------------------------------------------------------------------------------------------------------------


def test_a_shell_that_ends_says_how_after_its_last_words(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    _, viewer = dvm_home.shell("short")
    viewer.read_until(b"bye")
    said = viewer.wait_for("exit")
    assert said == {"is": "exit", "code": 7, "reason": "The shell ended with exit code 7.", "why": "ended"}
    read_to_the_end(viewer)
    assert keeper.wait(5) == 0  # the last terminal has ended, and so has the keeper
    assert not locations.socket_path(dvm_home.paths).exists()


def test_what_a_terminal_said_before_its_end_waits_for_a_slow_viewer(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.acks = False
    viewer.type("head -c 600000 /dev/zero | tr '\\0' x; exit\n")
    got = b""
    while len(got) < WINDOW:
        got += viewer.read(10) or b""
    viewer.acks = True
    viewer.connection.control(do="ack", at=viewer.at)
    while got.count(b"x") < 600_000:
        got += viewer.read(5) or b""
    assert viewer.wait_for("exit")["code"] == 0


def host_agent(dvm_home: DvmHome) -> subprocess.Popen[bytes]:
    """What stands for the host agent of the VM `app`."""
    agent = subprocess.Popen(("sleep", "100"))
    folder = dvm_home.paths.lima_home / "dvm-app"
    folder.mkdir(parents=True)
    (folder / "ha.pid").write_text(f"{agent.pid}\n")
    return agent


def test_e21_a_vm_that_is_gone_ends_its_terminals_with_the_reason(dvm_home: DvmHome) -> None:
    agent = host_agent(dvm_home)
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    other, _ = dvm_home.shell("deaf")  # a VM of which nobody knows a host agent
    viewer.type("echo kn''own\n")
    viewer.read_until(b"known")
    agent.kill()
    agent.wait()
    said = viewer.wait_for("exit")
    assert (said["reason"], said["why"]) == ("The VM was stopped.", "stopped")
    assert [one.ended for one in client.list_terminals(dvm_home) if one.id == other] == [False]


def test_a_connection_that_a_stop_has_cut_is_told_as_the_stop(dvm_home: DvmHome) -> None:
    agent = host_agent(dvm_home)
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.type("exit 255\n")  # as ssh does
    viewer.read_until(b"exit")
    agent.kill()
    agent.wait()
    said = viewer.wait_for("exit")
    assert (said["reason"], said["why"]) == ("The VM was stopped.", "stopped")


def test_a_connection_that_is_lost_while_its_vm_is_being_stopped_is_told_as_the_stop(dvm_home: DvmHome) -> None:
    """A stop ends the connections first, and may then take minutes in which the host agent still runs."""
    host_agent(dvm_home)
    log = dvm_home.paths.lima_home / "dvm-app" / "ha.stderr.log"
    log.write_text('{"level":"info","msg":"Not forwarding"}\n')
    dvm_home.keeper("why=1.5")
    (_, one), (_, other) = dvm_home.shell(), dvm_home.shell()
    one.type("exit 255\n")
    assert one.wait_for("exit")["reason"] == "The connection to the VM was lost."
    with log.open("a") as lines:
        lines.write('{"level":"info","msg":"Received SIGINT, shutting down the host agent"}\n')
    other.type("exit 255\n")
    said = other.wait_for("exit")
    assert (said["reason"], said["why"]) == ("The VM was stopped.", "stopped")


def test_a_shell_that_has_ended_is_never_called_open(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    other = client.open_terminal(dvm_home, "short")
    viewer.read_until(b"$ ")
    eventually(lambda: facts(dvm_home, other).ended)
    found = {one.id: one.state_in_words for one in client.list_terminals(dvm_home)}
    assert found == {terminal: "open", other: "ended"}


@pytest.mark.parametrize("text", ["9" * 30, "-1", "0", "", "x", "1 2", " 1"])
def test_what_is_no_pid_is_no_run_of_a_vm(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvm-app").mkdir()
    file = tmp_path / "dvm-app" / "ha.pid"
    file.write_text(text)
    assert daemon._boot_of(tmp_path, "app") == ""
    file.unlink()
    os.mkfifo(file)
    assert daemon._boot_of(tmp_path, "app") is None
    file.unlink()
    file.write_text(f"{os.getpid()}\n")
    assert daemon._boot_of(tmp_path, "app") == str(os.getpid())


def test_a_keeper_without_descriptors_does_not_take_its_vms_for_stopped(dvm_home: DvmHome) -> None:
    host_agent(dvm_home)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        found = daemon._boot_of(dvm_home.paths.lima_home, "app")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found is None


def test_a_look_is_no_answer_to_an_agent_that_waits(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell("agent")
    eventually(lambda: facts(dvm_home, terminal).state == "waits")
    for report in (b"\x1b[I", b"\x1b[O", b"\x1b[I\x1b[12;40R", b"\x1b[?1;2c"):
        viewer.connection.send(report)
    viewer.connection.control(do="list")  # answered after all of them were typed
    viewer.wait_for("list")
    assert facts(dvm_home, terminal).state == "waits"
    viewer.connection.send(b"x")
    viewer.connection.control(do="list")
    viewer.wait_for("list")
    assert facts(dvm_home, terminal).state == ""


def test_an_end_that_nobody_saw_waits_for_a_look(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "short")
    eventually(lambda: facts(dvm_home, terminal).ended)
    viewer = dvm_home.viewer(terminal, None)
    viewer.read_until(b"bye")
    assert viewer.wait_for("exit")["code"] == 7
    assert keeper.wait(5) == 0


def test_an_end_that_nobody_looks_at_is_forgotten(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper("10", "30", "0.5")
    client.open_terminal(dvm_home, "short")
    assert keeper.wait(10) == 0


def test_close_ends_even_a_program_that_ignores_it(dvm_home: DvmHome) -> None:
    dvm_home.keeper("patience=0.3")
    terminal, viewer = dvm_home.shell("stubborn")
    viewer.read_until(b"up")
    client.close(dvm_home, terminal)
    ended = viewer.wait_for("exit")
    assert (ended["code"], ended["reason"]) == (137, "The terminal was closed.")


def test_what_a_shell_left_on_the_pty_does_not_keep_it_open(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell("daemon")
    viewer.read_until(b"left")
    assert viewer.wait_for("exit")["code"] == 0


def test_no_zombie_is_left(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    terminal, _ = dvm_home.shell()
    for _ in range(3):
        client.open_terminal(dvm_home, "short")
    children = psutil.Process(keeper.pid).children
    eventually(lambda: len(children()) == 1)
    assert terminal


def test_a_pty_that_is_closed_takes_no_size_and_ends_nothing() -> None:
    """A program may end before the keeper gives it its size; a fault there ended the shells of all others."""
    child = PtyChild(("/bin/true",), {}, Size(80, 24))
    child.close()
    child.resize(Size(100, 30))
    eventually(lambda: child.ended() is not None)


def test_sigterm_ends_the_shells_and_the_keeper(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.read_until(b"$ ")
    (child,) = psutil.Process(keeper.pid).children()
    keeper.terminate()
    assert keeper.wait(5) == 0
    eventually(lambda: not child.is_running())
    read_to_the_end(viewer)


def test_a_killed_keeper_is_replaced(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    keeper.kill()
    keeper.wait(5)
    read_to_the_end(viewer)
    assert client.list_terminals(dvm_home) == ()
    with pytest.raises(NotFound):
        client.attach(dvm_home, terminal)
    dvm_home.keeper()  # over the dead one's socket and lock
    dvm_home.shell()[1].read_until(b"$ ")


# -- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", ["", "0" * 32, "../x", "\0", "x" * 5000])
def test_e17_a_terminal_that_is_not_there_is_not_found(dvm_home: DvmHome, terminal: str) -> None:
    dvm_home.keeper()
    dvm_home.shell()
    with pytest.raises(NotFound):
        client.attach(dvm_home, terminal)
    with pytest.raises(NotFound):
        client.close(dvm_home, terminal)


@pytest.mark.parametrize("vm", ["-f", "a b", "../x", "A", "", "x" * 31, "dvm;ls"])
def test_c01_a_name_that_is_none_starts_nothing(dvm_home: DvmHome, vm: str) -> None:
    dvm_home.keeper()
    with pytest.raises(UsageError):
        client.open_terminal(dvm_home, vm)


def test_an_argv_is_not_taken(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    for command in ("bash -c id", ["bash", "-c", "id"], "", None):
        with pytest.raises(UsageError):
            client.open_terminal(dvm_home, "app", command=command)  # type: ignore[arg-type]


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    with pytest.raises(DvmError, match="could not be opened"):
        client.open_terminal(dvm_home, "unknown")
    assert client.list_terminals(dvm_home) == ()
    assert keeper.poll() is None


def test_b13_one_terminal_too_many_is_refused_and_the_others_live(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    for _ in range(31):
        client.open_terminal(dvm_home, "app")
    with pytest.raises(UsageError, match="limit is 32"):
        client.open_terminal(dvm_home, "app")
    client.open_terminal(dvm_home, "deaf")  # another VM
    viewer.type("echo st''ill\n")
    viewer.read_until(b"still")
    client.close(dvm_home, terminal)


def test_another_version_is_told_and_let_go(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(locations.socket_path(dvm_home.paths)))
        link.sendall(wire.control({"do": "hello", "versions": [99]}))
        (answer,) = wire.Decoder().feed(link.recv(4096))
        assert isinstance(answer, dict)
        assert answer["is"] == "error"
        assert link.recv(10) == b""


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n" * 10, wire.control({"do": "list"})])
def test_a_client_that_speaks_another_language_is_let_go(dvm_home: DvmHome, noise: bytes) -> None:
    keeper = dvm_home.keeper()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(locations.socket_path(dvm_home.paths)))
        link.sendall(noise)
        link.settimeout(5)
        while link.recv(4096):
            pass
    assert keeper.poll() is None
    dvm_home.shell()[1].read_until(b"$ ")


def test_a_second_keeper_does_not_take_over(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, _ = dvm_home.shell()
    with pytest.raises(AssertionError):
        dvm_home.keeper("ends=0.3")
    assert facts(dvm_home, terminal).id == terminal


def test_echo_is_quick(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    _, viewer = dvm_home.shell()
    viewer.type("stty raw -echo; echo re''ady; exec cat\n")
    viewer.read_until(b"ready")
    times = []
    for _ in range(100):
        began = time.perf_counter()
        viewer.type("x")
        viewer.read_until(b"x")
        times.append(time.perf_counter() - began)
    assert sorted(times)[50] < 0.02  # a pexpect `send` would take 0.05


def test_e01_others_are_served_during_a_flood(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    _, loud = dvm_home.shell()
    _, quiet = dvm_home.shell()
    quiet.read_until(b"$ ")
    loud.type(FLOOD)
    stop = threading.Event()

    def drink() -> None:
        while not stop.is_set():
            loud.read(1)

    reader = threading.Thread(target=drink)
    reader.start()
    try:
        quiet.type("echo qu''iet\n")
        quiet.read_until(b"quiet")
    finally:
        stop.set()
        reader.join()


def test_the_keeper_holds_no_descriptor_of_a_closed_terminal(dvm_home: DvmHome) -> None:
    keeper = dvm_home.keeper()
    _, stays = dvm_home.shell()
    stays.read_until(b"$ ")
    process = psutil.Process(keeper.pid)
    before = process.num_fds()
    for _ in range(5):
        _, viewer = dvm_home.shell("short")
        viewer.wait_for("exit")
        viewer.close()
    eventually(lambda: process.num_fds() == before)


# -- names, agents, cut replays ---------------------------------------------------------------------------------------


def test_a_terminal_has_a_name_that_can_be_changed(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    first, second = client.open_terminal(dvm_home, "app"), client.open_terminal(dvm_home, "app")
    other = client.open_terminal(dvm_home, "stubborn", name=" tests  ")
    assert [facts(dvm_home, one).name for one in (first, second, other)] == ["shell", "shell 2", "tests"]
    client.rename(dvm_home, first, "dev server é")
    assert facts(dvm_home, first).name == "dev server é"
    assert client.attach(dvm_home, first).attached["name"] == "dev server é"


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\nb", "a\x1b[31m", "\u202eevil", "\0"])
def test_what_cannot_be_shown_is_no_name(dvm_home: DvmHome, name: str) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "app")
    with pytest.raises(UsageError):
        client.rename(dvm_home, terminal, name)
    assert facts(dvm_home, terminal).name == "shell"


def test_the_list_of_many_terminals_is_told_whole(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    for vm in ("app", "stubborn", "deaf"):
        for _ in range(requests.PER_VM):
            client.open_terminal(dvm_home, vm, name="n" * requests.LONGEST_NAME)
    assert len(client.list_terminals(dvm_home)) == 3 * requests.PER_VM


def test_terminals_that_ended_take_no_place(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    for _ in range(requests.PER_VM + 1):
        terminal = client.open_terminal(dvm_home, "short")
        eventually(lambda: facts(dvm_home, terminal).ended)  # noqa: B023


def test_an_agent_says_how_it_stands_and_its_end_waits_to_be_seen(dvm_home: DvmHome) -> None:
    dvm_home.keeper("10", "30", "0.1")
    terminal = client.open_terminal(dvm_home, "agent", command="claude")
    eventually(lambda: (facts(dvm_home, terminal).state, facts(dvm_home, terminal).guess) == ("waits", False))
    with dvm_home.viewer(terminal).connection as connection:
        connection.send(b"go\n")
        eventually(lambda: (facts(dvm_home, terminal).state, facts(dvm_home, terminal).guess) == ("works", False))
        connection.control(do="away")
        connection.send(b"stop\n")
        eventually(lambda: facts(dvm_home, terminal).ended)
    # A hidden tab was told; nobody has seen it, and it stays although others would be forgotten by now.
    short = client.open_terminal(dvm_home, "short")
    eventually(lambda: all(one.id != short for one in client.list_terminals(dvm_home)))
    told = facts(dvm_home, terminal)
    assert (told.state, told.reason) == ("ended", "Claude ended with exit code 3.")
    dvm_home.viewer(terminal).wait_for("exit")
    eventually(lambda: all(one.id != terminal for one in client.list_terminals(dvm_home)))


def test_an_end_that_nobody_saw_can_be_cleared_away(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    client.open_terminal(dvm_home, "app")
    terminal = client.open_terminal(dvm_home, "short", command="codex")
    eventually(lambda: facts(dvm_home, terminal).ended)
    client.close(dvm_home, terminal)
    assert all(one.id != terminal for one in client.list_terminals(dvm_home))


def test_a_bell_that_nobody_saw_is_a_guess_until_somebody_looks(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.type("sleep 0.2; printf '\\007'\n")
    viewer.read_until(b"\x07")
    viewer.connection.control(do="away")
    eventually(lambda: (facts(dvm_home, terminal).state, facts(dvm_home, terminal).guess) == ("rang", True))
    dvm_home.viewer(terminal).close()
    eventually(lambda: facts(dvm_home, terminal).state == "")


def test_a_cut_replay_begins_with_the_modes_that_were_lost_and_the_program_draws_anew(dvm_home: DvmHome) -> None:
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.type("trap 'echo drawn in $(stty size)' WINCH; printf '\\033[?1049h\\033[?1h\\033[?2004l'; echo up\n")
    viewer.read_until(b"up\r\n")
    viewer.type("yes | head -c 3000000; echo do''ne\n")
    viewer.read_until(b"done")
    later = dvm_home.viewer(terminal, None)
    assert (later.connection.attached["cut"], later.connection.attached["modes"]) == (True, "\x1b[?1049h\x1b[?1h")
    later.read_until(b"drawn in 23 80")
    later.read_until(b"drawn in 24 80")
    assert not [message for message in later.said if message["is"] == "size"]  # the window stays as it is


def test_a_keeper_that_does_not_answer_is_not_taken_for_none(
    dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LIST_PATIENCE", 0.2)
    keeper = dvm_home.keeper()
    client.open_terminal(dvm_home, "app")
    keeper.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(CheckFailed, match="does not respond"):
            client.list_terminals(dvm_home)
    finally:
        keeper.send_signal(signal.SIGCONT)
    assert len(client.list_terminals(dvm_home)) == 1


def test_a_keeper_of_old_is_asked_for_no_names(dvm_home: DvmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    dvm_home.keeper()
    terminal = client.open_terminal(dvm_home, "app")
    monkeypatch.setattr(wire, "VERSIONS", (1,))
    with pytest.raises(NotNow, match="older than this dashboard"):
        client.rename(dvm_home, terminal, "new")
