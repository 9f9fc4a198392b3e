"""What `--json` prints: one object for each VM and job, each with its version; what is not known is null."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from dvmweb.jobs.journal import Job
from dvmweb.terminals.client import TerminalFacts
from dvmweb.vms import Vm


def job_facts(job: Job) -> dict[str, Any]:
    """A job as `dvm jobs --json` prints it."""
    facts = asdict(job)
    return {"version": 1, **{key: facts[key] for key in facts if key not in ("process", "child")}}


def terminal_facts(terminal: TerminalFacts) -> dict[str, Any]:
    """A terminal as `dvm terminals --json` prints it; `state` is null where there is nothing to say."""
    return {"version": 1, **asdict(terminal), "state": terminal.state or None}


def _wall_facts(vm: Vm) -> dict[str, Any] | None:
    if vm.wall is None:
        return None
    result = vm.wall.result_for(vm.config.recipes if vm.config else ())
    return {"result": result, "summary": vm.wall.summary(), **json.loads(vm.wall.to_json())}


def vm_facts(vm: Vm) -> dict[str, Any]:
    """A VM as `dvm ls --json` prints it; what is not known is null."""
    config, instance = vm.config, vm.instance
    return {
        "version": 1,
        "name": vm.name,
        "kind": vm.kind,
        "vm_kind": config.kind if config else None,
        "guest_name": config.guest_name if config and instance else None,
        "status": vm.status or None,
        "instance": instance.name if instance else None,
        "reachable": vm.reach.answered if vm.reach else None,
        "reachable_at": vm.reach.at if vm.reach else None,
        "work": json.loads(vm.work.to_json()) if vm.work else None,
        "wall": _wall_facts(vm),
        "job": {"id": vm.job.id, "verb": vm.job.verb} if vm.job else None,
        "problem": vm.problem or None,
        "cpus": instance.cpus if instance else config.cpus if config else None,
        "memory_bytes": instance.memory if instance else config.memory if config else None,
        "disk_bytes": instance.disk if instance else config.disk if config else None,
        "ports": [asdict(port) for port in config.ports] if config else [],
        "recipes": list(config.recipes) if config else [],
    }
