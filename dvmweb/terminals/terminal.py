"""One terminal of the keeper: a program on a pty, its last output, and the viewers that look at it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from dvmweb.terminals import flow
from dvmweb.terminals.flow import Flow, Size
from dvmweb.terminals.peer import Peer
from dvmweb.terminals.pty_child import PtyChild
from dvmweb.terminals.ring import Ring

READ_AT_ONCE = 65_536  # bytes, so that no terminal holds up the others
RESIZE_EVERY = 0.05  # seconds
PATIENCE = 3.0  # seconds between HUP and KILL
FIRST_LOOK = 10.0  # seconds in which the first viewer still answers what the program asked before it came
LOST = 255  # ssh's own code
WHY = 3.0  # seconds for the VM to be seen gone after its connection was lost
STOPPED = "The VM was stopped."


@dataclass
class Terminal:
    """What the keeper knows of one terminal. Times are monotonic seconds."""

    id: str
    vm: str
    command: str
    child: PtyChild
    size: Size
    opened_at: float
    ring: Ring = field(default_factory=Ring)
    viewers: list[Peer] = field(default_factory=list)
    used_at: float = 0.0
    resized_at: float = 0.0
    was_seen: bool = False
    code: int | None = None  # of the program, once it has ended
    reason: str = ""  # why we ended it
    boot: str = ""  # of its VM, once that is known
    hung_up_at: float = 0.0
    closed_at: float = 0.0  # nothing more comes from its pty
    finished_at: float = 0.0  # nothing more will come, and the code is known
    was_told: bool = False  # some viewer has seen how it ended

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
                self.used_at = now
        return False

    # -- viewers -----------------------------------------------------------------------------------------------------

    def attach(self, peer: Peer, offset: int | None, size: Size | None, now: float) -> dict[str, object]:
        """Let a viewer look from `offset` on, or from the oldest byte; return what it must know.

        Up to `replay` it sees again what was shown before: questions in there must not be answered again.
        """
        ring = self.ring
        goes_on = offset is not None and ring.start <= offset <= ring.end
        begin = offset if goes_on and offset is not None else ring.line_start(ring.start) if ring.start else 0
        is_first = not self.was_seen and now - self.opened_at < FIRST_LOOK
        peer.terminal_id, peer.size, peer.was_told = self.id, size, False
        peer.flow = Flow(begin, begin, now, now)
        self.viewers.append(peer)
        self.was_seen = True
        self.used_at = now
        return {
            "is": "attached",
            "id": self.id,
            "vm": self.vm,
            "from": begin,
            "replay": begin if is_first else ring.end,
            "reset": not goes_on,
            "cut": not goes_on and begin > 0,
            **self._size_words(),
        }

    def settle_size(self, now: float) -> float:
        """Give the pty the size that all can show; return in how many seconds to call again (0: settled)."""
        wanted = flow.smallest(peer.size for peer in self.viewers) or self.size
        if wanted == self.size:
            return 0.0
        if now - self.resized_at < RESIZE_EVERY:
            return RESIZE_EVERY
        self.size, self.resized_at = wanted, now
        self.child.resize(wanted)
        return 0.0

    def size_message(self) -> dict[str, object]:
        """The size as every viewer is told it."""
        return {"is": "size", **self._size_words()}

    def _size_words(self) -> dict[str, object]:
        return {"cols": self.size.cols, "rows": self.size.rows}

    def serve(self, peer: Peer, now: float) -> bool:
        """Send a viewer what it may have; True once it has got everything, the end included. Raises PeerLost."""
        peer.send_output(self.ring, now)
        if self.finished_at and not peer.was_told and peer.flow.sent == self.ring.end:
            peer.was_told = self.was_told = True
            peer.say(self.exit_message())
        return peer.was_told and not peer.wants_to_write

    # -- its end -----------------------------------------------------------------------------------------------------

    def hang_up(self, reason: str, now: float) -> None:
        """End the program: HUP now, KILL by `insist`."""
        if self.code is None and not self.hung_up_at:
            self.reason, self.hung_up_at = reason, now
            for number in (signal.SIGHUP, signal.SIGCONT):
                self.child.signal(number)

    def look_at_boot(self, boot: str, now: float) -> None:
        """End the program when its VM runs no more, or has started anew: a stop by force leaves it hanging for ever.

        `boot` is another one for each run of the VM and "" while none is known.
        """
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
        """Has everybody been told, or has it waited `linger` seconds for somebody to look?"""
        if not self.finished_at or self.viewers:
            return False
        return self.was_told or now - self.finished_at > linger

    def exit_message(self) -> dict[str, object]:
        """How it ended, in words."""
        return {"is": "exit", "code": self.code, "reason": self.reason or _reason(self.code or 0)}

    def facts(self, now: float) -> dict[str, object]:
        """What a list of terminals shows."""
        return {
            "id": self.id,
            "vm": self.vm,
            "command": self.command,
            "age": round(now - self.opened_at, 1),
            "idle": round(now - self.used_at, 1),
            "viewers": len(self.viewers),
            "bytes": self.ring.end,
            "ended": bool(self.finished_at),
            **self._size_words(),
        }


def _reason(code: int) -> str:
    if code == LOST:
        return "The VM was stopped, or the connection to it was lost."
    if code > 128:
        return f"The shell was ended by {_signal_name(code - 128)}."
    return "The shell has ended." if code == 0 else f"The shell has ended with exit code {code}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
