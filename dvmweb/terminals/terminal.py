"""One terminal of the keeper: a program on a pty, its last output, and the viewers that look at it."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, field

from dvmweb.terminals import flow
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.attention import Attention
from dvmweb.terminals.flow import Flow, Size
from dvmweb.terminals.listening import Listener, Mode, Reset
from dvmweb.terminals.modes import Modes
from dvmweb.terminals.order import SHELL
from dvmweb.terminals.peer import Peer
from dvmweb.terminals.pty_child import PtyChild
from dvmweb.terminals.ring import Ring
from dvmweb.terminals.typists import Typists

# What a terminal sends by itself, and nobody typed: focus came or went, where the cursor is, what it is.
REPORTS = re.compile(rb"(?:\x1b\[(?:[IO]|[0-9;]{1,20}R|[?>][0-9;]{0,40}c))+")
READ_AT_ONCE = 65_536  # bytes, so that no terminal holds up the others
RESIZE_EVERY = 0.05  # seconds
PATIENCE = 3.0  # seconds between HUP and KILL
FIRST_LOOK = 10.0  # seconds in which the first viewer still answers what the program asked before it came
LOST = 255  # ssh's own code
WHY = 3.0  # seconds for the VM to be seen gone after its connection was lost
STOPPED = "The VM was stopped."
KEPT = 24 * 3600.0  # seconds for which the end of an agent that nobody saw is kept
BULK = 2048  # bytes at once that no typing makes
GATHER, GATHERED = 0.001, 49_152  # seconds and bytes: of a flood many small reads are sent as one
REDRAW = 0.3  # seconds of another size: a full-screen program draws all anew when it comes back


@dataclass
class Terminal:
    """What the keeper knows of one terminal. Times are monotonic seconds."""

    id: str
    vm: str
    command: str
    name: str  # the user's word for it
    line: int  # which shared connection it is on
    child: PtyChild
    size: Size
    opened_at: float
    ring: Ring = field(default_factory=Ring)
    viewers: list[Peer] = field(default_factory=list)
    typists: Typists = field(default_factory=Typists)
    attention: Attention = field(default_factory=Attention)
    listener: Listener = field(default_factory=Listener)
    modes: Modes = field(default_factory=Modes)
    used_at: float = 0.0
    redraw_until: float = 0.0
    sent_at: float = 0.0
    sent_end: int = 0  # up to here it was sent, or tried
    is_held: bool = False  # what was read waits for more
    given: Size | None = None  # what the pty has, if it was resized: in a redraw not what viewers are told
    resized_at: float = 0.0
    was_seen: bool = False
    code: int | None = None  # of the program, once it has ended
    reason: str = ""  # why we ended it
    boot: str = ""  # of its VM, once that is known
    hung_up_at: float = 0.0
    closed_at: float = 0.0  # nothing more comes from its pty
    finished_at: float = 0.0  # nothing more will come, and the code is known
    was_told: bool = False  # some viewer has seen how it ended

    @property
    def is_agent(self) -> bool:
        """Does it run an agent, whose end somebody waits for?"""
        return self.command != SHELL

    @property
    def is_watched(self) -> bool:
        """Has somebody got it in sight?"""
        return any(peer.size is not None for peer in self.viewers)

    # -- output ------------------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> int:
        """How many bytes to read now."""
        return flow.readable((peer.flow for peer in self.viewers), self.ring.end, READ_AT_ONCE)

    def read(self, now: float) -> bool:
        """Read what there is, as far as the viewers let us; True when the pty holds nothing more for ever."""
        room, begun = self.wanted, self.ring.end
        try:
            while room > 0:
                count = self.ring.fill(self.child.read_into, room)
                if count == 0:
                    return True
                room -= count
        except BlockingIOError:
            return self.code is not None
        finally:
            if self.ring.end != begun:
                self.used_at = self.attention.spoke_at = now
                self._listen(begun, now)
        return False

    def holds(self, read: int, now: float) -> bool:
        """Say whether what was read should wait a moment for more, and remember which it is."""
        is_flood = read >= BULK and self.ring.end - self.sent_end < GATHERED and now - self.sent_at < GATHER
        self.is_held = is_flood and self.child.descriptor >= 0
        if not self.is_held:
            self.sent_at, self.sent_end = now, self.ring.end
        return self.is_held

    def _listen(self, begun: int, now: float) -> None:
        """Hear what the new bytes hold."""
        for event in self.listener.hear(b"".join(self.ring.views(begun, self.ring.end - begun))):
            if isinstance(event, Mode):
                self.modes.change(event.at, event.number, is_on=event.is_on)
            elif isinstance(event, Reset):
                self.modes.reset(event.at)
            else:
                self.attention.hear(event, now)
        self.modes.forget(self.ring.start)

    def type(self, data: bytes, now: float) -> bool:
        """Give input to the program; False where too much waits already."""
        self.used_at = now
        if not REPORTS.fullmatch(data):
            self.attention.typed_at = now
        return self.child.write(data)

    # -- viewers -----------------------------------------------------------------------------------------------------

    def attach(self, peer: Peer, offset: int | None, size: Size | None, now: float) -> dict[str, object]:
        """Let a viewer look from `offset` on, or from the oldest byte; return what it must know.

        Up to `replay` it sees again what was shown before: questions in there must not be answered again.
        """
        ring = self.ring
        goes_on = offset is not None and ring.start <= offset <= ring.end
        begin = offset if goes_on and offset is not None else ring.line_start(ring.start) if ring.start else 0
        is_cut = not goes_on and begin > 0
        if is_cut:
            self.redraw(now)
        is_first = not self.was_seen and now - self.opened_at < FIRST_LOOK
        peer.terminal_id, peer.size, peer.was_told = self.id, size, False
        peer.flow = Flow(begin, begin, now, now)
        self.viewers.append(peer)
        self.was_seen = True
        if size is not None:
            self.attention.seen_at = now
        self.used_at = now
        return {
            "is": "attached",
            "id": self.id,
            "vm": self.vm,
            "from": begin,
            "replay": begin if is_first else ring.end,
            "reset": not goes_on,
            "cut": is_cut,
            "modes": self.modes.lost(begin) if is_cut else "",
            "name": self.name,
            "command": self.command,
            "typed": self.typists.taken(peer.typist),
            **self._size_words(),
        }

    def redraw(self, now: float) -> None:
        """Let a full-screen program draw all anew: a viewer has missed some of it."""
        if self.modes.is_full_screen:
            self.redraw_until = now + REDRAW

    def settle_size(self, now: float) -> float:
        """Give the pty the size that all can show; return in how many seconds to call again (0: settled)."""
        wanted = flow.smallest(peer.size for peer in self.viewers) or self.size
        given = flow.shorter(wanted) if now < self.redraw_until else wanted
        if given != self.given:
            if now - self.resized_at < RESIZE_EVERY:
                return RESIZE_EVERY
            self.size, self.given, self.resized_at = wanted, given, now
            self.child.resize(given)
        return max(0.0, self.redraw_until - now)

    def size_message(self) -> dict[str, object]:
        """The size as every viewer is told it."""
        return {"is": "size", **self._size_words()}

    def _size_words(self) -> dict[str, object]:
        return {"cols": self.size.cols, "rows": self.size.rows}

    def serve(self, peer: Peer, now: float) -> bool:
        """Send a viewer what it may have; True once it has got everything, the end included. Raises PeerLost."""
        if peer.send_output(self.ring, self.modes, now):
            self.redraw(now)
        if self.finished_at and not peer.was_told and peer.flow.sent == self.ring.end:
            peer.was_told = True
            self.was_told = self.was_told or not self.is_agent or peer.size is not None  # a hidden tab is nobody
            peer.say(self.exit_message())
        return peer.was_told and not peer.wants_to_write

    # -- its end -----------------------------------------------------------------------------------------------------

    def hang_up(self, reason: str, now: float) -> None:
        """End the program: HUP now, KILL by `insist`."""
        if self.code is None and not self.hung_up_at:
            self.reason, self.hung_up_at = reason, now
            for number in (signal.SIGHUP, signal.SIGCONT):
                self.child.signal(number)

    def look_at_boot(self, boot: str | None, now: float) -> None:
        """End the program when its VM runs no more, or has started anew: a stop by force leaves it hanging for ever.

        `boot` is another one for each run of the VM and "" while there is none; None says nothing.
        """
        if boot is None:
            return
        if not self.boot:
            self.boot = boot
        elif boot != self.boot and self.code is None:
            self.hang_up(STOPPED, now)
        elif boot != self.boot and self.code == LOST:
            self.reason = self.reason or STOPPED

    def finish(self, now: float) -> None:
        """Its pty is closed and its code known: it has ended, once it is clear why.

        A VM that is stopped ends its connections first, and only then is seen to be gone.
        """
        is_unclear = self.code == LOST and bool(self.boot) and not self.reason
        if not is_unclear or now - self.closed_at > WHY:
            self.finished_at = self.finished_at or now

    def insist(self, now: float) -> None:
        """KILL the program where HUP did not end it."""
        if self.code is None and self.hung_up_at and now - self.hung_up_at > PATIENCE:
            self.child.signal(signal.SIGKILL)

    def close_pty(self, now: float) -> None:
        """Nothing more comes from the pty: let go of it. What the viewers have not got is still in the ring."""
        self.child.close()
        self.closed_at = now
        self.hang_up("", now)  # a program that lives on without its pty has no business here

    def is_over(self, now: float, linger: float) -> bool:
        """Has everybody been told, or has it waited for somebody to look: `linger` seconds, an agent's end a day?"""
        if not self.finished_at or self.viewers:
            return False
        return self.was_told or now - self.finished_at > (KEPT if self.is_agent else linger)

    def exit_message(self) -> dict[str, object]:
        """How it ended, in words."""
        words = self.reason or self._reason(self.code or 0)
        return {"is": "exit", "code": self.code, "reason": words, "why": self._why()}

    def _why(self) -> str:
        """What a page can offer next: a start, the same again, or another one."""
        if self.reason:
            return "stopped" if self.reason == STOPPED else "closed"
        return "lost" if self.code == LOST else "ended"

    def _reason(self, code: int) -> str:
        who = AGENTS[self.command].label if self.command in AGENTS else "The shell"
        if code == LOST:
            return "The connection to the VM was lost."
        if code > 128:
            return f"{who} was ended by {_signal_name(code - 128)}."
        return f"{who} has ended." if code == 0 else f"{who} has ended with exit code {code}."

    def facts(self, now: float) -> dict[str, object]:
        """What a list of terminals shows."""
        state = self.attention.state(now, is_agent=self.is_agent, ended_at=self.finished_at)
        return {
            "id": self.id,
            "vm": self.vm,
            "command": self.command,
            "name": self.name,
            "state": state.word,
            "guess": state.is_guess,
            "since": round(now - state.since, 1) if state.word else 0.0,
            "watched": self.is_watched,
            "reason": self.exit_message()["reason"] if self.finished_at else "",
            "age": round(now - self.opened_at, 1),
            "idle": round(now - self.used_at, 1),
            "viewers": len(self.viewers),
            "bytes": self.ring.end,
            "ended": bool(self.finished_at),
            **self._size_words(),
        }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
