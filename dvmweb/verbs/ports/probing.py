"""Checks whether ports of a VM answer, by a connection through each.

ssh takes a connection before it knows whether something in the guest listens, and closes it when the guest refuses. So
a connection counts as answered only if the guest has answered a later question and the connection is still open.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace

from dvmweb.lima.client import Lima
from dvmweb.lima.lima_yaml.ports import LIVE, OPEN, QUIET, PortState
from dvmweb.verbs.vms import Vms

CONNECT = 2.0  # seconds
REFUSAL = 1.0  # seconds that a refusal of the guest can take after its answer to the later question


def checked(vms: Vms, name: str, *, is_quiet: bool = False) -> tuple[PortState, ...]:
    """The ports of a VM; `open` and `quiet` are what a connection showed now. Raises NotFound.

    `is_quiet`: a page asks every few seconds, so the ledger gets no line for each question.
    """
    from dvmweb.errors import DvmError
    from dvmweb.verbs.configs import must_have_config

    must_have_config(vms.paths, name)
    vm = vms.listed(name)
    states = vm.ports if vm is not None else ()
    probed = [one for one in states if one.state in (LIVE, OPEN)]
    if not probed:
        return states
    answering: set[int] | None = None
    with suppress(DvmError):
        plan_input, lima = vms.running(name, is_quiet=is_quiet)
        answering = _answering(lima, plan_input.desired.instance, [one.host_port for one in probed])
    return tuple(_judged(one, answering) if one in probed else one for one in states)


def _judged(port: PortState, answering: set[int] | None) -> PortState:
    if answering is None:  # the guest did not answer: nothing is known
        return replace(port, state=LIVE, is_held=False)
    is_open = port.host_port in answering
    return replace(port, state=OPEN if is_open else QUIET, is_held=is_open)


def _answering(lima: Lima, instance: str, ports: Iterable[int]) -> set[int] | None:
    """Those of the ports at which something in the guest answers; None if the guest does not."""
    with ExitStack() as stack:
        calls: dict[socket.socket, int] = {}
        for port in ports:
            with suppress(OSError):
                calls[stack.enter_context(socket.create_connection(("127.0.0.1", port), CONNECT))] = port
        if not calls or not lima.answers(instance, fresh=False):
            return None if calls else set()
        return _still_open(calls)


def _still_open(calls: dict[socket.socket, int]) -> set[int]:
    found, until = dict(calls), time.monotonic() + REFUSAL
    while found and (left := until - time.monotonic()) > 0:
        for call in select.select(list(found), [], [], left)[0]:
            data = b""
            with suppress(OSError):
                data = call.recv(1)
            if not data:
                del found[call]
            else:  # a server that speaks first: it answers
                port = found.pop(call)
                return {port} | _still_open(found)
    return set(found.values())
