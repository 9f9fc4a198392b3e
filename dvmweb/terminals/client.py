"""The client of the keeper, used by CLI and dashboard: open, attach, list, rename and close. Starts the keeper."""

from __future__ import annotations

import os
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
from dvmweb.errors import CheckFailed, DvmError, NotFound, NotNow
from dvmweb.paths import Paths
from dvmweb.terminals import wire
from dvmweb.terminals.connection import PATIENCE, Connection, KeeperGone, KeeperSilent
from dvmweb.terminals.exec_shell import keeper_environment
from dvmweb.terminals.launch import SHELL
from dvmweb.terminals.locations import folder, socket_path
from dvmweb.terminals.program_states import ENDED, IN_WORDS

STUCK = "The open terminals are not known, and keep running. The process ID of the keeper is in {}/keeper.lock."
RENAMES = 2  # the first protocol version in which terminals have names
LIST_PATIENCE = 3.0  # seconds; pages wait for the list
TRIES = 3  # the keeper may be about to end
READY = b"ready\n"
KEEPER_LOG = 10_000_000  # bytes


class Installation(Protocol):
    """The part of `dvmweb.verbs.vms.Vms` that is used here (this room must not import it)."""

    @property
    def paths(self) -> Paths: ...
    @property
    def environ(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class TerminalFacts:
    """One terminal as the keeper reports it."""

    id: str
    vm: str
    command: str
    age: float  # seconds since it was opened
    idle: float  # seconds since its last input or output
    viewers: int
    cols: int
    rows: int
    ended: bool
    name: str = ""  # given by the user, or the command's own
    state: str = ""  # works, waits, ended or rang; "" for none
    guess: bool = False  # the state is guessed from a bell or from silence
    since: float = 0.0  # seconds since that state began
    event: str = ""  # differs after each change of that state; "" from an older keeper
    turn: float = 0.0  # seconds since the agent's own hooks reported that it works; 0: it does not, or reports nothing
    watched: bool = False  # it is visible in a window
    reason: str = ""  # how it ended

    @property
    def state_in_words(self) -> str:
        """The state for people; "open" for none, or for one that only a newer keeper knows."""
        state = ENDED if self.ended else self.state  # the keeper reports no state for the end of a shell
        return IN_WORDS[state][self.guess and not self.ended] if state in IN_WORDS else "open"


# -- public ----------------------------------------------------------------------------------------------------------


def open_terminal(
    vms: Installation, vm: str, cols: int = 80, rows: int = 24, command: str = SHELL, name: str = ""
) -> str:
    """Open a terminal in a VM and return its id; starts the keeper where it is not running.

    Raises UsageError at a limit, DvmError when the keeper or the pty cannot be started. Whether the VM runs is not
    checked here: the terminal shows what limactl reports.
    """
    for _ in range(TRIES):
        with suppress(KeeperGone), _connected(vms, must_start=True) as connection:
            return str(connection.request(do="open", vm=vm, command=command, name=name, cols=cols, rows=rows)["id"])
    raise KeeperGone("The terminal keeper could not be started.", f"See {folder(vms.paths) / 'keeper.log'}.")


def attach(
    vms: Installation,
    terminal: str,
    offset: int | None = None,
    cols: int | None = None,
    rows: int | None = None,
    client_id: str = "",
) -> Connection:
    """Attach to a terminal from byte `offset` on (None: the oldest kept byte). The caller closes the connection.

    Without a size it follows the other viewers. A `client_id` that attaches again ends its previous connection, and
    learns how many bytes of its input arrived. Output stops until it is acknowledged. Raises NotFound.
    """
    with suppress(KeeperGone):
        connection = _connect(vms.paths)
        if connection is not None:
            try:
                options = {"from": offset, "cols": cols, "rows": rows, wire.CLIENT_ID: client_id}
                connection.attached = connection.request(do="attach", id=terminal, **options)
            except BaseException:
                connection.close()
                raise
            return connection
    raise _no_terminal()


def list_terminals(vms: Installation) -> tuple[TerminalFacts, ...]:
    """All terminals; none where the keeper is not running (it is not started for this).

    Raises CheckFailed where the keeper runs but does not respond: that is never "none".
    """
    try:
        connection = _connect(vms.paths, LIST_PATIENCE)
        if connection is None:
            return ()
        with connection:
            found = connection.request(LIST_PATIENCE, do="list")["terminals"]
    except KeeperSilent as error:
        raise CheckFailed("The terminal keeper does not respond.", STUCK.format(folder(vms.paths))) from error
    except KeeperGone:
        return ()  # it has just ended, and its terminals with it
    fields = TerminalFacts.__dataclass_fields__
    return tuple(TerminalFacts(**{name: one[name] for name in fields if name in one}) for one in found)


def rename(vms: Installation, terminal: str, name: str) -> None:
    """Rename a terminal. Raises NotFound, UsageError for an invalid name, NotNow for an old keeper."""
    try:
        with _connected(vms) as connection:
            if connection.version < RENAMES:
                raise NotNow(
                    "The terminal keeper is older than this dashboard and cannot rename terminals.",
                    "Close all terminals. New ones can be renamed.",
                )
            connection.request(do="rename", id=terminal, name=name)
    except KeeperGone as error:
        raise _no_terminal() from error


def close(vms: Installation, terminal: str) -> None:
    """Close a terminal: its program gets SIGHUP. Raises NotFound."""
    try:
        with _connected(vms) as connection:
            connection.request(do="close", id=terminal)
    except KeeperGone as error:
        raise _no_terminal() from error


def _no_terminal() -> NotFound:
    return NotFound("This terminal does not exist; it may have ended.", "Open a new one.")


# -- the keeper ------------------------------------------------------------------------------------------------------


@contextmanager
def _connected(vms: Installation, *, must_start: bool = False) -> Iterator[Connection]:
    connection = _connect(vms.paths)
    if connection is None and must_start:
        connection = _start(vms)
    if connection is None:
        raise KeeperGone("The terminal keeper is not running.", "Open a terminal.")
    try:
        yield connection
    finally:
        connection.close()


def _connect(paths: Paths, patience: float = PATIENCE) -> Connection | None:
    """Connect to the keeper; None where it is not running. Raises KeeperGone where it does not respond."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(patience)
    try:
        link.connect(str(socket_path(paths)))
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        return None
    except (TimeoutError, BlockingIOError) as error:  # its queue of connections is full
        link.close()
        raise KeeperSilent("The terminal keeper does not respond.", "Open the terminal again.") from error
    except BaseException:
        link.close()
        raise
    connection = Connection(link)
    try:
        connection.version = int(connection.request(patience, do="hello", versions=[*wire.VERSIONS])["version"])
    except BaseException:
        connection.close()
        raise
    return connection


def _start(vms: Installation) -> Connection | None:
    """Start the keeper, unless another process is doing so, and connect to it."""
    files.private_folder(vms.paths.state)
    lock = files.wait_lock(files.private_folder(folder(vms.paths)) / "start.lock")
    try:
        return _connect(vms.paths) or _spawn(vms)
    finally:
        lock.release()


def _spawn(vms: Installation) -> Connection | None:
    log = folder(vms.paths) / "keeper.log"
    with os.fdopen(files.open_own(log, os.O_WRONLY | os.O_TRUNC), "wb") as stderr:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "dvmweb.terminals", "keep"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd="/",
            env={**keeper_environment(vms.environ, vms.paths), "PYTHONPATH": str(Path(dvmweb.__file__).parent.parent)},
            start_new_session=True,  # survives a stopped dashboard or a closed terminal
        )
    assert process.stdout is not None  # noqa: S101
    with process.stdout:
        output = process.stdout.read()
    if output != READY:
        process.wait()
        reason = files.read_bounded(log, KEEPER_LOG)[-2000:].decode("utf-8", "replace").strip()
        raise DvmError("The terminal keeper could not be started.", reason)
    return _connect(vms.paths)
