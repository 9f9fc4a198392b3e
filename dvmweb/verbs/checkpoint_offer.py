"""Offers a checkpoint before an agent works. It is a module of its own because each `dvm sh` imports it."""

from __future__ import annotations

from dvmweb import files
from dvmweb.records import checkpoint_records
from dvmweb.terminals.agents import AGENTS
from dvmweb.verbs.vms import Vms

OFFERED = "checkpoint-offered"  # in the state folder of a VM


def offer(vms: Vms, name: str) -> str:
    """A sentence that offers a checkpoint of a VM with an agent, once for each VM; "" if it has one or was offered."""
    mark = vms.paths.vm_state(name) / OFFERED
    agents = {one.recipe for one in AGENTS.values()}
    if mark.exists() or not vms.has_config(name) or not agents & set(vms.check_config(name).recipes):
        return ""
    if checkpoint_records.of_vm(vms.paths, name) or not mark.parent.is_dir():
        return ""
    files.write_whole(mark, b"")
    return f"Before an agent works unattended: `dvm checkpoint {name} --stop` keeps a copy that you can go back to."
