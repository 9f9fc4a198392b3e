"""Runs an exposure test: opens a port on the host, asks the guest to reach it and the rest, stores the report."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dvmweb import plans
from dvmweb.guest.exposure import ExposureReport, parse_report
from dvmweb.jobs.inputs import recipes_of
from dvmweb.lima.deadlines import scaled
from dvmweb.records import exposures
from dvmweb.verbs.exposure.targets import targets
from dvmweb.verbs.vms import Vms

SECONDS, MOST_SECONDS = 3.0, 12.0  # for one connection, on a quick and on a slow guest
DEADLINE = 120.0  # seconds; the launcher checks the project before an agent's probes


def test(vms: Vms, name: str) -> ExposureReport:
    """Test what a running VM and its agents can reach. Raises NotFound, ConfigError, CheckFailed."""
    plan_input, lima = vms.running(name)
    # The plan input of a question has no recipes; one that cannot be read must not look like a VM without agents.
    has_agents = plans.has_agents(recipes_of(vms.paths, plan_input.config))
    task = targets(plan_input.config, vms.list_vms())
    token = secrets.token_hex(16)
    with _listening(token) as port:
        task |= {"token": token, "port": port, "seconds": scaled(SECONDS, plan_input.pace, MOST_SECONDS)}
        question = plans.exposure_question(plan_input, json.dumps(task), has_agents=has_agents)
        instance = plan_input.desired.instance
        finished = lima.query(instance, question, scaled(DEADLINE, plan_input.pace), network=True)
    report = parse_report(finished.stdout, plan_input.nonce, time.time(), has_agents=has_agents)
    exposures.write(vms.paths, name, plan_input.instance, report)
    return report


def last(vms: Vms, name: str) -> ExposureReport | None:
    """The last report of this VM's instance; None if there is none. It can be older than the VM's last start."""
    vm = vms.listed(name)
    return exposures.read(vms.paths, name, vm.instance) if vm is not None else None


@contextmanager
def _listening(token: str) -> Iterator[int]:
    """A port on 127.0.0.1 that sends the token to each connection; 0 if none can be opened."""
    try:
        server = socket.create_server(("127.0.0.1", 0))
    except OSError:
        yield 0
        return
    thread = threading.Thread(target=_serve, args=(server, token.encode()), name="exposure test", daemon=True)
    with server:
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):  # macOS: the close ends the wait
                server.shutdown(socket.SHUT_RDWR)  # Linux: while a thread waits in accept, a close leaves the port open


def _serve(server: socket.socket, token: bytes) -> None:
    with suppress(OSError):  # closed
        while True:
            call, _ = server.accept()
            with call, suppress(OSError):
                call.sendall(token)
