"""What a client may ask of the keeper, and the terminals that there are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.names import is_id, new_id, vm_name
from dvmweb.terminals import flow, wire
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.flow import Size
from dvmweb.terminals.order import SHELL, Order
from dvmweb.terminals.peer import Peer, PeerLost
from dvmweb.terminals.pty_child import PtyChild
from dvmweb.terminals.terminal import Terminal

PER_VM, IN_ALL, VIEWERS = 32, 128, 16
MOST_ENDED = 64  # ends of agents that wait for somebody to look
PER_LINE = 8  # terminals on one shared connection: sshd takes 10 sessions on each, and our questions need some
LONGEST_NAME = 40  # characters
COMMANDS = (SHELL, *AGENTS)


Start = Callable[[Order, Size], PtyChild]
# What names this run of a VM, "" where it does not run, None where that cannot be told; must not wait.
BootOf = Callable[[str], str | None]


class Requests:
    """The terminals by id, and the answers to messages. Knows no sockets but through Peer."""

    def __init__(self, start: Start, boot_of: BootOf) -> None:
        self.terminals: dict[str, Terminal] = {}
        self.fresh: list[Terminal] = []  # the keeper does not listen to these yet
        self.has_opened = False
        self._start, self._boot_of = start, boot_of
        self._answers: dict[str, Callable[[Peer, dict[str, Any]], dict[str, object] | None]] = {
            "open": self._open,
            "list": self._list,
            "close": self._close,
            "rename": self._rename,
            "attach": self._attach,
            "ack": self._ack,
            "resize": self._resize,
            "away": self._away,
            "pong": lambda _peer, _message: None,  # any word at all shows that a viewer is there
        }

    def handle(self, peer: Peer, message: wire.Message) -> None:
        """Do what a client asks. Raises PeerLost, and WireError for one that does not speak our language."""
        peer.flow.heard_at = time.monotonic()
        if peer.is_replaced:
            raise PeerLost
        if isinstance(message, bytes):
            self._input(peer, message)
        elif not peer.version:
            self._hello(peer, message)
        else:
            answer = self._answers.get(str(message.get("do")), _unknown)
            try:
                said = answer(peer, message)
            except DvmError as error:
                said = {"is": "error", "kind": type(error).__name__, "what": error.what, "todo": error.todo}
            if said is not None:
                peer.say(said)

    def of(self, peer: Peer) -> Terminal | None:
        """The terminal that a client looks at."""
        return self.terminals.get(peer.terminal_id)

    def _hello(self, peer: Peer, message: dict[str, Any]) -> None:
        versions = message.get("versions")
        known = [one for one in versions if one in wire.VERSIONS] if isinstance(versions, list) else []
        if message.get("do") != "hello" or not known:
            peer.say({"is": "error", "kind": "WireError", "what": f"The keeper speaks version {wire.VERSION}."})
            raise wire.WireError("no common version")
        peer.version = max(known)
        peer.say({"is": "hello", "version": peer.version})

    def _input(self, peer: Peer, data: bytes) -> None:
        terminal = self.of(peer)
        if terminal is None or terminal.code is not None:
            return
        terminal.typists.note(peer.typist, len(data))  # also what is refused: that is told by "overrun"
        if not terminal.type(data, time.monotonic()):
            peer.say({"is": "overrun"})

    def _open(self, _peer: Peer, message: dict[str, Any]) -> dict[str, object]:
        vm, command = vm_name(str(message.get("vm"))), message.get("command")
        if command not in COMMANDS:
            raise UsageError(
                "A terminal takes a named command, never a command line.", f"Ask for one of: {', '.join(COMMANDS)}."
            )
        open_ones = [one for one in self.terminals.values() if not one.finished_at]
        _check_limits(vm, open_ones)
        name = _name(message.get("name")) or _free_name(command, {one.name for one in open_ones if one.vm == vm})
        size = flow.size_of(message.get("cols"), message.get("rows")) or Size(flow.COLUMNS, flow.ROWS)
        now = time.monotonic()
        line, boot = _free_line(one.line for one in open_ones if one.vm == vm), self._boot_of(vm) or ""
        order = Order(vm, command, new_id(), line, boot)
        child = self._start(order, size)
        terminal = Terminal(order.id, vm, command, name, order.line, child, size, now, used_at=now, boot=boot)
        terminal.attention.spoke_at = now
        self.terminals[terminal.id] = terminal
        self.fresh.append(terminal)
        self.has_opened = True
        return {"is": "opened", "id": terminal.id}

    def forget_old_ends(self) -> None:
        """Keep no more than the newest ends that nobody has looked at."""
        ended = [one for one in self.terminals.values() if one.finished_at and not one.viewers]
        for one in sorted(ended, key=lambda one: one.finished_at)[:-MOST_ENDED]:
            del self.terminals[one.id]

    def _find(self, message: dict[str, Any]) -> Terminal:
        found = self.terminals.get(str(message.get("id")))
        if found is None:
            raise NotFound("There is no such terminal; it may have ended.", "Open a new one.")
        return found

    def _list(self, _peer: Peer, _message: dict[str, Any]) -> dict[str, object]:
        now = time.monotonic()
        return {"is": "list", "terminals": [terminal.facts(now) for terminal in self.terminals.values()]}

    def _close(self, _peer: Peer, message: dict[str, Any]) -> dict[str, object]:
        terminal = self._find(message)
        terminal.hang_up("It was closed.", time.monotonic())
        terminal.was_told = True  # whoever closes it waits for no last words; an end that is kept goes now
        if terminal.finished_at and not terminal.viewers:
            del self.terminals[terminal.id]
        return {"is": "closed"}

    def _rename(self, _peer: Peer, message: dict[str, Any]) -> dict[str, object]:
        terminal = self._find(message)
        name = _name(message.get("name"))
        if not name:
            raise UsageError("The new name is empty.", f"Use 1 to {LONGEST_NAME} characters.")
        terminal.name = name
        return {"is": "renamed", "name": name}

    def _attach(self, peer: Peer, message: dict[str, Any]) -> dict[str, object]:
        terminal, offset = self._find(message), message.get("from")
        if peer.terminal_id:
            raise UsageError("This connection looks at a terminal already.", "Use another one.")
        peer.typist = _typist(message.get("typist"))
        _replace(terminal, peer.typist)
        if len(terminal.viewers) >= VIEWERS:
            raise UsageError(f"{VIEWERS} viewers look at this terminal already.", "Close some of its tabs.")
        is_offset = isinstance(offset, int) and not isinstance(offset, bool)
        size = flow.size_of(message.get("cols"), message.get("rows"))
        return terminal.attach(peer, offset if is_offset else None, size, time.monotonic())

    def _ack(self, peer: Peer, message: dict[str, Any]) -> None:
        peer.flow.accept(message.get("at"), time.monotonic())

    def _resize(self, peer: Peer, message: dict[str, Any]) -> None:
        peer.size = flow.size_of(message.get("cols"), message.get("rows")) or peer.size

    def _away(self, peer: Peer, _message: dict[str, Any]) -> None:
        peer.size = None  # a hidden window makes nobody else's smaller


def _typist(name: object) -> str:
    return name if isinstance(name, str) and is_id(name) else ""


def _replace(terminal: Terminal, typist: str) -> None:
    """Its line before this one may not have ended yet: it is no viewer any more, and nothing more is typed by it."""
    for old in [one for one in terminal.viewers if typist and one.typist == typist]:
        old.is_replaced = True
        terminal.viewers.remove(old)
        old.hang_up()


def _check_limits(vm: str, open_ones: list[Terminal]) -> None:
    of_vm = sum(terminal.vm == vm for terminal in open_ones)
    if of_vm >= PER_VM or len(open_ones) >= IN_ALL:
        raise UsageError(
            f"{of_vm} terminals of {vm} are open, {len(open_ones)} in all.",
            f"Close some: a VM has at most {PER_VM}, all VMs together {IN_ALL}.",
        )


def _name(text: object) -> str:
    """A name as the user typed it, "" for none. Raises UsageError for one that cannot be shown."""
    name = text.strip() if isinstance(text, str) else ""
    if len(name) > LONGEST_NAME or visible(name, LONGEST_NAME) != name:
        raise UsageError("This cannot name a terminal.", f"Use at most {LONGEST_NAME} letters, digits and signs.")
    return name


def _free_name(command: str, taken: Collection[str]) -> str:
    """The command's own name, with a number where it is taken."""
    return next(name for n in range(1, len(taken) + 2) if (name := f"{command} {n}" if n > 1 else command) not in taken)


def _free_line(taken: Iterable[int]) -> int:
    """The first shared connection with room for one more terminal."""
    counts = Counter(taken)
    return next(line for line in range(len(counts) + 1) if counts[line] < PER_LINE)


def _unknown(_peer: Peer, _message: dict[str, Any]) -> None:
    """A newer client may say more than we know."""
