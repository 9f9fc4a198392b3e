"""Makes the example VM: its config, with a port that is free on this computer, and its first sync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError, UsageError
from dvmweb.host_ports import listeners
from dvmweb.jobs.job_record import Job
from dvmweb.names import check_socket_path
from dvmweb.verbs import configs
from dvmweb.verbs.vms import Vms

NAME = RECIPE = "example"
PORTS = range(8000, 8020)


def has_example(vms: Vms) -> bool:
    """Whether a VM of its name is there."""
    return vms.has_config(NAME)


def start(vms: Vms) -> Job:
    """Write the config and start the first sync. Raises UsageError if the name or all of the ports are taken."""
    if has_example(vms):
        raise UsageError(f"There is a VM {NAME} already.", f"Delete it first, or open it: `dvm sh {NAME}`")
    port = str(free_port(vms))
    check_socket_path(str(vms.paths.lima_home), NAME)
    params = {RECIPE: {"example_port": port}} if port != str(PORTS[0]) else {}
    values = {"ports": [port], "recipes": [RECIPE], **({"params": params} if params else {})}
    ConfigStore(vms.paths).create(NAME, values)
    configs.refresh_schema(vms.paths)
    return vms.start_job(NAME, "sync")


def free_port(vms: Vms) -> int:
    """The first port of PORTS that no program of this computer and no other config has. Raises UsageError."""
    taken = set(listeners(PORTS, anywhere=True)) | set(_declared(vms))
    for port in PORTS:
        if port not in taken:
            return port
    raise UsageError(f"The ports {PORTS[0]} to {PORTS[-1]} are all in use.", "End one of the programs that use them.")


def _declared(vms: Vms) -> Iterator[int]:
    """The host ports of all configs that can be read."""
    store = ConfigStore(vms.paths)
    for name in store.names():
        with suppress(DvmError):
            yield from (port.host_port for port in store.read(name).ports)
