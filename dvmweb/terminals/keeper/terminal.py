"""One terminal of the keeper: a program on a pty, its recent output, and its viewers."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, field

from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.keeper import flow
from dvmweb.terminals.keeper.activity import Activity
from dvmweb.terminals.keeper.attention import Attention
from dvmweb.terminals.keeper.client_session import ClientSession
from dvmweb.terminals.keeper.flow import Flow, Size
from dvmweb.terminals.keeper.input_ledger import InputLedger
from dvmweb.terminals.keeper.output_scanner import Bell, OutputScanner, StateReport
from dvmweb.terminals.keeper.pty_child import PtyChild
from dvmweb.terminals.keeper.read_budget import ReadBudget
from dvmweb.terminals.keeper.replay_buffer import ReplayBuffer
from dvmweb.terminals.keeper.screen_modes import ScreenModes
from dvmweb.terminals.launch import SHELL

# Input that was not typed: reports of focus, cursor position and device attributes.
REPORTS = re.compile(rb"(?:\x1b\[(?:[IO]|[0-9;]{1,20}R|[?>][0-9;]{0,40}c))+")
READ_AT_ONCE = 65_536  # bytes, so that no terminal delays the others
RESIZE_EVERY = 0.05  # seconds
PATIENCE = 3.0  # seconds between HUP and KILL
FIRST_VIEW = 10.0  # seconds in which the first viewer still answers earlier queries of the program
LOST = 255  # ssh's exit code for a lost connection
WHY = 3.0  # seconds for a VM to be seen stopped after its connection was lost
STOPPED = "The VM was stopped."
KEPT = 24 * 3600.0  # seconds that the unseen end of an agent is kept
BULK = 2048  # bytes at once that are not an echo of typing
GATHER, GATHERED = 0.001, 49_152  # seconds and bytes: small reads of a flood are sent as one
REDRAW = 0.3  # seconds of another size, after which a full-screen program redraws everything


@dataclass
class Terminal:
    """The state of one terminal. Times are monotonic seconds."""

    id: str
    vm: str
    command: str
    name: str  # given by the user, or the command's own
    connection: int  # the shared SSH connection it uses
    child: PtyChild
    size: Size
    opened_at: float
    buffer: ReplayBuffer = field(default_factory=ReplayBuffer)
    viewers: list[ClientSession] = field(default_factory=list)
    ledger: InputLedger = field(default_factory=InputLedger)
    attention: Attention = field(default_factory=Attention)
    activity: Activity = field(default_factory=Activity)
    scanner: OutputScanner = field(default_factory=OutputScanner)
    read_budget: ReadBudget = field(default_factory=ReadBudget)
    modes: ScreenModes = field(default_factory=ScreenModes)
    used_at: float = 0.0
    redraw_until: float = 0.0
    sent_at: float = 0.0
    sent_end: int = 0  # sending was tried up to here
    is_held: bool = False  # output is held back for more
    pty_size: Size | None = None  # differs from `size` during a redraw
    resized_at: float = 0.0
    was_viewed: bool = False
    code: int | None = None  # of the program, once it has ended
    reason: str = ""  # why the keeper ended it
    boot: str = ""  # the run of its VM, once that is known
    hung_up_at: float = 0.0
    closed_at: float = 0.0  # the pty was closed
    finished_at: float = 0.0  # the pty is closed and the exit code is known
    was_seen_ended: bool = False  # a viewer has seen how it ended

    @property
    def is_agent(self) -> bool:
        """Does it run an agent?"""
        return self.command != SHELL

    @property
    def is_watched(self) -> bool:
        """Is it visible in a window?"""
        return any(client.size is not None for client in self.viewers)

    # -- output ------------------------------------------------------------------------------------------------------

    def wanted(self, now: float) -> int:
        """The number of bytes to read now, limited by the viewers and the scanning budget."""
        most = flow.readable((client.flow for client in self.viewers), self.buffer.end, READ_AT_ONCE)
        return min(most, self.read_budget.readable(now))

    def read(self, now: float) -> bool:
        """Read available output within the limits; True once the pty has ended."""
        most, begun = READ_AT_ONCE, self.buffer.end
        try:
            while (room := min(most, self.wanted(now))) > 0:
                count = self.buffer.fill(self.child.read_into, room)
                if count == 0:
                    return True
                most -= count
                self._scan(self.buffer.end - count, now)
        except BlockingIOError:
            return self.code is not None
        finally:
            if self.buffer.end != begun:
                self.used_at = self.attention.printed_at = now
                self.activity.printed(now, self.resized_at, is_agent=self.is_agent)
        return False

    def should_gather(self, read: int, now: float) -> bool:
        """Decide and return whether output is held back for a moment to send more at once."""
        is_flood = read >= BULK and self.buffer.end - self.sent_end < GATHERED and now - self.sent_at < GATHER
        self.is_held = is_flood and self.child.descriptor >= 0
        if not self.is_held:
            self.sent_at, self.sent_end = now, self.buffer.end
        return self.is_held

    def _scan(self, begun: int, now: float) -> None:
        """Handle the events in new output."""
        work = self.scanner.work
        for event in self.scanner.scan(b"".join(self.buffer.views(begun, self.buffer.end - begun))):
            if isinstance(event, Bell | StateReport):
                self.attention.note(event, now)
            else:
                event.apply(self.modes)
        self.modes.forget(self.buffer.start)
        self.read_budget.spend(self.scanner.work - work, now)

    def type(self, data: bytes, now: float) -> bool:
        """Write input to the program; False where too much is buffered already."""
        self.used_at = now
        if not REPORTS.fullmatch(data):
            self.attention.typed_at = now
            self.activity.typed(now)
        return self.child.write(data)

    # -- viewers -----------------------------------------------------------------------------------------------------

    def attach(self, client: ClientSession, offset: int | None, size: Size | None, now: float) -> dict[str, object]:
        """Attach a viewer at `offset`, or at the oldest byte; returns the response to it.

        Output before `replay` was shown before: a viewer must not answer its queries again.
        """
        buffer = self.buffer
        resumes = offset is not None and buffer.start <= offset <= buffer.end
        begin = offset if resumes and offset is not None else buffer.line_start(buffer.start) if buffer.start else 0
        is_cut = not resumes and begin > 0
        if is_cut:
            self.redraw(now)
        is_first = not self.was_viewed and now - self.opened_at < FIRST_VIEW
        client.terminal_id, client.size, client.has_exit_message = self.id, size, False
        client.flow = Flow(begin, begin, now, now)
        self.viewers.append(client)
        self.was_viewed = True
        if size is not None:
            self.attention.seen_at = now
        self.used_at = now
        return {
            "is": "attached",
            "id": self.id,
            "vm": self.vm,
            "from": begin,
            "replay": begin if is_first else buffer.end,
            "reset": not resumes,
            "cut": is_cut,
            "modes": self.modes.lost(begin) if is_cut else "",
            "name": self.name,
            "command": self.command,
            "typed": self.ledger.taken(client.client_id),
            **self._size_fields(),
        }

    def redraw(self, now: float) -> None:
        """Make a full-screen program redraw everything, as a viewer has missed some output."""
        if self.modes.is_full_screen:
            self.redraw_until = now + REDRAW

    def settle_size(self, now: float) -> float:
        """Resize the pty to what all viewers can show; returns the seconds until the next call (0: settled)."""
        wanted = flow.smallest(client.size for client in self.viewers) or self.size
        pty_size = flow.shorter(wanted) if now < self.redraw_until else wanted
        if pty_size != self.pty_size:
            if now - self.resized_at < RESIZE_EVERY:
                return RESIZE_EVERY
            self.size, self.pty_size, self.resized_at = wanted, pty_size, now
            self.child.resize(pty_size)
        return max(0.0, self.redraw_until - now)

    def size_message(self) -> dict[str, object]:
        """The message with the size for all viewers."""
        return {"is": "size", **self._size_fields()}

    def _size_fields(self) -> dict[str, object]:
        return {"cols": self.size.cols, "rows": self.size.rows}

    def serve(self, client: ClientSession, now: float) -> bool:
        """Send a viewer its output; True once it has everything, including the end. Raises ClientLost."""
        if client.send_output(self.buffer, self.modes, now):
            self.redraw(now)
        if self.finished_at and not client.has_exit_message and client.flow.sent == self.buffer.end:
            client.has_exit_message = True
            if not self.is_agent or client.size is not None:  # in a hidden window an agent's end is not seen
                self.was_seen_ended = True
            client.send_control(self.exit_message())
        return client.has_exit_message and not client.wants_to_write

    # -- end ---------------------------------------------------------------------------------------------------------

    def hang_up(self, reason: str, now: float) -> None:
        """End the program: HUP now, KILL later (`kill_if_late`)."""
        if self.code is None and not self.hung_up_at:
            self.reason, self.hung_up_at = reason, now
            for number in (signal.SIGHUP, signal.SIGCONT):
                self.child.signal(number)

    def check_boot(self, boot: str | None, now: float) -> None:
        """End the program when its VM has stopped or restarted: after a forced stop it would hang forever.

        `boot` identifies the run of the VM; "" while it does not run, None where it is not known.
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
        """Mark it as finished once the pty is closed, the exit code is known and the cause is clear.

        A VM that is stopped closes its connections before it is seen to be stopped.
        """
        is_unclear = self.code == LOST and bool(self.boot) and not self.reason
        if not is_unclear or now - self.closed_at > WHY:
            self.finished_at = self.finished_at or now

    def kill_if_late(self, now: float) -> None:
        """Send KILL where HUP did not end the program."""
        if self.code is None and self.hung_up_at and now - self.hung_up_at > PATIENCE:
            self.child.signal(signal.SIGKILL)

    def close_pty(self, now: float) -> None:
        """Close the pty after its end. Output that viewers have not received is still in the buffer."""
        self.child.close()
        self.closed_at = now
        self.hang_up("", now)  # a program must not outlive its pty

    def is_over(self, now: float, linger: float) -> bool:
        """Can it be removed? Once its end was seen, or after `linger` seconds (a day for an agent)."""
        if not self.finished_at or self.viewers:
            return False
        return self.was_seen_ended or now - self.finished_at > (KEPT if self.is_agent else linger)

    def exit_message(self) -> dict[str, object]:
        """The message about how it ended."""
        reason = self.reason or self._reason(self.code or 0)
        return {"is": "exit", "code": self.code, "reason": reason, "why": self._why()}

    def _why(self) -> str:
        """The kind of end, by which a page offers the next step."""
        if self.reason:
            return "stopped" if self.reason == STOPPED else "closed"
        return "lost" if self.code == LOST else "ended"

    def _reason(self, code: int) -> str:
        who = AGENTS[self.command].label if self.command in AGENTS else "The shell"
        if code == LOST:
            return "The connection to the VM was lost."
        if code > 128:
            return f"{who} was ended by {_signal_name(code - 128)}."
        return f"{who} ended." if code == 0 else f"{who} ended with exit code {code}."

    def facts(self, now: float) -> dict[str, object]:
        """The fields for lists of terminals."""
        state = self.attention.state(now, is_agent=self.is_agent, ended_at=self.finished_at)
        return {
            "id": self.id,
            "vm": self.vm,
            "command": self.command,
            "name": self.name,
            "state": state.name,
            "guess": state.is_guess,
            "since": round(now - state.since, 1) if state.name else 0.0,
            "event": f"{state.since:.3f}" if state.name else "",
            "turn": round(now - self.attention.turn_began, 1) if self.attention.turn_began else 0.0,
            "watched": self.is_watched,
            "reason": self.exit_message()["reason"] if self.finished_at else "",
            "age": round(now - self.opened_at, 1),
            "idle": round(now - self.used_at, 1),
            "viewers": len(self.viewers),
            "bytes": self.buffer.end,
            "ended": bool(self.finished_at),
            **self._size_fields(),
        }


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in {*signal.Signals} else f"signal {number}"
