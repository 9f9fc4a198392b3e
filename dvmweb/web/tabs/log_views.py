"""The tab *Logs*: its sources, the lines with the words that were searched, and what was cut. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from dvmweb.errors import DvmError

MOST_QUERY = 100  # characters
MOST_HITS = 1000  # that are marked; a search for "e" must not make a page of a megabyte
FILES = {
    "serial.log": "Serial console",
    "serialv.log": "Virtio console",
    "serialp.log": "PCI console",
    "ha.stderr.log": "Lima log",
    "ha.stdout.log": "Lima events",
}
JOURNAL = "journal"


@dataclass(frozen=True)
class Source:
    """A log that can be shown."""

    name: str  # as in the address
    text: str
    is_current: bool


@dataclass(frozen=True)
class Piece:
    """A part of a line; `hit` is the number of a match, from 1, and 0 for what is between."""

    text: str
    hit: int = 0


@dataclass(frozen=True)
class LogsView:
    """The lines of one source, or why there are none."""

    vm: str
    source: str
    title: str
    sources: tuple[Source, ...]
    is_followed: bool
    query: str = ""
    lines: tuple[tuple[Piece, ...], ...] = ()
    hits: int = 0
    cut: str = ""  # what was left out, "" for nothing
    problem: DvmError | None = None
    empty: str = "No log entries yet."
    is_ready: bool = field(default=True)  # it can be asked again in a moment

    @property
    def poll(self) -> str:
        """The path of the next poll, below the prefix."""
        return f"/vms/{self.vm}/log/lines?" + urlencode({"source": self.source, "q": self.query, "follow": "1"})

    def link(self, *, follow: bool) -> str:
        """The path of the same log, followed or not."""
        return f"/vms/{self.vm}?" + urlencode(
            {"tab": "logs", "source": self.source, "q": self.query, "follow": str(int(follow))}
        )

    @property
    def counter(self) -> str:
        """How many matches there are."""
        if not self.query:
            return ""
        if not self.hits:
            return "No matches"
        more = " or more" if self.hits >= MOST_HITS else ""
        return f"{self.hits}{more} match{'' if self.hits == 1 else 'es'}"


def marked(lines: Iterable[str], query: str) -> tuple[tuple[tuple[Piece, ...], ...], int]:
    """Return the lines in pieces, with each match of `query` (in any case) numbered, and their number."""
    wanted, hits, found = query.lower(), 0, []
    for line in lines:
        pieces, begin, low = [], 0, line.lower()
        # A character whose lower case is longer would shift what is found: such a line is searched as it is.
        low = low if len(low) == len(line) else line
        while wanted and hits < MOST_HITS and (at := low.find(wanted, begin)) >= 0:
            hits += 1
            pieces += [Piece(line[begin:at]), Piece(line[at : at + len(wanted)], hits)]
            begin = at + len(wanted)
        pieces.append(Piece(line[begin:]))
        found.append(tuple(piece for piece in pieces if piece.text))
    return tuple(found), hits


def sources(units: tuple[str, ...], current: str) -> tuple[Source, ...]:
    """Return all sources: the journal, the units of the recipes, the consoles and Lima's own files."""
    every = {JOURNAL: "Journal", **{f"unit:{one}": one for one in units}, **FILES}
    return tuple(Source(name, text, name == current) for name, text in every.items())
