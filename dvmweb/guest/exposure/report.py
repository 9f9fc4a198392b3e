"""The report of an exposure test: parsed, stored as JSON, and put into lines. Runs nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from dvmweb.errors import CheckFailed
from dvmweb.guest import protocol
from dvmweb.guest_text import visible

# Kind -> its label, in the order shown.
KINDS = {
    "mounts": "Folders of this computer",
    "host": "127.0.0.1 of this computer",
    "vms": "Other VMs",
    "private": "Local network",
    "own": "127.0.0.1 of the VM",
    "keys": "SSH keys without a passphrase",
    "tokens": "Tokens and passwords",
    "sudo": "sudo",
    "egress": "Internet",
}
USER, AGENT = "user", "agent"
OPEN, NONE, CLOSED, UNKNOWN = "open", "none", "closed", "unknown"
# What is open by design: the user of a VM works there with root and network.
EXPECTED = {(USER, "sudo"), (USER, "egress"), (AGENT, "egress"), (USER, "own")}
MOST, TEXT = 200, 400  # results of a report; bytes of a text


@dataclass(frozen=True)
class Finding:
    """One result of a test."""

    who: str  # USER or AGENT
    kind: str  # of KINDS
    result: str  # OPEN, NONE (searched, none found), CLOSED (tried, no answer) or UNKNOWN (could not be tried)
    text: str  # guest text, escaped


@dataclass(frozen=True)
class ExposureReport:
    """One test of a VM."""

    findings: tuple[Finding, ...]
    at: float  # seconds since the epoch

    def of(self, who: str, kind: str) -> tuple[Finding, ...]:
        """The findings about one kind for the user or the agents of the VM."""
        return tuple(one for one in self.findings if (one.who, one.kind) == (who, kind))

    @property
    def has_agents(self) -> bool:
        """Whether the test covered the agents."""
        return any(one.who == AGENT for one in self.findings)

    def result(self, who: str, kind: str) -> str:
        """The result of a kind: OPEN if one finding is, UNKNOWN if one could not be tried or there is none at all."""
        results = {one.result for one in self.of(who, kind)}
        return next((one for one in (OPEN, UNKNOWN, CLOSED, NONE) if one in results), UNKNOWN)


def parse_report(output: bytes, nonce: str, at: float, *, has_agents: bool) -> ExposureReport:
    """Parse the answer of `exposure.py`. Raises CheckFailed if it is incomplete, invalid or leaves out a kind."""
    found: list[Finding] = []
    for record in protocol.parse(output, "exposure", nonce):
        if record.tag == "problem" and len(record.fields) == 1:
            raise CheckFailed(f"The test did not run: {_text(record.fields[0])}.", protocol.TRY_AGAIN)
        if record.tag != "result" or len(record.fields) != 4 or len(found) == MOST:
            raise _invalid()
        who, kind, result, text = map(_text, record.fields)
        if who not in (USER, AGENT) or kind not in KINDS or result not in (OPEN, NONE, CLOSED, UNKNOWN):
            raise _invalid()
        found.append(Finding(who, kind, result, text))
    report = ExposureReport(tuple(found), at)
    wanted = [(USER, kind) for kind in KINDS if kind != "own"]
    wanted += [(AGENT, kind) for kind in KINDS] if has_agents else []
    if any(not report.of(who, kind) for who, kind in wanted):
        raise _invalid()
    return report


def to_json(report: ExposureReport) -> str:
    """The report as text."""
    return json.dumps(asdict(report))


def from_json(text: str) -> ExposureReport:
    """Parse what to_json wrote. Raises ValueError, KeyError or TypeError for anything else."""
    facts = json.loads(text)
    findings = tuple(Finding(**{name: str(value) for name, value in one.items()}) for one in facts["findings"][:MOST])
    return ExposureReport(findings, float(facts["at"]))


def _text(field: bytes) -> str:
    if len(field) > TEXT:
        raise _invalid()
    return visible(field, TEXT)


def _invalid() -> CheckFailed:
    return CheckFailed("The guest's exposure answer is invalid.", protocol.TRY_AGAIN)
