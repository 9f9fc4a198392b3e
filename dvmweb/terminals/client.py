"""Terminals as the faces use them: open one, look at it, list and close them. Starts the keeper where there is none."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import dvmweb
from dvmweb import errors, files
from dvmweb.errors import DvmError, NotFound
from dvmweb.paths import Paths
from dvmweb.terminals import wire
from dvmweb.terminals.attention import IN_WORDS
from dvmweb.terminals.entering import keeper_environment
from dvmweb.terminals.order import SHELL
from dvmweb.terminals.place import folder, socket_path

PATIENCE = 10.0  # seconds for the keeper to answer; it never waits itself
TRIES = 3  # a keeper may be about to end while we speak to it
CHUNK = 131_072
READY = b"ready\n"


class House(Protocol):
    """What we need of dvmweb.vms.Vms, which stands above this room."""

    @property
    def paths(self) -> Paths: ...
    @property
    def environ(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class TerminalFacts:
    """One terminal as the keeper tells it."""

    id: str
    vm: str
    command: str
    age: float  # seconds since it was opened
    idle: float  # seconds since its last byte
    viewers: int
    cols: int
    rows: int
    ended: bool
    name: str = ""  # the user's word for it
    state: str = ""  # works, waits, ended or rang; "" where there is nothing to say
    guess: bool = False  # the state is guessed from a bell or from quiet
    since: float = 0.0  # seconds since that state began
    watched: bool = False  # somebody has it in sight
    reason: str = ""  # how it ended

    @property
    def state_in_words(self) -> str:
        """The state as people say it, "open" where there is nothing to say; a newer keeper may know more."""
        return IN_WORDS[self.state][self.guess] if self.state in IN_WORDS else "open"


class KeeperGone(DvmError):
    """The keeper has ended in the middle of a conversation."""


class Connection:
    """A conversation with the keeper. After `attach` it carries the bytes of one terminal. Close it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._decoder = wire.Decoder(wire.LONGEST_ANSWER)
        self._messages: deque[wire.Message] = deque()
        self.attached: dict[str, Any] = {}  # what the keeper said to `attach`: from, replay, reset, cut, cols, rows

    def fileno(self) -> int:
        """The descriptor, to wait on."""
        return self._socket.fileno()

    @property
    def has_more(self) -> bool:
        """Is a message here that `receive` has not returned yet?"""
        return bool(self._messages)

    def receive(self, timeout: float | None = None) -> wire.Message | None:
        """The next message: bytes of the terminal, or a dict. None after `timeout` seconds.

        Raises KeeperGone at the end.
        """
        while not self._messages:
            self._socket.settimeout(timeout)
            try:
                received = self._socket.recv(CHUNK)
            except TimeoutError:
                return None
            except OSError as error:
                raise KeeperGone("The keeper of the terminals has gone.", "Open the terminal again.") from error
            if not received:
                raise KeeperGone("The keeper of the terminals has gone.", "Open the terminal again.")
            self._messages.extend(self._decoder.feed(received))
        return self._messages.popleft()

    def send(self, data: bytes) -> None:
        """Type into the terminal. Raises KeeperGone."""
        self._send(wire.data(data))

    def control(self, **message: Any) -> None:
        """Send a control message such as do="ack", at=OFFSET or do="resize", cols=C, rows=R. Raises KeeperGone."""
        self._send(wire.control(message))

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send a request and return the answer. Raises the keeper's own error, or KeeperGone."""
        self.control(**message)
        answer = self.receive(PATIENCE)
        if not isinstance(answer, dict):
            raise KeeperGone("The keeper of the terminals does not answer.", "Open the terminal again.")
        if answer.get("is") == "error":
            kind = getattr(errors, str(answer.get("kind")), DvmError)
            is_ours = isinstance(kind, type) and issubclass(kind, DvmError)
            raise (kind if is_ours else DvmError)(str(answer.get("what")), str(answer.get("todo") or ""))
        return answer

    def _send(self, frames: bytes) -> None:
        try:
            self._socket.sendall(frames)
        except OSError as error:
            raise KeeperGone("The keeper of the terminals has gone.", "Open the terminal again.") from error

    def shut(self) -> None:
        """End the conversation from another thread: whoever waits in `receive` gets KeeperGone."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it and free the descriptor."""
        self._socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# -- what faces call -------------------------------------------------------------------------------------------------


def open_terminal(vms: House, vm: str, cols: int = 80, rows: int = 24, command: str = SHELL, name: str = "") -> str:
    """Open a terminal in a VM and return its id; starts the keeper where there is none.

    Raises UsageError at a limit, DvmError when the keeper or the pty cannot be had. That the VM runs is not looked at:
    the terminal says what limactl says.
    """
    for _ in range(TRIES):
        with suppress(KeeperGone), _connected(vms, must_start=True) as connection:
            return str(connection.ask(do="open", vm=vm, command=command, name=name, cols=cols, rows=rows)["id"])
    raise KeeperGone("The keeper of the terminals could not be started.", f"See {folder(vms.paths) / 'keeper.log'}.")


def attach(
    vms: House,
    terminal: str,
    offset: int | None = None,
    cols: int | None = None,
    rows: int | None = None,
    typist: str = "",
) -> Connection:
    """Look at a terminal from the byte `offset` on (None: from the oldest that is kept). Close what is returned.

    Without a size it follows the other viewers. A `typist` (an id) that comes back ends its line before, and is told
    how many bytes of its input were taken. Acknowledge what was shown, else it stops. Raises NotFound.
    """
    with suppress(KeeperGone):
        connection = _connect(vms.paths)
        if connection is not None:
            try:
                asked = {"from": offset, "cols": cols, "rows": rows, "typist": typist}
                connection.attached = connection.ask(do="attach", id=terminal, **asked)
            except BaseException:
                connection.close()
                raise
            return connection
    raise _no_terminal()


def list_terminals(vms: House) -> tuple[TerminalFacts, ...]:
    """All terminals; none where no keeper runs, which is not started for this."""
    with suppress(KeeperGone), _connected(vms) as connection:
        fields = TerminalFacts.__dataclass_fields__
        told = connection.ask(do="list")["terminals"]
        return tuple(TerminalFacts(**{name: one[name] for name in fields if name in one}) for one in told)
    return ()


def rename(vms: House, terminal: str, name: str) -> None:
    """Give a terminal another name. Raises NotFound, UsageError for what is no name."""
    try:
        with _connected(vms) as connection:
            connection.ask(do="rename", id=terminal, name=name)
    except KeeperGone as error:
        raise _no_terminal() from error


def close(vms: House, terminal: str) -> None:
    """End a terminal: its shell gets SIGHUP. Raises NotFound."""
    try:
        with _connected(vms) as connection:
            connection.ask(do="close", id=terminal)
    except KeeperGone as error:
        raise _no_terminal() from error


def _no_terminal() -> NotFound:
    return NotFound("There is no such terminal; it may have ended.", "Open a new one.")


# -- the keeper ------------------------------------------------------------------------------------------------------


@contextmanager
def _connected(vms: House, *, must_start: bool = False) -> Iterator[Connection]:
    connection = _connect(vms.paths)
    if connection is None and must_start:
        connection = _start(vms)
    if connection is None:
        raise KeeperGone("No keeper runs.", "Open a terminal.")
    try:
        yield connection
    finally:
        connection.close()


def _connect(places: Paths) -> Connection | None:
    """Speak to the keeper, or None where nobody listens."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(PATIENCE)
    try:
        link.connect(str(socket_path(places)))
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        return None
    except BaseException:
        link.close()
        raise
    connection = Connection(link)
    try:
        connection.ask(do="hello", versions=[*wire.VERSIONS])
    except BaseException:
        connection.close()
        raise
    return connection


def _start(vms: House) -> Connection | None:
    """Start the keeper, unless another one of us does so right now; speak to it."""
    files.private_folder(vms.paths.state)
    lock = files.wait_lock(files.private_folder(folder(vms.paths)) / "start.lock")
    try:
        return _connect(vms.paths) or _spawn(vms)
    finally:
        lock.release()


def _spawn(vms: House) -> Connection | None:
    log = folder(vms.paths) / "keeper.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "dvmweb.terminals", "keep"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd="/",
            env={**keeper_environment(vms.environ, vms.paths), "PYTHONPATH": str(Path(dvmweb.__file__).parent.parent)},
            start_new_session=True,  # a stopped dashboard or a closed terminal does not reach it
        )
    assert process.stdout is not None  # noqa: S101
    with process.stdout:
        word = process.stdout.read()
    if word != READY:
        process.wait()
        said = log.read_bytes()[-2000:].decode("utf-8", "replace").strip()
        raise DvmError("The keeper of the terminals could not start.", said)
    return _connect(vms.paths)


list = list_terminals  # the name that the room's contract gives it
