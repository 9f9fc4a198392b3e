"""The objects that `--json` prints, each with a version; what is not known is null."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from dvmweb.jobs.job_record import Job
from dvmweb.lima.ledger import Entry
from dvmweb.lima.lima_yaml.ports import PortState
from dvmweb.records.known_work import WorkStatus
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.vms import Vm


def job_facts(job: Job) -> dict[str, Any]:
    """A job as `dvm jobs --json` prints it."""
    facts = asdict(job)
    return {"version": 1, **{key: facts[key] for key in facts if key not in ("process", "child")}}


def command_facts(entry: Entry) -> dict[str, Any]:
    """A command of the engine as `dvm log JOB --commands --json` prints it."""
    return {"version": 1, **asdict(entry)}


def terminal_facts(terminal: TerminalFacts) -> dict[str, Any]:
    """A terminal as `dvm terminals --json` prints it; `state` is null if it is not known."""
    return {"version": 1, **asdict(terminal), "state": terminal.state or ("ended" if terminal.ended else None)}


def _sandbox_facts(vm: Vm) -> dict[str, Any] | None:
    if vm.sandbox is None:
        return None
    result = vm.sandbox.result_for(vm.config.recipes if vm.config else ())
    return {"result": result, "summary": vm.sandbox.summary(), **json.loads(vm.sandbox.to_json())}


def port_facts(port: PortState) -> dict[str, Any]:
    """A port; `state` is open, quiet, live, taken, refused, waits, leaves or down, see docs/reference/json.md."""
    facts = asdict(port)
    return {"host_ip": "127.0.0.1", **facts, "holder": port.holder or None}


def work_facts(known: WorkStatus | None) -> dict[str, Any] | None:
    """What is known of the unsaved work in a VM: the last complete report, and what came after it."""
    if known is None:
        return None
    failed = json.loads(known.failed.to_json()) if known.failed is not None else None
    verdict = "not known" if known.is_doubted else known.verdict.value
    more = {"verdict": verdict, "summary": known.summary, "since": known.since or None, "check_failed": failed}
    facts: dict[str, Any] = json.loads(known.report.to_json())
    return facts | more


def _failed_facts(vm: Vm) -> dict[str, Any] | None:
    job = vm.failed
    if job is None:
        return None
    return {"id": job.id, "verb": job.verb, "state": job.state, "outcome": job.outcome, "ended": job.ended}


def vm_facts(vm: Vm) -> dict[str, Any]:
    """A VM as `dvm ls --json` prints it; what is not known is null."""
    config, instance = vm.config, vm.instance
    return {
        "version": 2,  # 1: other words for the results of sandbox and work
        "name": vm.name,
        "kind": vm.kind,
        "vm_kind": config.kind if config else None,
        "guest_name": config.guest_name if config and instance else None,
        "status": vm.status or None,
        "instance": instance.name if instance else None,
        "protected": instance.protected if instance else None,
        "reachable": vm.reach.answered if vm.reach else None,
        "reachable_at": vm.reach.at if vm.reach else None,
        "work": work_facts(vm.known),
        "sandbox": _sandbox_facts(vm),
        "job": {"id": vm.job.id, "verb": vm.job.verb} if vm.job else None,
        "failed": _failed_facts(vm),
        "problem": vm.problem or None,
        "pending": [asdict(one) for one in vm.pending],
        "cpus": instance.cpus if instance else config.cpus if config else None,
        "memory_bytes": instance.memory if instance else config.memory if config else None,
        "disk_bytes": instance.disk if instance else config.disk if config else None,
        "ports": [port_facts(port) for port in vm.ports],
        "recipes": list(config.recipes) if config else [],
    }
