"""Terminals as the faces use them: open one, look at it, list and close them. Starts the keeper where there is none."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import dvmweb
from dvmweb import files
from dvmweb.errors import CouldNotLook, DvmError, NotFound, NotNow
from dvmweb.paths import Paths
from dvmweb.terminals import wire
from dvmweb.terminals.attention import IN_WORDS
from dvmweb.terminals.connection import PATIENCE, Connection, KeeperGone, KeeperSilent
from dvmweb.terminals.entering import keeper_environment
from dvmweb.terminals.order import SHELL
from dvmweb.terminals.place import folder, socket_path

STUCK = "Nobody can say which terminals there are. Its process is in {}/keeper.lock; they go on with it."
RENAMES = 2  # the version of the wire since which terminals have names
LIST_PATIENCE = 3.0  # seconds; pages wait for it
TRIES = 3  # a keeper may be about to end while we speak to it
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
    """All terminals; none where no keeper runs, which is not started for this.

    Raises CouldNotLook where one runs and does not answer: that is never "none".
    """
    try:
        connection = _connect(vms.paths, LIST_PATIENCE)
        if connection is None:
            return ()
        with connection:
            told = connection.ask(LIST_PATIENCE, do="list")["terminals"]
    except KeeperSilent as error:
        raise CouldNotLook("The keeper of the terminals does not answer.", STUCK.format(folder(vms.paths))) from error
    except KeeperGone:
        return ()  # it ended just now, and its terminals with it
    fields = TerminalFacts.__dataclass_fields__
    return tuple(TerminalFacts(**{name: one[name] for name in fields if name in one}) for one in told)


def rename(vms: House, terminal: str, name: str) -> None:
    """Give a terminal another name. Raises NotFound, UsageError for what is no name."""
    try:
        with _connected(vms) as connection:
            if connection.version < RENAMES:
                raise NotNow(
                    "The keeper is older than this dashboard.", "Close all terminals; those opened then have names."
                )
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


def _connect(places: Paths, patience: float = PATIENCE) -> Connection | None:
    """Speak to the keeper, or None where nobody listens. Raises KeeperGone where it does not answer."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(patience)
    try:
        link.connect(str(socket_path(places)))
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        return None
    except (TimeoutError, BlockingIOError) as error:  # more wait there than it ever takes
        link.close()
        raise KeeperSilent("The keeper of the terminals does not answer.", "Open the terminal again.") from error
    except BaseException:
        link.close()
        raise
    connection = Connection(link)
    try:
        connection.version = int(connection.ask(patience, do="hello", versions=[*wire.VERSIONS])["version"])
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
