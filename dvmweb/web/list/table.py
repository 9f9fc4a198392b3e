"""The table of the list: its columns and how each sorts, by what the cards show. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dvmweb.verbs.vms import Vm
from dvmweb.web.list.card import Card
from dvmweb.web.ui.preferences import COLUMNS

Pair = tuple[Vm, Card]
Key = tuple[Any, ...]
STATES = ("bad", "warn", "info", "ok", "idle")  # by tone, in the order of a sort: what needs the user first
WORK = ("risk", "bad", "blind", "safe")
LARGEST_FIRST = ("cpu", "memory", "disk", "used")  # columns whose first click sorts descending
TITLES = {"name": "Name", **COLUMNS}


@dataclass(frozen=True)
class Column:
    """A column with its sort link."""

    name: str
    title: str
    aria: str  # the value of aria-sort, "" for a column that does not sort now
    direction: str  # to which its link leads


def columns(shown: Iterable[str], sort: str, *, is_descending: bool) -> tuple[Column, ...]:
    """Return the name and these columns; a link of the sorting one turns its direction."""
    return tuple(_column(name, sort, is_descending=is_descending) for name in ("name", *shown))


def _column(name: str, sort: str, *, is_descending: bool) -> Column:
    if name != sort:
        return Column(name, TITLES[name], "", "descending" if name in LARGEST_FIRST else "ascending")
    now, other = ("descending", "ascending") if is_descending else ("ascending", "descending")
    return Column(name, TITLES[name], now, other)


def ordered(pairs: Iterable[Pair], sort: str, *, is_descending: bool) -> tuple[Pair, ...]:
    """Return the pairs sorted by a column; what is not known comes last in both directions, and names decide."""
    by_name = sorted(pairs, key=lambda pair: pair[1].name)
    key = KEYS.get(sort, KEYS["name"])
    known = [pair for pair in by_name if key(pair) is not None]
    unknown = [pair for pair in by_name if key(pair) is None]
    return (*sorted(known, key=lambda pair: key(pair) or (), reverse=is_descending), *unknown)


def _place(words: tuple[str, ...], word: str) -> int:
    return words.index(word) if word in words else len(words)


def _text(text: str) -> Key | None:
    return (text.lower(),) if text else None


def _meter(pair: Pair, place: int) -> Key | None:
    meter = pair[1].meters[place]
    return (meter.value,) if meter.has_bar else None


def _work(pair: Pair) -> Key | None:
    line = pair[1].work
    return (_place(WORK, line.tone), line.word) if line is not None else None


def _agents(pair: Pair) -> Key | None:
    card = pair[1]
    return (not card.marks, not any(one.state for one in card.agents), card.agents[0].text) if card.agents else None


KEYS: Mapping[str, Callable[[Pair], Key | None]] = {
    "name": lambda pair: (pair[1].name,),
    "state": lambda pair: (_place(STATES, pair[1].badge.tone), pair[1].badge.word),
    "work": _work,
    "cpu": lambda pair: _meter(pair, 0),
    "memory": lambda pair: _meter(pair, 1),
    "disk": lambda pair: _meter(pair, 2),
    "ports": lambda pair: tuple(port.host_port for port in pair[0].ports) or None,
    "recipes": lambda pair: _text(" ".join(pair[1].recipes)),
    "agents": _agents,
    "repository": lambda pair: _text(pair[1].repository),
    "image": lambda pair: _text(pair[1].image),
    "used": lambda pair: (pair[0].used_at,) if pair[1].used else None,
}
