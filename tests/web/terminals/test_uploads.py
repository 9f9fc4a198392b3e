"""Files dropped on a terminal: names, tickets, and the whole path from a WebSocket into a guest (threats.md F)."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import websocket

from dvmweb import names
from dvmweb.demo import store
from dvmweb.errors import NotNow, UsageError
from dvmweb.verbs.uploads import Slots, Wanted, pipe
from dvmweb.verbs.uploads import messages as words
from dvmweb.verbs.vms import Vms
from dvmweb.web.app import create_app
from dvmweb.web.server.sessions import Sessions
from dvmweb.web.terminals.upload_pages import announced
from tests.journey.conftest import DvmHome, guests_work, remove
from tests.web.conftest import Served, serving
from tests.web.demo import eventually
from tests.web.terminals.test_terminal import open_socket, post, refused

__all__ = ["guests_work"]
pytestmark = pytest.mark.xdist_group("uploads")
PIECE = 65536
PAGE = "/vms/app/upload"
# Stand-ins for the guest's Python: they are ready for the bytes, and then do what our own script never does.
READY = 'exec 4<stream; printf "%s\\0" dvm-answer receive 1 "$DVM_NONCE" ready 3 "$DVM_HOST" "$DVM_INSTANCE" "$DVM_ID"'


@pytest.fixture(scope="module")
def sample_vms(guests_work: None) -> Iterator[DvmHome]:
    """A home with a guest that runs."""
    dvm_home = DvmHome(Path(tempfile.mkdtemp(prefix="dvm-")))
    try:
        dvm_home.ok("init", "app")
        dvm_home.ok("sync", "app")
        yield dvm_home
    finally:
        dvm_home.end()
        remove(dvm_home.home)


@pytest.fixture(scope="module")
def served(sample_vms: DvmHome) -> Iterator[Served]:
    """A dashboard on it."""
    vms = Vms(sample_vms.paths, sample_vms.environ)
    sessions = Sessions(vms.paths.state / "web")
    app = create_app(vms, sessions)
    try:
        with serving(app, vms, sessions) as one:
            yield one
    finally:
        app.extensions["dvm"]["watch"].end()


class Guest:
    """The files of the guest, seen from outside."""

    def __init__(self, dvm_home: DvmHome) -> None:
        self.root = dvm_home.paths.lima_home / "dvm-app" / "guest"
        self.home = self.root / "home"
        self.code = self.home / "code" / "app"
        self.identity = self.root / "etc/dvm/identity"

    def give(self, path: Path) -> Path:
        """Let it be the guest's own, where the tests run as root."""
        owner = self.home.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        return path

    def leftovers(self) -> list[Path]:
        return list(self.home.rglob(".dvm-upload.*"))

    def processes(self) -> list[str]:
        """What runs in it, but for what holds it up."""
        agent = store.read_agent(self.root.parent)
        its_files = (Path("/proc") / str(agent.driver_pid) / "ns/mnt").readlink()
        found = []
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                if (Path("/proc") / str(process.pid) / "ns/mnt").readlink() == its_files:
                    found.append(" ".join(process.cmdline())[:5000])
        return [line for line in found if "dvm-script" in line or "./main" in line]

    def nothing_is_left(self) -> None:
        eventually(lambda: not self.leftovers())

    @contextmanager
    def program(self, name: str, body: str) -> Iterator[None]:
        """A program of the guest's own in the place of the system's."""
        path = self.root / "local/bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        try:
            yield
        finally:
            path.unlink()


@pytest.fixture
def guest(sample_vms: DvmHome, served: Served) -> Iterator[Guest]:
    """The guest with an empty code dir; no upload is under way when the test ends."""
    guest = Guest(sample_vms)
    if guest.code.exists():
        shutil.rmtree(guest.code)
    guest.code.mkdir()
    guest.give(guest.code)
    yield guest
    eventually(lambda: served.app.extensions["dvm"]["sockets"].count == 0)


class Tab:
    """A browser tab that sends one file."""

    def __init__(self, served: Served, name: str, size: int, **said: Any) -> None:
        status, body = post(served, f"{PAGE}/ticket")
        assert status == 200, body
        self.given: dict[str, Any] = json.loads(body)
        self.ws = open_socket(served, f"{self.given['socket']}?ticket={self.given['ticket']}")
        self.say({"name": name, "size": size, **said})

    def say(self, message: Any) -> None:
        self.ws.send(json.dumps(message))

    def hear(self) -> dict[str, Any]:
        """The next message; the close frame as `{"is": "closed"}`."""
        opcode, message = self.ws.recv_data(control_frame=True)
        while opcode == websocket.ABNF.OPCODE_PING:
            opcode, message = self.ws.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return {"is": "closed", "code": int.from_bytes(message[:2], "big")}
        return dict(json.loads(message))

    def ready(self) -> Tab:
        """Wait until the guest wants the first byte."""
        assert self.hear() == {"is": "ack", "at": 0}
        return self

    def end(self) -> dict[str, Any]:
        """The last word, behind all that was acknowledged."""
        while (said := self.hear())["is"] == "ack":
            pass
        self.ws.close()
        return said


def send(served: Served, name: str, data: bytes, size: int | None = None) -> dict[str, Any]:
    """Send a file as the page does, and return how it ended."""
    tab = Tab(served, name, len(data) if size is None else size)
    said = tab.hear()
    if said["is"] != "ack":
        tab.ws.close()
        return said
    with suppress(OSError, websocket.WebSocketException):  # it may have ended in the middle
        for at in range(0, len(data), PIECE):
            tab.ws.send_binary(data[at : at + PIECE])
        tab.say({"do": "end"})
    return tab.end()


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no name"),
        ("   ", "no name"),
        ("../x", "slash"),
        ("/etc/passwd", "slash"),
        ("a\\b", "slash"),
        (".git/hooks/x", "slash"),
        ("-r", "option"),
        ("--", "option"),
        (".", "dots"),
        ("..", "dots"),
        ("...", "dots"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("a\x1b[2Jb", "control"),
        ("a\x7f", "control"),
        ("a\u2028b", "control"),
        ("a\ud800", "control"),
        ("x" * 256, "longer than 255 bytes"),
        ("é" * 128, "longer than 255 bytes"),
        (".git", "execute"),
        (".GIT", "execute"),
        (".dvm", "execute"),
        (".envrc", "execute"),
        (".vscode", "execute"),
        (".bashrc", "execute"),
        (".ssh", "execute"),
    ],
)
def test_f02_f09_a_name_that_no_file_may_have_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Wanted(name, 1)


GOOD = [
    "README", "readme", "é.txt", "e\u0301.txt", "a.", "CON", ".DS_Store", ".env", ".gitignore", "a:b", "a b  c", "日本",
    "$(x)`y`'\"", "x" * 255, "é" * 127, "a\u202eb", "*?[", "%s", "~", "#", "!x",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_f02_a_name_of_any_script_stays_as_it_is(name: str) -> None:
    assert Wanted(name, 0).name == name


@pytest.mark.parametrize("size", [-1, (4 << 30) + 1, 10**30])
def test_f03_a_size_beyond_the_cap_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match="4 GiB at most"):
        Wanted("a", size)


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("photo.png", "photo (2).png"),
        ("Makefile", "Makefile (2)"),
        (".env", ".env (2)"),
        ("..a", "..a (2)"),
        ("a.tar.gz", "a.tar (2).gz"),
        ("a.", "a (2)."),
        ("a.a sentence as long as this", "a.a sentence as long as this (2)"),
        ("x" * 251 + ".png", "x" * 246 + " (2).png"),
        ("é" * 127, "é" * 125 + " (2)"),
    ],
)
def test_f02_the_second_of_a_name_keeps_its_end_and_fits(name: str, second: str) -> None:
    stem, end = names.numbered_parts(name)
    assert f"{stem} (2){end}" == second
    assert len(f"{stem} (99){end}".encode()) <= 255
    assert names.is_numbered(second, name)
    assert not names.is_numbered(f"{stem} (1){end}", name)


def test_a_vm_takes_so_many_files_at_once() -> None:
    slots = Slots()
    third = slots.slot("app")
    with slots.slot("app"), slots.slot("app"), slots.slot("other"), pytest.raises(NotNow, match="2 uploads"):
        third.__enter__()
    with slots.slot("app"), slots.slot("app"):
        pass


# -- into the guest --------------------------------------------------------------------------------------------------


def test_f02_a_file_arrives_byte_by_byte_and_is_only_read_and_written(served: Served, guest: Guest) -> None:
    data = os.urandom(5_000_001)
    assert send(served, "data.bin", data) == {"is": "done", "name": "data.bin", "folder": "~/code/app"}
    file = guest.code / "data.bin"
    assert file.read_bytes() == data
    assert (file.stat().st_mode & 0o7777, file.stat().st_uid) == (0o644, guest.code.stat().st_uid)
    assert [path.name for path in guest.code.iterdir()] == ["data.bin"]
    guest.nothing_is_left()


@pytest.mark.parametrize("name", ["$(touch pwned)`touch pwned`'\"; touch pwned", "é *.txt", "%s", "x" * 255])
def test_f09_a_name_is_never_shell(served: Served, guest: Guest, name: str) -> None:
    assert send(served, name, b"x")["is"] == "done"
    assert [path.name for path in guest.code.iterdir()] == [name]


def test_f09_an_empty_file_arrives(served: Served, guest: Guest) -> None:
    assert send(served, "empty", b"")["is"] == "done"
    assert (guest.code / "empty").read_bytes() == b""


def test_f02_what_is_there_is_kept_and_no_link_is_followed(served: Served, guest: Guest) -> None:
    (guest.code / "a.txt").write_text("mine")
    (guest.code / "a (2).txt").symlink_to("nowhere")
    (guest.code / "a (3).txt").mkdir()
    assert send(served, "a.txt", b"new") == {"is": "done", "name": "a (4).txt", "folder": "~/code/app"}
    assert (guest.code / "a.txt").read_text() == "mine"
    assert (guest.code / "a (4).txt").read_text() == "new"
    assert not (guest.code / "nowhere").exists()
    assert list((guest.code / "a (3).txt").iterdir()) == []


def test_f02_a_hundredth_file_of_a_name_is_refused(served: Served, guest: Guest) -> None:
    for name in ("a", *(f"a ({number})" for number in range(2, 100))):
        (guest.code / name).touch()
    assert "too many files named a" in send(served, "a", b"x")["what"]
    assert len(list(guest.code.iterdir())) == 99


def test_f09_without_a_code_dir_it_goes_home(served: Served, guest: Guest) -> None:
    guest.code.rmdir()
    assert send(served, "at home", b"x") == {"is": "done", "name": "at home", "folder": "~"}
    assert (guest.home / "at home").read_bytes() == b"x"
    (guest.home / "at home").unlink()


def test_f09_a_code_dir_that_is_none_is_said(served: Served, guest: Guest) -> None:
    guest.code.rmdir()
    guest.code.write_text("a file")
    try:
        assert "cannot write into ~/code/app" in send(served, "a", b"x")["what"]
        assert guest.code.read_text() == "a file"
    finally:
        guest.code.unlink()
        guest.code.mkdir()


# -- what does not arrive whole --------------------------------------------------------------------------------------


def test_f06_a_stream_that_is_too_short_makes_no_file(served: Served, guest: Guest) -> None:
    said = send(served, "a", b"x" * 1000, size=2000)
    assert (said["what"], said["todo"]) == ("a is smaller than announced.", words.NOTHING)
    guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize("first", [0, 10, 9])
def test_f03_a_stream_that_goes_on_makes_no_file(served: Served, guest: Guest, first: int) -> None:
    tab = Tab(served, "a", 10).ready()
    for piece in (b"x" * first, b"y" * 11):
        tab.ws.send_binary(piece)
    said = tab.end()
    assert (said["is"], said["todo"]) == ("error", words.NOTHING)
    assert "larger than announced" in said["what"]
    guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


def test_f06_a_tab_that_is_closed_makes_no_file(served: Served, guest: Guest) -> None:
    tab = Tab(served, "a", 10_000_000).ready()
    tab.ws.send_binary(b"x" * PIECE)
    assert guest.processes()
    assert list(guest.code.iterdir()) == []  # what is on its way has no name that anybody could take
    assert tab.ws.sock is not None
    tab.ws.sock.close()  # no close frame
    guest.nothing_is_left()
    eventually(lambda: not guest.processes())
    assert list(guest.code.iterdir()) == []


def test_f06_all_bytes_without_the_last_word_make_no_file(served: Served, guest: Guest) -> None:
    tab = Tab(served, "a", 3).ready()
    tab.ws.send_binary(b"abc")
    assert tab.hear() == {"is": "ack", "at": 3}
    tab.ws.close()
    guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


def test_b07_logging_out_ends_an_upload(served: Served, guest: Guest) -> None:
    second = served.sessions.login(served.sessions.issue_login())
    assert second
    other = Served(served.server, served.app, served.vms, served.sessions, second)
    tab = Tab(other, "a", 10_000_000).ready()
    assert post(other, "/logout")[0] in (200, 303, 401)
    assert tab.hear() == {"is": "closed", "code": 4401}
    guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


def test_f06_a_browser_that_stands_still_is_given_up(
    served: Served, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = Tab(served, "a", 10_000_000).ready()
    monkeypatch.setattr(pipe, "STALL", 0.3)
    tab.ws.send_binary(b"x" * PIECE)
    assert "No progress" in tab.end()["what"]
    guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


def test_f06_a_guest_that_takes_nothing_holds_up_the_browser_and_is_given_up(
    served: Served, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody keeps what the guest does not take: a browser that goes on sending has to wait."""
    with guest.program("python3", f"{READY}; exec sleep 600"):
        tab = Tab(served, "a", 200_000_000).ready()
        monkeypatch.setattr(pipe, "STALL", 1.0)
        tab.ws.settimeout(0.5)
        sent = 0
        with suppress(websocket.WebSocketTimeoutException):
            while sent < 100_000_000:
                tab.ws.send_binary(b"x" * PIECE)
                sent += PIECE
        assert sent < 20_000_000  # what the pipes and sockets between hold
        tab.ws.close()
        eventually(lambda: served.app.extensions["dvm"]["sockets"].count == 0)
        guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"{READY}; exit 0", "arrive"),  # "not known whether", or "did not" where it ended before the last byte
        (
            f"{READY}; head -c 5 <&4 >/dev/null; printf '%s\\0' at 1 5 refused 1 incomplete end 1 \"$DVM_NONCE\"",
            "did not arrive completely",
        ),
        ('ulimit -f 0; exec /usr/bin/python3 "$@"', "could not write a"),  # the disk is full, once it is written
    ],
    ids=["nothing", "a part", "full"],
)
def test_f06_half_a_file_is_no_file_whatever_the_guest_says(
    served: Served, guest: Guest, body: str, words: str
) -> None:
    with guest.program("python3", body):
        assert words in send(served, "a", b"x" * 1000)["what"]
        guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


def test_f09_a_file_that_does_not_fit_is_refused_before_it_is_sent(
    served: Served, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "RESERVE", 9 * 10**12)
    said = send(served, "a", b"x")
    assert "no space for a" in said["what"]
    assert list(guest.code.iterdir()) == []


def test_a_guest_without_python_takes_nothing_and_says_what_to_install(served: Served, guest: Guest) -> None:
    """Found on PATH, but nothing that runs; where there is none, bash says the same (tests/recipes)."""
    with guest.program("python3", f'{READY.partition("ready")[0]} refused 1 python end 1 "$DVM_NONCE"'):
        said = send(served, "a", b"x")
    assert (said["what"], "apt-get install python3" in said["todo"]) == (
        "app cannot receive files: it has no python3.",
        True,
    )
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize("line", ["dvm-other {id}", "dvm-app {other}", "dvm-app", "", None])
def test_another_guest_gets_nothing(served: Served, guest: Guest, line: str | None) -> None:
    """A clone's ssh may lead to its origin: whoever is not the VM that was meant writes not even a temporary file."""
    was = guest.identity.read_text()
    before = guest.home.stat().st_mtime_ns, guest.code.stat().st_mtime_ns
    try:
        if line is None:
            guest.identity.unlink()
        else:
            guest.identity.write_text(line.format(id=was.split()[1], other="0" * 32) + "\n")
        said = send(served, "a", b"x")
    finally:
        guest.identity.write_text(was)
        guest.give(guest.identity)
    assert said["what"] == "The guest that answered is not app as dvm knows it: nothing was sent."
    assert (guest.home.stat().st_mtime_ns, guest.code.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "fault",
    [
        {"exit": 0},
        {"exit": 0, "stdout": "x" * 100_000},
        {
            "exit": 0,
            "stdout": "dvm-answer\0receive\x001\0" + "0" * 32 + "\0ready\x000\0done\x000\0end\x001\0" + "0" * 32 + "\0",
        },
        {"exit": 255, "stderr": "Connection refused"},
    ],
    ids=["silent", "noise", "forged", "refused"],
)
def test_f06_an_answer_that_is_none_is_no_success(
    served: Served, guest: Guest, sample_vms: DvmHome, fault: dict[str, Any]
) -> None:
    sample_vms.faults(ssh=fault)
    try:
        said = send(served, "a", b"x")
    finally:
        sample_vms.faults()
    assert said["is"] == "error"
    assert "No file was created" in said["what"] + said["todo"]


AT = r"at\0001\00010\000"  # what the script itself says after the tenth byte


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (r"at\0001\000999999\000", "an invalid number"),
        (r"at\0001\0000\000", "invalid response to the upload"),
        (r"ready\0000\000", "invalid response to the upload"),
        (r"done\0002\000a\000~\000", "invalid response to the upload"),
    ],
    ids=["more than was sent", "less than before", "ready again", "done before its end"],
)
def test_d11_a_guest_that_says_what_cannot_be_is_not_believed(
    served: Served, guest: Guest, record: str, what: str
) -> None:
    with guest.program(
        "python3", f"{READY}; head -c 10 <&4 >/dev/null; printf '{record}{AT}'; exec cat <&4 >/dev/null"
    ):
        tab = Tab(served, "a", 10).ready()
        tab.ws.send_binary(b"0123456789")
        assert what in tab.end()["what"]
        guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


# -- who may not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "-r", "", "x" * 300, ".git", "a\nb"])
def test_f09_a_bad_name_is_told_and_nothing_runs(served: Served, guest: Guest, name: str) -> None:
    said = send(served, name, b"x")
    assert said["is"] == "error"
    assert "was not sent" in said["what"]
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize(
    "hello",
    ["", "x", "[]", "{}", '{"name":"a"}', '{"name":1,"size":1}', '{"name":"a","size":true}', '{"name":"a","size":1.5}',
     '{"name":"a","size":"1"}', "[" * 4000, " " * 5000, b'{"name":"a","size":1}', None],
)  # fmt: skip
def test_a_first_word_that_names_no_file_is_refused(hello: str | bytes | None) -> None:
    with pytest.raises(UsageError, match="did not send a file name"):
        announced(hello)


def test_bytes_that_nobody_asked_for_end_the_upload(served: Served, guest: Guest) -> None:
    tab = Tab(served, "a", 10)
    tab.ws.send_binary(b"x" * 10)
    assert tab.end()["what"] == "The browser sent unexpected bytes."
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize("message", ["nonsense", '{"do":"begin"}', "[" * 1000])
def test_what_no_browser_of_ours_says_is_closed_with_1008(served: Served, guest: Guest, message: str) -> None:
    tab = Tab(served, "a", 10).ready()
    tab.ws.send(message)
    assert tab.hear() == {"is": "closed", "code": 1008}
    guest.nothing_is_left()
    assert list(guest.code.iterdir()) == []


def test_a_third_upload_into_a_vm_has_to_wait(served: Served, guest: Guest) -> None:
    tabs = [Tab(served, name, 10).ready() for name in ("a", "b")]
    assert "2 uploads to app are already running" in send(served, "c", b"x")["what"]
    for tab in tabs:
        tab.ws.close()
    eventually(lambda: served.app.extensions["dvm"]["sockets"].count == 0)
    assert send(served, "c", b"x")["is"] == "done"


def test_e17_a_ticket_opens_one_upload_of_its_vm(served: Served, guest: Guest) -> None:
    tab = Tab(served, "a", 1).ready()
    second = served.sessions.login(served.sessions.issue_login())
    assert second
    other = Served(served.server, served.app, served.vms, served.sessions, second)
    fresh = json.loads(post(served, f"{PAGE}/ticket")[1])
    terminal = tab.given["socket"].replace("upload", "terminal")
    for who, path in (
        (served, f"{tab.given['socket']}?ticket={tab.given['ticket']}"),  # used
        (served, tab.given["socket"]),
        (served, f"{tab.given['socket']}?ticket=guess"),
        (served, f"{fresh['socket'].replace('/app/', '/other/')}?ticket={fresh['ticket']}"),
        (served, f"{fresh['socket']}?ticket={fresh['ticket']}"),  # used up by the wrong VM
        (other, f"{tab.given['socket']}?ticket={json.loads(post(served, f'{PAGE}/ticket')[1])['ticket']}"),
        (served, f"{terminal}?ticket={json.loads(post(served, f'{PAGE}/ticket')[1])['ticket']}"),
    ):
        assert refused(who, path) == 404, path
    tab.ws.close()


def test_b08_a_ticket_needs_session_and_csrf_token_and_a_vm_that_runs(served: Served, guest: Guest) -> None:
    assert post(served, f"{PAGE}/ticket", csrf="")[0] == 403
    stranger = Served(served.server, served.app, served.vms, served.sessions, "0" * 43)
    assert refused(stranger, f"{served.sessions.prefix}{PAGE}/socket?ticket=x") == 401
    assert post(served, "/vms/nobody/upload/ticket")[0] == 404
    served.vms.init("idle")
    try:
        status, body = post(served, "/vms/idle/upload/ticket")
        assert (status, json.loads(body)["what"]) == (409, "idle is not created yet. Sync it first.")
    finally:
        served.vms.paths.vm_config("idle").unlink()


def test_a_guest_that_boots_or_does_not_answer_takes_nothing_and_the_words_say_what_helps(
    served: Served, guest: Guest
) -> None:
    instance = guest.root.parent
    fault, events = instance / "fault.json", instance / "ha.stdout.log"
    kept = events.read_bytes()
    fault.write_text('{"silent": true}')
    try:
        said = send(served, "a", b"x")
        assert said["what"].startswith("app is Running but does not respond.")
        assert "`dvm stop app`" in said["todo"]
        events.write_bytes(kept.splitlines(keepends=True)[0])  # as before the boot was over
        status, body = post(served, f"{PAGE}/ticket")
        assert (status, "app is still booting" in json.loads(body)["what"]) == (409, True)
    finally:
        events.write_bytes(kept)
        fault.unlink()
    assert guest.leftovers() == []


def test_the_work_is_looked_at_after_a_file_has_arrived(served: Served, guest: Guest) -> None:
    """A file in no repository is work that a delete would lose: the card must not go on saying that there is none."""

    def is_known() -> bool:
        report = next(vm.work for vm in served.vms.list_vms() if vm.name == "app")
        return report is not None and "loose.txt" in report.loose.names

    assert send(served, "loose.txt", b"x")["is"] == "done"
    eventually(is_known)
