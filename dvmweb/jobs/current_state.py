"""Collects the facts about a VM for the table of states: its listing, its boot, and its running job."""

from __future__ import annotations

import time
from dataclasses import replace

from dvmweb.jobs import starting
from dvmweb.lima.booting import booting_since, is_booting
from dvmweb.lima.client import is_connection_dead
from dvmweb.lima.instances import Instance
from dvmweb.lima.process import Finished
from dvmweb.names import instance_name
from dvmweb.paths import Paths
from dvmweb.states import Facts, refusal


def silent_todo(paths: Paths, vm: str, instance: Instance | None, verb: str, finished: Finished) -> str:
    """What to do if a question failed because the connection to the guest failed; "" if the connection worked."""
    if instance is None or not is_connection_dead(finished):
        return ""
    error = refusal(verb, replace(facts_about(paths, vm, instance, is_silent=True), status="Running", holder=""))
    return error.todo if error else ""


def facts_about(paths: Paths, vm: str, instance: Instance | None, *, is_silent: bool = False) -> Facts:
    """The facts for `dvmweb.states`; `is_silent`: the guest was checked now and did not respond."""
    job = starting.open_job(paths, vm)
    facts = Facts(vm, instance_name(vm), holder=f"{job.verb} {job.id[:8]}" if job else "", is_silent=is_silent)
    if instance is None:
        return facts
    since = booting_since(instance.directory) if instance.is_running else 0.0
    return replace(
        facts,
        instance=instance.name,
        status=instance.status,
        folder=instance.directory,
        errors=instance.errors,
        has_config=instance.config is not None,
        is_booting=instance.is_running and is_booting(instance.directory),
        up_for=max(0.0, time.time() - since) if since else 0.0,
    )
