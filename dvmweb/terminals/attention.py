"""What a terminal's program seems to do: its own word where it gives one, else a guess by bell or quiet. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.terminals.listening import Bell, Event, Told

WORKS, WAITS, ENDED, RANG = "works", "waits", "ended", "rang"
QUIET = 10.0  # seconds without a byte after which an agent seems to wait: while it works, it draws
STALE = 60.0  # seconds of quiet after which even its own word "works" is doubted


# In words: where it is the program's own word or a fact, and where it is a guess.
IN_WORDS = {
    WAITS: ("waits for you", "seems to wait"),
    WORKS: ("works", "seems to work"),
    ENDED: ("has ended", "has ended"),
    RANG: ("rang the bell", "rang the bell"),
}


@dataclass(frozen=True)
class State:
    """What a list shows. `word` is "" where there is nothing to say; `since` in monotonic seconds."""

    word: str
    is_guess: bool
    since: float


NOTHING = State("", is_guess=False, since=0.0)


@dataclass
class Attention:
    """What was heard, and when (monotonic seconds)."""

    told: str = ""
    told_at: float = 0.0
    rang_at: float = 0.0
    typed_at: float = 0.0  # somebody typed
    seen_at: float = 0.0  # somebody had it in sight
    spoke_at: float = 0.0  # the program's last byte

    def hear(self, event: Event, now: float) -> None:
        """Take in what the output held."""
        if isinstance(event, Bell):
            self.rang_at = now
        elif isinstance(event, Told):
            self.told, self.told_at = event.word, now

    def state(self, now: float, *, is_agent: bool, ended_at: float) -> State:
        """How it stands. An end is a fact; a word of the program is its word; the rest is marked as a guess."""
        if ended_at:
            return State(ENDED, is_guess=False, since=ended_at) if is_agent or self.told else NOTHING
        own = self._own_word(now)
        if own is not None:
            return own
        return self._agent_guess(now) if is_agent else self._shell_guess()

    def _own_word(self, now: float) -> State | None:
        """Its word holds until somebody types into what waits, or what works has long been quiet."""
        is_answered = self.told != WORKS and self.typed_at > self.told_at
        is_stale = self.told == WORKS and now - max(self.spoke_at, self.told_at) > STALE
        if not self.told or is_answered or is_stale:
            return None
        return State(self.told, is_guess=False, since=self.told_at)

    def _agent_guess(self, now: float) -> State:
        if self.rang_at > self.typed_at:
            return State(WAITS, is_guess=True, since=self.rang_at)
        if now - self.spoke_at > QUIET:
            return State(WAITS, is_guess=True, since=self.spoke_at)
        return State(WORKS, is_guess=True, since=max(self.typed_at, self.told_at))

    def _shell_guess(self) -> State:
        has_rung = self.rang_at > max(self.typed_at, self.seen_at)
        return State(RANG, is_guess=True, since=self.rang_at) if has_rung else NOTHING
