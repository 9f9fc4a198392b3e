"""The wall around the agents of a VM: what the guest's own attack on it said, and what that means. Runs nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NoReturn

from dvmweb import answers
from dvmweb.answers import Record
from dvmweb.errors import CouldNotLook
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name

AGENTS = ("claude", "codex", "opencode", "mistral")  # the recipes that ship and put an agent behind the wall
HOLDS, HOLE, UNKNOWN = "holds", "hole", "unknown"
UNTESTED = "untested"  # there are agents, and no test of the wall around them
MOST_CHECKS = 10_000
MOST_FOUND = 20  # findings of one agent
TEXT = 200  # bytes of a finding


@dataclass(frozen=True)
class Finding:
    """One attack that worked, or one check that could not be made."""

    kind: str  # HOLE or UNKNOWN
    text: str  # the guest's words: show them through guest_text


@dataclass(frozen=True)
class AgentWall:
    """How the wall stood around one agent."""

    name: str  # of its recipe
    result: str  # HOLDS, HOLE or UNKNOWN
    checks: int
    found: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class WallReport:
    """One test of the wall of a VM."""

    tested: tuple[AgentWall, ...]
    problem: str = ""  # why nobody could look at all
    at: float = field(default_factory=time.time)  # seconds since the epoch

    @property
    def result(self) -> str:
        """HOLDS only where every agent was tested and no attack worked."""
        results = {one.result for one in self.tested}
        if HOLE in results:
            return HOLE
        return HOLDS if results == {HOLDS} and not self.problem else UNKNOWN

    def result_for(self, wanted: Iterable[str]) -> str:
        """The same for a config that names these recipes: one that has come since was not tested."""
        missing = {name for name in wanted if name in AGENTS} - {one.name for one in self.tested}
        return UNKNOWN if missing and self.result == HOLDS else self.result

    def summary(self) -> str:
        """The result in a line, guest text escaped."""
        holes = [one for one in self.tested if one.result == HOLE]
        blind = [one for one in self.tested if one.result == UNKNOWN]
        if holes:
            return f"a hole around {_names(holes)}: {_first(holes, HOLE)}"
        if self.problem or blind or not self.tested:
            why = self.problem or (f"{_names(blind)}: {_first(blind, UNKNOWN)}" if blind else "no agent was tested")
            return f"could not look: {why}"
        return f"holds around {_names(self.tested)}: {sum(one.checks for one in self.tested)} attacks failed"

    def lines(self) -> tuple[str, ...]:
        """All that was found, a line each, guest text escaped."""
        words = {HOLE: "hole", UNKNOWN: "not known"}
        found = [f"{one.name}: {words[it.kind]}: {visible(it.text, TEXT)}" for one in self.tested for it in one.found]
        return (f"The wall {self.summary()}.", *found)

    def to_json(self) -> str:
        """The report as text."""
        return json.dumps(asdict(self))


def standing(report: WallReport | None, wanted: Iterable[str]) -> str:
    """How the wall of a VM with these recipes stood: HOLDS, HOLE, UNKNOWN or UNTESTED; "" where it has no agent."""
    if report is not None:
        return report.result_for(wanted)
    return UNTESTED if any(name in AGENTS for name in wanted) else ""


def from_json(text: str) -> WallReport:
    """Read what to_json wrote; raise ValueError, KeyError or TypeError for anything else."""
    facts = json.loads(text)
    tested = tuple(
        AgentWall(
            name=str(one["name"]),
            result=_one_of(one["result"], (HOLDS, HOLE, UNKNOWN)),
            checks=int(one["checks"]),
            found=tuple(Finding(_one_of(it["kind"], (HOLE, UNKNOWN)), str(it["text"])) for it in one["found"]),
        )
        for one in facts["tested"]
    )
    return WallReport(tested, str(facts["problem"]), float(facts["at"]))


def _one_of(word: object, allowed: tuple[str, ...]) -> str:
    if word not in allowed:
        raise ValueError(f"{word!r} is not one of {allowed}")
    return str(word)


def could_not_look(why: str) -> WallReport:
    """The report where nothing can be said."""
    return WallReport((), why)


def parse_report(output: bytes, nonce: str, wanted: Sequence[str]) -> WallReport:
    """Read the answer to `_wall.sh` about these agents; raise CouldNotLook for anything but a whole answer of ours."""
    results: dict[str, str] = {}
    counts: dict[str, int] = {}
    found: dict[str, list[Finding]] = {name: [] for name in wanted}
    for record in answers.parse(output, "wall", nonce):
        name, values = _of_agent(record, wanted)
        if record.tag == "agent":
            _once(name, results)
            results[name] = _word(values[0], (HOLDS, HOLE, UNKNOWN))
        elif record.tag == "count":
            _once(name, counts)
            counts[name] = answers.number(values[0], MOST_CHECKS)
        else:
            found[name].append(Finding(_word(values[0], (HOLE, UNKNOWN)), _text(values[1])))
    if set(results) != set(wanted) or any(len(them) > MOST_FOUND for them in found.values()):
        _odd()
    return WallReport(tuple(_tested(name, results[name], counts.get(name, 0), tuple(found[name])) for name in wanted))


_COUNTS = {"agent": 2, "count": 2, "found": 3}


def _of_agent(record: Record, wanted: Sequence[str]) -> tuple[str, tuple[bytes, ...]]:
    if len(record.fields) != _COUNTS.get(record.tag, -1):
        _odd()
    name = record.fields[0].decode("ascii", "replace")
    if not is_recipe_name(name) or name not in wanted:
        _odd()
    return name, record.fields[1:]


def _tested(name: str, result: str, checks: int, found: tuple[Finding, ...]) -> AgentWall:
    """A result that its findings do not bear out is no answer."""
    kinds = {finding.kind for finding in found}
    is_right = {HOLDS: checks > 0 and not kinds, HOLE: HOLE in kinds, UNKNOWN: HOLE not in kinds}[result]
    if not is_right:
        _odd()
    return AgentWall(name, result, checks, found)


def _word(field: bytes, allowed: tuple[str, ...]) -> str:
    word = field.decode("ascii", "replace")
    if word not in allowed:
        _odd()
    return word


def _text(field: bytes) -> str:
    if len(field) > TEXT:
        _odd()
    return field.decode("utf-8", "replace")


def _once(name: str, known: Mapping[str, object]) -> None:
    if name in known:
        _odd()


def _odd() -> NoReturn:
    raise CouldNotLook("The guest's wall answer is not as dvm's own script gives it.", answers.TRY_AGAIN)


def _names(tested: Iterable[AgentWall]) -> str:
    return ", ".join(one.name for one in tested)


def _first(tested: Sequence[AgentWall], kind: str) -> str:
    texts = [visible(it.text, TEXT) for one in tested for it in one.found if it.kind == kind]
    more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
    return f"{texts[0]}{more}" if texts else "no reason given"
