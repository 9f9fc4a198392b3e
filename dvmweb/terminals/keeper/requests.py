"""The terminals of the keeper, and the requests of its clients."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.names import is_id, new_id, vm_name
from dvmweb.terminals import wire
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.keeper import flow
from dvmweb.terminals.keeper.client_session import ClientLost, ClientSession
from dvmweb.terminals.keeper.flow import Size
from dvmweb.terminals.keeper.pty_child import PtyChild
from dvmweb.terminals.keeper.terminal import Terminal
from dvmweb.terminals.launch import SHELL, LaunchRequest

PER_VM, IN_ALL, VIEWERS = 32, 128, 16
MOST_ENDED = 64  # ended agents kept until their end is seen
PER_CONNECTION = 8  # terminals on one shared SSH connection: sshd allows 10 sessions, and our checks need some
LONGEST_NAME = 40  # characters
COMMANDS = (SHELL, *AGENTS)


Start = Callable[[LaunchRequest, Size], PtyChild]


class BootOf(Protocol):
    """Returns an identifier of this run of a VM, "" where it does not run, None where not known. Must not block.

    `has_lost`: a connection to the VM was lost; then "" also for a VM that is being stopped.
    """

    def __call__(self, vm: str, /, *, has_lost: bool = False) -> str | None: ...


class Requests:
    """The terminals by id, and the handlers of all messages. Uses sockets only through ClientSession."""

    def __init__(self, start: Start, boot_of: BootOf) -> None:
        self.terminals: dict[str, Terminal] = {}
        self.fresh: list[Terminal] = []  # new ones that the loop does not watch yet
        self.has_opened = False
        self._start, self._boot_of = start, boot_of
        self._handlers: dict[str, Callable[[ClientSession, dict[str, Any]], dict[str, object] | None]] = {
            "open": self._open,
            "list": self._list,
            "close": self._close,
            "rename": self._rename,
            "attach": self._attach,
            "ack": self._ack,
            "resize": self._resize,
            "away": self._away,
            "pong": lambda _client, _message: None,  # any message shows that a viewer is alive
        }

    def handle(self, client: ClientSession, message: wire.Message) -> None:
        """Handle a client's message. Raises ClientLost, and WireError for a protocol violation."""
        client.flow.last_message_at = time.monotonic()
        if client.is_replaced:
            raise ClientLost
        if isinstance(message, bytes):
            self._input(client, message)
        elif not client.version:
            self._hello(client, message)
        else:
            handler = self._handlers.get(str(message.get("do")), _unknown)
            try:
                response = handler(client, message)
            except DvmError as error:
                response = {"is": "error", "kind": type(error).__name__, "what": error.what, "todo": error.todo}
            if response is not None:
                client.send_control(response)

    def of(self, client: ClientSession) -> Terminal | None:
        """The terminal that a client is attached to."""
        return self.terminals.get(client.terminal_id)

    def _hello(self, client: ClientSession, message: dict[str, Any]) -> None:
        versions = message.get("versions")
        known = [one for one in versions if one in wire.VERSIONS] if isinstance(versions, list) else []
        if message.get("do") != "hello" or not known:
            what = f"The terminal keeper supports protocol version {wire.VERSION}."
            client.send_control({"is": "error", "kind": "WireError", "what": what})
            raise wire.WireError("no common version")
        client.version = max(known)
        client.send_control({"is": "hello", "version": client.version})

    def _input(self, client: ClientSession, data: bytes) -> None:
        terminal = self.of(client)
        if terminal is None or terminal.code is not None:
            return
        terminal.ledger.note(client.client_id, len(data))  # also refused input, which "overrun" reports
        if not terminal.type(data, time.monotonic()):
            client.send_control({"is": "overrun"})

    def _open(self, _client: ClientSession, message: dict[str, Any]) -> dict[str, object]:
        vm, command = vm_name(str(message.get("vm"))), message.get("command")
        if command not in COMMANDS:
            raise UsageError(
                "A terminal takes a named command, not a command line.", f"Use one of: {', '.join(COMMANDS)}."
            )
        open_ones = [one for one in self.terminals.values() if not one.finished_at]
        _check_limits(vm, open_ones)
        name = _name(message.get("name")) or _free_name(command, {one.name for one in open_ones if one.vm == vm})
        size = flow.size_of(message.get("cols"), message.get("rows")) or Size(flow.COLUMNS, flow.ROWS)
        now = time.monotonic()
        connection = _free_connection(one.connection for one in open_ones if one.vm == vm)
        boot = self._boot_of(vm) or ""
        launch = LaunchRequest(vm, command, new_id(), connection, boot)
        child = self._start(launch, size)
        terminal = Terminal(launch.id, vm, command, name, connection, child, size, now, used_at=now, boot=boot)
        terminal.attention.printed_at = now
        self.terminals[terminal.id] = terminal
        self.fresh.append(terminal)
        self.has_opened = True
        return {"is": "opened", "id": terminal.id}

    def forget_old_ends(self) -> None:
        """Keep only the newest ended terminals without viewers."""
        ended = [one for one in self.terminals.values() if one.finished_at and not one.viewers]
        for one in sorted(ended, key=lambda one: one.finished_at)[:-MOST_ENDED]:
            del self.terminals[one.id]

    def _find(self, message: dict[str, Any]) -> Terminal:
        found = self.terminals.get(str(message.get("id")))
        if found is None:
            raise NotFound("This terminal does not exist; it may have ended.", "Open a new one.")
        return found

    def _list(self, _client: ClientSession, _message: dict[str, Any]) -> dict[str, object]:
        now = time.monotonic()
        return {"is": "list", "terminals": [terminal.facts(now) for terminal in self.terminals.values()]}

    def _close(self, _client: ClientSession, message: dict[str, Any]) -> dict[str, object]:
        terminal = self._find(message)
        terminal.hang_up("The terminal was closed.", time.monotonic())
        terminal.was_seen_ended = True  # who closes it need not see its end; an end that is kept is dropped now
        if terminal.finished_at and not terminal.viewers:
            del self.terminals[terminal.id]
        return {"is": "closed"}

    def _rename(self, _client: ClientSession, message: dict[str, Any]) -> dict[str, object]:
        terminal = self._find(message)
        name = _name(message.get("name"))
        if not name:
            raise UsageError("The new name is empty.", f"Use 1 to {LONGEST_NAME} characters.")
        terminal.name = name
        return {"is": "renamed", "name": name}

    def _attach(self, client: ClientSession, message: dict[str, Any]) -> dict[str, object]:
        terminal, offset = self._find(message), message.get("from")
        if client.terminal_id:
            raise UsageError("This connection is already attached to a terminal.", "Use another connection.")
        client.client_id = _client_id(message.get(wire.CLIENT_ID))
        _replace(terminal, client.client_id)
        if len(terminal.viewers) >= VIEWERS:
            raise UsageError(f"This terminal is already open in {VIEWERS} windows.", "Close one of them.")
        is_offset = isinstance(offset, int) and not isinstance(offset, bool)
        size = flow.size_of(message.get("cols"), message.get("rows"))
        return terminal.attach(client, offset if is_offset else None, size, time.monotonic())

    def _ack(self, client: ClientSession, message: dict[str, Any]) -> None:
        client.flow.accept(message.get("at"), time.monotonic())

    def _resize(self, client: ClientSession, message: dict[str, Any]) -> None:
        client.size = flow.size_of(message.get("cols"), message.get("rows")) or client.size

    def _away(self, client: ClientSession, _message: dict[str, Any]) -> None:
        client.size = None  # a hidden window does not limit the size


def _client_id(name: object) -> str:
    return name if isinstance(name, str) and is_id(name) else ""


def _replace(terminal: Terminal, client_id: str) -> None:
    """Drop the client's previous connection, which may not have ended yet, and ignore its late input."""
    for old in [one for one in terminal.viewers if client_id and one.client_id == client_id]:
        old.is_replaced = True
        terminal.viewers.remove(old)
        old.hang_up()


def _check_limits(vm: str, open_ones: list[Terminal]) -> None:
    of_vm = sum(terminal.vm == vm for terminal in open_ones)
    if of_vm >= PER_VM or len(open_ones) >= IN_ALL:
        raise UsageError(
            f"{of_vm} terminals of {vm} are open, {len(open_ones)} in total.",
            f"Close some: the limit is {PER_VM} for one VM and {IN_ALL} in total.",
        )


def _name(text: object) -> str:
    """A name as the user typed it, "" for none. Raises UsageError for one that is too long or not printable."""
    name = text.strip() if isinstance(text, str) else ""
    if len(name) > LONGEST_NAME or visible(name, LONGEST_NAME) != name:
        raise UsageError("This is not a valid terminal name.", f"Use 1 to {LONGEST_NAME} printable characters.")
    return name


def _free_name(command: str, taken: Collection[str]) -> str:
    """The command's name, with a number where it is taken."""
    return next(name for n in range(1, len(taken) + 2) if (name := f"{command} {n}" if n > 1 else command) not in taken)


def _free_connection(taken: Iterable[int]) -> int:
    """The first shared SSH connection with room for one more terminal."""
    counts = Counter(taken)
    return next(number for number in range(len(counts) + 1) if counts[number] < PER_CONNECTION)


def _unknown(_client: ClientSession, _message: dict[str, Any]) -> None:
    """Ignore a message that only newer clients send."""
