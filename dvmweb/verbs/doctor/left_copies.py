"""Copies of VMs in LIMA_HOME that no record names: what made them was interrupted, and its record is lost."""

from __future__ import annotations

from contextlib import suppress

from dvmweb.errors import DvmError
from dvmweb.jobs import copy_ends, engine_lock
from dvmweb.names import is_clone
from dvmweb.paths import Paths
from dvmweb.records import checkpoint_records, rewinds
from dvmweb.verbs import cloning
from dvmweb.verbs.vms import Vms

REMOVE = "remove a copy that nothing uses"


def unnamed(paths: Paths) -> tuple[str, ...]:
    """The instances of copies that no clone, checkpoint or rewind has recorded, by their folders."""
    with suppress(OSError):
        found = [path for path in sorted(paths.lima_home.iterdir()) if is_clone(path.name)]
        named = _named(paths)  # read later: each record is written before its copy is made
        return tuple(path.name for path in found if path.name not in named and path.exists())
    return ()


def _named(paths: Paths) -> set[str]:
    rewound = (rewinds.read(paths, vm) for vm in rewinds.begun(paths))
    kept = (checkpoint_records.read(paths, name).copy for name in checkpoint_records.names(paths))
    return {cloning.copy_of_begun(paths), *(one.copy for one in rewound if one is not None), *kept}


def remove(vms: Vms) -> tuple[str, ...]:
    """Delete those that are not running; a sentence for each."""
    paths, done = vms.paths, []
    lima = vms.lima()
    with engine_lock.moves(paths):
        listing = lima.list()
        for name in unnamed(paths):
            instance = listing.find(name)
            if instance is not None and (instance.status == "Running" or instance.host_agent_pid):
                done.append(f"{name} is Running, so it was kept. To stop it: `limactl stop {name}`")
                continue
            try:
                copy_ends.remove_copy(paths, lima, name)
                done.append(f"{name} was deleted: a copy of a VM that nothing used.")
            except (DvmError, OSError) as error:
                done.append(f"{name} was kept: {error.what if isinstance(error, DvmError) else error}")
    return tuple(done)
