"""The state of a terminal's program: as it reports, otherwise guessed from bells and silence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.terminals.keeper.output_scanner import Bell, Event, StateReport
from dvmweb.terminals.program_states import ENDED, RANG, WAITS, WORKS

QUIET = 10.0  # seconds without output after which an agent seems to wait: it draws while it works
STALE = 60.0  # seconds without output after which a reported "works" does not count any more


@dataclass(frozen=True)
class State:
    """The state for lists. `name` is "" where there is none; `since` in monotonic seconds."""

    name: str
    is_guess: bool
    since: float


NOTHING = State("", is_guess=False, since=0.0)


@dataclass
class Attention:
    """What was observed, and when (monotonic seconds)."""

    reported: str = ""
    reported_at: float = 0.0
    rang_at: float = 0.0
    typed_at: float = 0.0  # last input
    seen_at: float = 0.0  # last visible in a window
    printed_at: float = 0.0  # last output
    turn_began: float = 0.0  # since then it reports that it works; 0: it does not

    def note(self, event: Event, now: float) -> None:
        """Take an event from the output."""
        if isinstance(event, Bell):
            self.rang_at = now
        elif isinstance(event, StateReport):
            self.reported, self.reported_at = event.state, now

    def state(self, now: float, *, is_agent: bool, ended_at: float) -> State:
        """The state at `now`: an end is a fact, a report is the program's own, everything else is a guess."""
        if ended_at:
            return State(ENDED, is_guess=False, since=ended_at) if is_agent or self.reported else NOTHING
        reported = self._report(now)
        if reported is not None:
            return reported
        return self._agent_guess(now) if is_agent else self._shell_guess()

    def settle_turn(self, state: State, now: float) -> tuple[float, float] | None:
        """Take the state of an agent at `now`; returns the turn that has ended, as (begin, end), or None.

        A turn is the time for which the agent itself reports that it works.
        """
        if state.name == WORKS and not state.is_guess:
            self.turn_began = self.turn_began or state.since
            return None
        if not self.turn_began:
            return None
        # A report or an end has its time; before a silence, the last output was the last sign of work.
        ended = self.printed_at if state.is_guess or not state.name else state.since
        turn = self.turn_began, min(now, max(self.turn_began, ended))
        self.turn_began = 0.0
        return turn

    def _report(self, now: float) -> State | None:
        """The reported state; "waits" is valid until there is input, "works" until a long silence."""
        is_answered = self.reported != WORKS and self.typed_at > self.reported_at
        is_stale = self.reported == WORKS and now - max(self.printed_at, self.reported_at) > STALE
        if not self.reported or is_answered or is_stale:
            return None
        return State(self.reported, is_guess=False, since=self.reported_at)

    def _agent_guess(self, now: float) -> State:
        if self.rang_at > self.typed_at:
            return State(WAITS, is_guess=True, since=self.rang_at)
        if now - self.printed_at > QUIET:
            return State(WAITS, is_guess=True, since=self.printed_at)
        return State(WORKS, is_guess=True, since=max(self.typed_at, self.reported_at))

    def _shell_guess(self) -> State:
        has_rung = self.rang_at > max(self.typed_at, self.seen_at)
        return State(RANG, is_guess=True, since=self.rang_at) if has_rung else NOTHING
