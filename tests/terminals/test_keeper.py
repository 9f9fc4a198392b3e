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

from dvmweb.errors import CouldNotLook, DvmError, NotFound, NotNow, UsageError
from dvmweb.terminals import client, keeping, place, requests, wire
from dvmweb.terminals.connection import KeeperGone
from dvmweb.terminals.flow import WINDOW, Size
from dvmweb.terminals.pty_child import PtyChild
from dvmweb.terminals.ring import CAPACITY
from tests.terminals.conftest import House, Viewer, eventually

FLOOD = "yes 0123456789abcdef\n"


def facts(house: House, terminal: str) -> client.TerminalFacts:
    return next(one for one in client.list_terminals(house) if one.id == terminal)


def total(house: House, terminal: str) -> int:
    """How many bytes the terminal has said."""
    connection = client.attach(house, terminal, None)
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


def test_a_terminal_answers_and_comes_back_with_its_screen(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    viewer.type("echo o''ne\n")
    viewer.read_until(b"one")
    viewer.close()
    again = house.viewer(terminal, None)
    assert again.connection.attached["reset"]
    again.read_until(b"one")
    again.type("echo t''wo\n")
    again.read_until(b"two")


def test_a_reader_that_lost_its_line_goes_on_at_its_offset(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    viewer.read_until(b"$ ")
    viewer.close()
    other = house.viewer(terminal, viewer.at)
    other.type("echo mi''ssed\n")
    other.read_until(b"missed")
    back = house.viewer(terminal, viewer.at)
    assert not back.connection.attached["reset"]
    assert b"missed" in back.read_until(b"missed")
    assert back.connection.attached["replay"] >= other.at


def test_an_offset_that_never_was_begins_anew(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    viewer.read_until(b"$ ")
    for offset in (10**9, -5):
        attached = house.viewer(terminal, offset).connection.attached
        assert (attached["from"], attached["reset"]) == (0, True)


def test_e12_the_first_viewer_answers_what_the_shell_asked_and_a_later_one_does_not(house: House) -> None:
    house.keeper()
    terminal = client.open_terminal(house, "app")
    eventually(lambda: facts(house, terminal).idle < facts(house, terminal).age)
    first = house.viewer(terminal)
    assert first.connection.attached["replay"] == 0
    first.read_until(b"$ ")
    assert house.viewer(terminal, None).connection.attached["replay"] == first.at


def test_two_viewers_see_the_same_and_both_may_type(house: House) -> None:
    house.keeper()
    terminal, one = house.shell()
    two = house.viewer(terminal)
    two.type("echo fr''om-two\n")
    one.read_until(b"from-two")
    two.read_until(b"from-two")
    assert facts(house, terminal).viewers == 2


def test_the_socket_is_ours_alone(house: House) -> None:
    house.keeper()
    path = place.socket_path(house.paths)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# -- flow ------------------------------------------------------------------------------------------------------------


def test_e02_a_viewer_that_stops_reading_pauses_the_pty_and_is_dropped(house: House) -> None:
    house.keeper("1.0")
    terminal, viewer = house.shell()
    viewer.read_until(b"$ ")
    viewer.acks = False
    before = viewer.at
    viewer.type(FLOOD)
    dropped = viewer.wait_for("dropped")
    assert dropped
    assert viewer.at - before <= WINDOW  # it got no more than its window, and so the pty was read no further
    eventually(lambda: facts(house, terminal).viewers == 0)
    moved = total(house, terminal)
    eventually(lambda: total(house, terminal) > moved + CAPACITY)  # with no viewer it goes on
    back = house.viewer(terminal, None)
    back.type("\x03")
    back.type("echo al''ive\n")
    back.read_until(b"alive")


def test_e03_with_no_viewer_a_flood_costs_no_memory(house: House) -> None:
    keeper = house.keeper()
    terminal, viewer = house.shell()
    viewer.type(FLOOD)
    viewer.close()
    eventually(lambda: total(house, terminal) > 2 * CAPACITY)
    before = psutil.Process(keeper.pid).memory_info().rss
    start = total(house, terminal)
    eventually(lambda: total(house, terminal) > start + 20 * CAPACITY, 30)
    assert psutil.Process(keeper.pid).memory_info().rss - before < 4_000_000


def test_e05_a_slow_viewer_does_not_hold_up_a_fast_one(house: House) -> None:
    house.keeper()
    terminal, fast = house.shell()
    slow = house.viewer(terminal)
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


def test_idle_terminals_cost_the_keeper_little(house: House) -> None:
    keeper = house.keeper()
    house.shell()[1].read_until(b"$ ")
    before = psutil.Process(keeper.pid).memory_info().rss
    for _ in range(10):
        house.shell()[1].read_until(b"$ ")
    assert psutil.Process(keeper.pid).memory_info().rss - before < 3_000_000


def test_input_for_a_program_that_does_not_read_is_bounded(house: House) -> None:
    keeper = house.keeper()
    _, viewer = house.shell("deaf")
    viewer.read_until(b"up")
    before = psutil.Process(keeper.pid).memory_info().rss
    for _ in range(200):
        viewer.connection.send(b"x" * 60_000)
    viewer.wait_for("overrun")
    assert psutil.Process(keeper.pid).memory_info().rss - before < 8_000_000


def test_long_input_arrives_whole(house: House) -> None:
    house.keeper()
    _, viewer = house.shell()
    viewer.type("stty raw -echo; echo re''ady; head -c 400000 | sha256sum; stty sane\n")
    viewer.read_until(b"ready")
    viewer.connection.send(b"z" * 400_000)
    viewer.read_until(hashlib.sha256(b"z" * 400_000).hexdigest().encode(), 20)


# -- sizes and silence -----------------------------------------------------------------------------------------------


def test_e15_the_size_follows_the_smallest_and_grows_when_it_goes(house: House) -> None:
    house.keeper("10", "3")
    terminal, big = house.shell()
    big.connection.control(do="resize", cols=120, rows=40)
    assert big.wait_for("size") == {"is": "size", "cols": 120, "rows": 40}
    small = Viewer(client.attach(house, terminal, 0, 60, 20))
    assert big.wait_for("size")["cols"] == 60
    big.type("stty size\n")
    big.read_until(b"20 60")
    assert small  # it stays connected and says nothing more: no close, no pong
    assert big.wait_for("size")["cols"] == 120


def test_a_hidden_window_makes_no_other_smaller(house: House) -> None:
    house.keeper()
    terminal, big = house.shell()
    small = Viewer(client.attach(house, terminal, 0, 60, 20))
    assert big.wait_for("size")["cols"] == 60
    small.connection.control(do="away")
    assert big.wait_for("size")["cols"] == 80


def test_e19_a_flood_of_sizes_reaches_the_program_as_few(house: House) -> None:
    house.keeper()
    _, viewer = house.shell()
    viewer.type("n=0; trap 'n=$((n+1))' WINCH; echo se''t\n")
    viewer.read_until(b"set")
    for number in range(1000):
        viewer.connection.control(do="resize", cols=50 + number % 50, rows=20)
    viewer.connection.control(do="resize", cols=77, rows=33)
    while viewer.wait_for("size")["cols"] != 77:
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
def test_e19_control_that_makes_no_sense_changes_nothing(house: House, message: dict[str, Any]) -> None:
    house.keeper()
    _, viewer = house.shell()
    viewer.connection.control(**message)
    viewer.type("echo go''es on; stty size\n")
    assert b"24 80" in viewer.read_until(b"24 80")


def test_e16_a_killed_tab_frees_its_place_and_the_terminal_stays(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    viewer.read_until(b"$ ")
    viewer.connection._socket.close()
    eventually(lambda: facts(house, terminal).viewers == 0)
    house.viewer(terminal, None).read_until(b"$ ")


# -- ends ------------------------------------------------------------------------------------------------------------


def test_a_shell_that_ends_says_how_after_its_last_words(house: House) -> None:
    keeper = house.keeper()
    _, viewer = house.shell("short")
    viewer.read_until(b"bye")
    said = viewer.wait_for("exit")
    assert said == {"is": "exit", "code": 7, "reason": "The shell has ended with exit code 7.", "why": "ended"}
    read_to_the_end(viewer)
    assert keeper.wait(5) == 0  # the last terminal has ended, and so has the keeper
    assert not place.socket_path(house.paths).exists()


def test_what_a_terminal_said_before_its_end_waits_for_a_slow_viewer(house: House) -> None:
    house.keeper()
    _, viewer = house.shell()
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


def host_agent(house: House) -> subprocess.Popen[bytes]:
    """What stands for the host agent of the VM `app`."""
    agent = subprocess.Popen(("sleep", "100"))
    folder = house.paths.lima_home / "dvm-app"
    folder.mkdir(parents=True)
    (folder / "ha.pid").write_text(f"{agent.pid}\n")
    return agent


def test_e21_a_vm_that_is_gone_ends_its_terminals_with_the_reason(house: House) -> None:
    agent = host_agent(house)
    house.keeper()
    _, viewer = house.shell()
    other, _ = house.shell("deaf")  # a VM of which nobody knows a host agent
    viewer.type("echo kn''own\n")
    viewer.read_until(b"known")
    agent.kill()
    agent.wait()
    said = viewer.wait_for("exit")
    assert (said["reason"], said["why"]) == ("The VM was stopped.", "stopped")
    assert [one.ended for one in client.list_terminals(house) if one.id == other] == [False]


def test_a_connection_that_a_stop_has_cut_is_told_as_the_stop(house: House) -> None:
    agent = host_agent(house)
    house.keeper()
    _, viewer = house.shell()
    viewer.type("exit 255\n")  # as ssh does
    viewer.read_until(b"exit")
    agent.kill()
    agent.wait()
    said = viewer.wait_for("exit")
    assert (said["reason"], said["why"]) == ("The VM was stopped.", "stopped")


@pytest.mark.parametrize("text", ["9" * 30, "-1", "0", "", "x", "1 2", " 1"])
def test_what_is_no_pid_is_no_run_of_a_vm(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvm-app").mkdir()
    file = tmp_path / "dvm-app" / "ha.pid"
    file.write_text(text)
    assert keeping._boot_of(tmp_path, "app") == ""
    file.unlink()
    os.mkfifo(file)
    assert keeping._boot_of(tmp_path, "app") is None
    file.unlink()
    file.write_text(f"{os.getpid()}\n")
    assert keeping._boot_of(tmp_path, "app") == str(os.getpid())


def test_a_keeper_without_descriptors_does_not_take_its_vms_for_stopped(house: House) -> None:
    host_agent(house)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        found = keeping._boot_of(house.paths.lima_home, "app")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found is None


def test_a_look_is_no_answer_to_an_agent_that_waits(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell("agent")
    eventually(lambda: facts(house, terminal).state == "waits")
    for report in (b"\x1b[I", b"\x1b[O", b"\x1b[I\x1b[12;40R", b"\x1b[?1;2c"):
        viewer.connection.send(report)
    viewer.connection.control(do="list")  # answered after all of them were typed
    viewer.wait_for("list")
    assert facts(house, terminal).state == "waits"
    viewer.connection.send(b"x")
    viewer.connection.control(do="list")
    viewer.wait_for("list")
    assert facts(house, terminal).state == ""


def test_an_end_that_nobody_saw_waits_for_a_look(house: House) -> None:
    keeper = house.keeper()
    terminal = client.open_terminal(house, "short")
    eventually(lambda: facts(house, terminal).ended)
    viewer = house.viewer(terminal, None)
    viewer.read_until(b"bye")
    assert viewer.wait_for("exit")["code"] == 7
    assert keeper.wait(5) == 0


def test_an_end_that_nobody_looks_at_is_forgotten(house: House) -> None:
    keeper = house.keeper("10", "30", "0.5")
    client.open_terminal(house, "short")
    assert keeper.wait(10) == 0


def test_close_ends_even_a_program_that_ignores_it(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell("stubborn")
    viewer.read_until(b"up")
    client.close(house, terminal)
    ended = viewer.wait_for("exit")
    assert (ended["code"], ended["reason"]) == (137, "It was closed.")


def test_what_a_shell_left_on_the_pty_does_not_keep_it_open(house: House) -> None:
    house.keeper()
    _, viewer = house.shell("daemon")
    viewer.read_until(b"left")
    assert viewer.wait_for("exit")["code"] == 0


def test_no_zombie_is_left(house: House) -> None:
    keeper = house.keeper()
    terminal, _ = house.shell()
    for _ in range(3):
        client.open_terminal(house, "short")
    children = psutil.Process(keeper.pid).children
    eventually(lambda: len(children()) == 1)
    assert terminal


def test_a_pty_that_is_closed_takes_no_size_and_ends_nothing() -> None:
    """A program may end before the keeper gives it its size; a fault there ended the shells of all others."""
    child = PtyChild(("/bin/true",), {}, Size(80, 24))
    child.close()
    child.resize(Size(100, 30))
    eventually(lambda: child.ended() is not None)


def test_sigterm_ends_the_shells_and_the_keeper(house: House) -> None:
    keeper = house.keeper()
    _, viewer = house.shell()
    viewer.read_until(b"$ ")
    (child,) = psutil.Process(keeper.pid).children()
    keeper.terminate()
    assert keeper.wait(5) == 0
    eventually(lambda: not child.is_running())
    read_to_the_end(viewer)


def test_a_killed_keeper_is_replaced(house: House) -> None:
    keeper = house.keeper()
    terminal, viewer = house.shell()
    keeper.kill()
    keeper.wait(5)
    read_to_the_end(viewer)
    assert client.list_terminals(house) == ()
    with pytest.raises(NotFound):
        client.attach(house, terminal)
    house.keeper()  # over the dead one's socket and lock
    house.shell()[1].read_until(b"$ ")


# -- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", ["", "0" * 32, "../x", "\0", "x" * 5000])
def test_e17_a_terminal_that_is_not_there_is_not_found(house: House, terminal: str) -> None:
    house.keeper()
    house.shell()
    with pytest.raises(NotFound):
        client.attach(house, terminal)
    with pytest.raises(NotFound):
        client.close(house, terminal)


@pytest.mark.parametrize("vm", ["-f", "a b", "../x", "A", "", "x" * 31, "dvm;ls"])
def test_c01_a_name_that_is_none_starts_nothing(house: House, vm: str) -> None:
    house.keeper()
    with pytest.raises(UsageError):
        client.open_terminal(house, vm)


def test_an_argv_is_not_taken(house: House) -> None:
    house.keeper()
    for command in ("bash -c id", ["bash", "-c", "id"], "", None):
        with pytest.raises(UsageError):
            client.open_terminal(house, "app", command=command)  # type: ignore[arg-type]


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing(house: House) -> None:
    keeper = house.keeper()
    with pytest.raises(DvmError, match="could not be opened"):
        client.open_terminal(house, "unknown")
    assert client.list_terminals(house) == ()
    assert keeper.poll() is None


def test_b13_one_terminal_too_many_is_refused_and_the_others_live(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    for _ in range(31):
        client.open_terminal(house, "app")
    with pytest.raises(UsageError, match="at most 32"):
        client.open_terminal(house, "app")
    client.open_terminal(house, "deaf")  # another VM
    viewer.type("echo st''ill\n")
    viewer.read_until(b"still")
    client.close(house, terminal)


def test_another_version_is_told_and_let_go(house: House) -> None:
    house.keeper()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(place.socket_path(house.paths)))
        link.sendall(wire.control({"do": "hello", "versions": [99]}))
        (answer,) = wire.Decoder().feed(link.recv(4096))
        assert isinstance(answer, dict)
        assert answer["is"] == "error"
        assert link.recv(10) == b""


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n" * 10, wire.control({"do": "list"})])
def test_a_client_that_speaks_another_language_is_let_go(house: House, noise: bytes) -> None:
    keeper = house.keeper()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(place.socket_path(house.paths)))
        link.sendall(noise)
        link.settimeout(5)
        while link.recv(4096):
            pass
    assert keeper.poll() is None
    house.shell()[1].read_until(b"$ ")


def test_a_second_keeper_does_not_take_over(house: House) -> None:
    house.keeper()
    terminal, _ = house.shell()
    with pytest.raises(AssertionError):
        house.keeper()
    assert facts(house, terminal).id == terminal


def test_echo_is_quick(house: House) -> None:
    house.keeper()
    _, viewer = house.shell()
    viewer.type("stty raw -echo; echo re''ady; exec cat\n")
    viewer.read_until(b"ready")
    times = []
    for _ in range(100):
        began = time.perf_counter()
        viewer.type("x")
        viewer.read_until(b"x")
        times.append(time.perf_counter() - began)
    assert sorted(times)[50] < 0.02  # a pexpect `send` would take 0.05


def test_e01_others_are_served_during_a_flood(house: House) -> None:
    house.keeper()
    _, loud = house.shell()
    _, quiet = house.shell()
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


def test_the_keeper_holds_no_descriptor_of_a_closed_terminal(house: House) -> None:
    keeper = house.keeper()
    _, stays = house.shell()
    stays.read_until(b"$ ")
    process = psutil.Process(keeper.pid)
    before = process.num_fds()
    for _ in range(5):
        _, viewer = house.shell("short")
        viewer.wait_for("exit")
        viewer.close()
    eventually(lambda: process.num_fds() == before)


# -- names, agents, cut replays ---------------------------------------------------------------------------------------


def test_a_terminal_has_a_name_that_can_be_changed(house: House) -> None:
    house.keeper()
    first, second = client.open_terminal(house, "app"), client.open_terminal(house, "app")
    other = client.open_terminal(house, "stubborn", name=" tests  ")
    assert [facts(house, one).name for one in (first, second, other)] == ["shell", "shell 2", "tests"]
    client.rename(house, first, "dev server é")
    assert facts(house, first).name == "dev server é"
    assert client.attach(house, first).attached["name"] == "dev server é"


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\nb", "a\x1b[31m", "\u202eevil", "\0"])
def test_what_cannot_be_shown_is_no_name(house: House, name: str) -> None:
    house.keeper()
    terminal = client.open_terminal(house, "app")
    with pytest.raises(UsageError):
        client.rename(house, terminal, name)
    assert facts(house, terminal).name == "shell"


def test_the_list_of_many_terminals_is_told_whole(house: House) -> None:
    house.keeper()
    for vm in ("app", "stubborn", "deaf"):
        for _ in range(requests.PER_VM):
            client.open_terminal(house, vm, name="n" * requests.LONGEST_NAME)
    assert len(client.list_terminals(house)) == 3 * requests.PER_VM


def test_terminals_that_ended_take_no_place(house: House) -> None:
    house.keeper()
    for _ in range(requests.PER_VM + 1):
        terminal = client.open_terminal(house, "short")
        eventually(lambda: facts(house, terminal).ended)  # noqa: B023


def test_an_agent_says_how_it_stands_and_its_end_waits_to_be_seen(house: House) -> None:
    house.keeper("10", "30", "0.1")
    terminal = client.open_terminal(house, "agent", command="claude")
    eventually(lambda: (facts(house, terminal).state, facts(house, terminal).guess) == ("waits", False))
    with house.viewer(terminal).connection as connection:
        connection.send(b"go\n")
        eventually(lambda: (facts(house, terminal).state, facts(house, terminal).guess) == ("works", False))
        connection.control(do="away")
        connection.send(b"stop\n")
        eventually(lambda: facts(house, terminal).ended)
    # A hidden tab was told; nobody has seen it, and it stays although others would be forgotten by now.
    short = client.open_terminal(house, "short")
    eventually(lambda: all(one.id != short for one in client.list_terminals(house)))
    told = facts(house, terminal)
    assert (told.state, told.reason) == ("ended", "Claude has ended with exit code 3.")
    house.viewer(terminal).wait_for("exit")
    eventually(lambda: all(one.id != terminal for one in client.list_terminals(house)))


def test_an_end_that_nobody_saw_can_be_cleared_away(house: House) -> None:
    house.keeper()
    client.open_terminal(house, "app")
    terminal = client.open_terminal(house, "short", command="codex")
    eventually(lambda: facts(house, terminal).ended)
    client.close(house, terminal)
    assert all(one.id != terminal for one in client.list_terminals(house))


def test_a_bell_that_nobody_saw_is_a_guess_until_somebody_looks(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    viewer.type("sleep 0.2; printf '\\007'\n")
    viewer.read_until(b"\x07")
    viewer.connection.control(do="away")
    eventually(lambda: (facts(house, terminal).state, facts(house, terminal).guess) == ("rang", True))
    house.viewer(terminal).close()
    eventually(lambda: facts(house, terminal).state == "")


def test_a_cut_replay_begins_with_the_modes_that_were_lost_and_the_program_draws_anew(house: House) -> None:
    house.keeper()
    terminal, viewer = house.shell()
    viewer.type("trap 'echo drawn in $(stty size)' WINCH; printf '\\033[?1049h\\033[?1h\\033[?2004l'; echo up\n")
    viewer.read_until(b"up\r\n")
    viewer.type("yes | head -c 3000000; echo do''ne\n")
    viewer.read_until(b"done")
    later = house.viewer(terminal, None)
    assert (later.connection.attached["cut"], later.connection.attached["modes"]) == (True, "\x1b[?1049h\x1b[?1h")
    later.read_until(b"drawn in 23 80")
    later.read_until(b"drawn in 24 80")
    assert not [message for message in later.said if message["is"] == "size"]  # the window stays as it is


def test_a_keeper_that_does_not_answer_is_not_taken_for_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIST_PATIENCE", 0.2)
    keeper = house.keeper()
    client.open_terminal(house, "app")
    keeper.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(CouldNotLook, match="does not answer"):
            client.list_terminals(house)
    finally:
        keeper.send_signal(signal.SIGCONT)
    assert len(client.list_terminals(house)) == 1


def test_a_keeper_of_old_is_asked_for_no_names(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.keeper()
    terminal = client.open_terminal(house, "app")
    monkeypatch.setattr(wire, "VERSIONS", (1,))
    with pytest.raises(NotNow, match="older than this dashboard"):
        client.rename(house, terminal, "new")
