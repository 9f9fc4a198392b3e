"""The report of the agent sandbox test: parsed, summarized, stored as JSON. Runs nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import NoReturn

from dvmweb.errors import CheckFailed, sentence
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Record
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name

AGENTS = ("claude", "codex", "opencode", "mistral")  # the bundled recipes of agents
PASSED, FAILED, UNKNOWN = "passed", "failed", "unknown"  # unknown: it could not be tested
OLD_WORDS = {"holds": PASSED, "hole": FAILED}  # in reports that dvm 0.1 stored
UNTESTED = "untested"  # the VM has agents, but no test has run
MOST_CHECKS = 10_000
MOST_FOUND = 20  # findings of one agent
TEXT = 200  # bytes of a finding


@dataclass(frozen=True)
class Finding:
    """One attack that succeeded, or one check that could not be made."""

    kind: str  # HOLE or UNKNOWN
    text: str  # guest text: show it through guest_text


@dataclass(frozen=True)
class AgentResult:
    """The result for one agent."""

    name: str  # of its recipe
    result: str  # HOLDS, HOLE or UNKNOWN
    checks: int
    found: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class SandboxReport:
    """One test of the sandbox of a VM."""

    tested: tuple[AgentResult, ...]
    problem: str = ""  # why nothing could be tested
    at: float = field(default_factory=time.time)  # seconds since the epoch

    @property
    def result(self) -> str:
        """HOLDS only if every agent was tested and no attack succeeded."""
        results = {one.result for one in self.tested}
        if FAILED in results:
            return FAILED
        return PASSED if results == {PASSED} and not self.problem else UNKNOWN

    def result_for(self, wanted: Iterable[str]) -> str:
        """The result for a config with these recipes: UNKNOWN if one of its agents was not tested."""
        missing = {name for name in wanted if name in AGENTS} - {one.name for one in self.tested}
        return UNKNOWN if missing and self.result == PASSED else self.result

    def summary(self) -> str:
        """The result in one line, guest text escaped: `passed (86 checks)`, `FAILED for …`, `not tested: …`."""
        failed = [one for one in self.tested if one.result == FAILED]
        untested = [one for one in self.tested if one.result == UNKNOWN]
        if failed:
            return f"FAILED for {_names(failed)}: {_first(failed, FAILED)}"
        if self.problem or untested or not self.tested:
            found = f"{_names(untested)}: {_first(untested, UNKNOWN)}" if untested else "there is no result"
            return f"not tested: {self.problem or found}"
        return f"passed ({sum(one.checks for one in self.tested)} checks)"

    def lines(self) -> tuple[str, ...]:
        """The result and all findings, one per line, guest text escaped."""
        words = {FAILED: "FAILED", UNKNOWN: "not tested"}
        found = [f"{one.name}: {words[it.kind]}: {visible(it.text, TEXT)}" for one in self.tested for it in one.found]
        return (sentence(f"Agent sandbox: {self.summary()}"), *found)

    def to_json(self) -> str:
        """The report as text."""
        return json.dumps(asdict(self))


def standing(report: SandboxReport | None, wanted: Iterable[str]) -> str:
    """The result for a VM with these recipes: HOLDS, HOLE, UNKNOWN or UNTESTED; "" if it has no agent."""
    if report is not None:
        return report.result_for(wanted)
    return UNTESTED if any(name in AGENTS for name in wanted) else ""


def failures(report: SandboxReport) -> tuple[AgentResult, ...]:
    """The agents that failed the test."""
    return tuple(one for one in report.tested if one.result == FAILED)


def with_failures(newer: SandboxReport, older: SandboxReport | None, wanted: Iterable[str]) -> SandboxReport:
    """The newer report, with the failures of the older one for agents that the newer one could not test."""
    names = set(wanted) - {one.name for one in newer.tested if one.result != UNKNOWN}
    kept = [one for one in failures(older) if one.name in names] if older is not None else []
    kept_names = {one.name for one in kept}
    return replace(newer, tested=(*(one for one in newer.tested if one.name not in kept_names), *kept))


def from_json(text: str) -> SandboxReport:
    """Parse what to_json wrote. Raises ValueError, KeyError or TypeError for anything else."""
    facts = json.loads(text)
    tested = tuple(
        AgentResult(
            name=str(one["name"]),
            result=_one_of(one["result"], (PASSED, FAILED, UNKNOWN)),
            checks=int(one["checks"]),
            found=tuple(Finding(_one_of(it["kind"], (FAILED, UNKNOWN)), str(it["text"])) for it in one["found"]),
        )
        for one in facts["tested"]
    )
    return SandboxReport(tested, str(facts["problem"]), float(facts["at"]))


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    value = OLD_WORDS.get(value, value) if isinstance(value, str) else value
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {allowed}")
    return str(value)


def failed_report(why: str) -> SandboxReport:
    """A report without results: only the reason why nothing could be tested."""
    return SandboxReport((), why)


def parse_report(output: bytes, nonce: str, wanted: Sequence[str]) -> SandboxReport:
    """Parse the answer of `sandbox_test.sh` for these agents. Raises CheckFailed if it is incomplete or invalid."""
    results: dict[str, str] = {}
    counts: dict[str, int] = {}
    found: dict[str, list[Finding]] = {name: [] for name in wanted}
    for record in protocol.parse(output, "sandbox", nonce):
        name, values = _of_agent(record, wanted)
        if record.tag == "agent":
            _once(name, results)
            results[name] = _value(values[0], (PASSED, FAILED, UNKNOWN))
        elif record.tag == "count":
            _once(name, counts)
            counts[name] = protocol.number(values[0], MOST_CHECKS)
        else:
            found[name].append(Finding(_value(values[0], (FAILED, UNKNOWN)), _text(values[1])))
    if set(results) != set(wanted) or any(len(them) > MOST_FOUND for them in found.values()):
        _odd()
    return SandboxReport(
        tuple(_tested(name, results[name], counts.get(name, 0), tuple(found[name])) for name in wanted)
    )


_COUNTS = {"agent": 2, "count": 2, "found": 3}


def _of_agent(record: Record, wanted: Sequence[str]) -> tuple[str, tuple[bytes, ...]]:
    if len(record.fields) != _COUNTS.get(record.tag, -1):
        _odd()
    name = record.fields[0].decode("ascii", "replace")
    if not is_recipe_name(name) or name not in wanted:
        _odd()
    return name, record.fields[1:]


def _tested(name: str, result: str, checks: int, found: tuple[Finding, ...]) -> AgentResult:
    """The result of one agent. Raises CheckFailed if its findings contradict it."""
    kinds = {finding.kind for finding in found}
    is_right = {PASSED: checks > 0 and not kinds, FAILED: FAILED in kinds, UNKNOWN: FAILED not in kinds}[result]
    if not is_right:
        _odd()
    return AgentResult(name, result, checks, found)


def _value(field: bytes, allowed: tuple[str, ...]) -> str:
    value = field.decode("ascii", "replace")
    if value not in allowed:
        _odd()
    return value


def _text(field: bytes) -> str:
    if len(field) > TEXT:
        _odd()
    return field.decode("utf-8", "replace")


def _once(name: str, known: Mapping[str, object]) -> None:
    if name in known:
        _odd()


def _odd() -> NoReturn:
    raise CheckFailed("The guest's sandbox answer is invalid.", protocol.TRY_AGAIN)


def _names(tested: Iterable[AgentResult]) -> str:
    return ", ".join(one.name for one in tested)


def _first(tested: Sequence[AgentResult], kind: str) -> str:
    texts = [visible(it.text, TEXT) for one in tested for it in one.found if it.kind == kind]
    more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
    return f"{texts[0]}{more}" if texts else "no reason given"
