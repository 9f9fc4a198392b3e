"""Compares the clocks of running VMs with that of the host: one question to each, four at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dvmweb import plans
from dvmweb.errors import DvmError
from dvmweb.guest.state import parse_clock
from dvmweb.verbs.doctor.findings import Finding, State
from dvmweb.verbs.vm import Vm
from dvmweb.verbs.vms import Vms

AT_ONCE = 4
PATIENCE = 10.0  # seconds
MOST_DRIFT = 5.0  # seconds; certificates, tokens and builds by file times allow about as much


@dataclass(frozen=True)
class Reading:
    """The clock of a guest, and when it was asked and had answered; seconds since the epoch, of each clock."""

    guest: float
    sent: float
    received: float

    @property
    def drift(self) -> float:
        """By how many seconds the guest is ahead at least; 0 if the time of the question explains the difference."""
        ahead, behind = self.guest - self.received, self.guest - self.sent
        return max(ahead, 0.0) or min(behind, 0.0)


def clocks(vms: Vms, listed: Sequence[Vm]) -> Iterator[Finding]:
    """A finding for each running VM whose clock is wrong or not known; one for all if none is."""
    running = [vm.name for vm in listed if vm.kind == "managed" and vm.status == "Running" and vm.config is not None]
    if not running:
        return
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = [one for one in threads.map(lambda name: _clock_of(vms, name), running) if one is not None]
    yield from found
    if not found:
        yield Finding("clocks", State.OK, f"Those of {len(running)} running VMs agree with this computer's.")


def _clock_of(vms: Vms, name: str) -> Finding | None:
    try:
        return judged(name, _reading(vms, name))
    except (DvmError, OSError) as error:
        what = error.what if isinstance(error, DvmError) else str(error)
        fix = f"What happens in it: dvm log {name} --boot"
        return Finding(f"VM {name}", State.UNKNOWN, f"Its clock is not known: {what}", fix)


def _reading(vms: Vms, name: str) -> Reading:
    plan_input, lima = vms.running(name, is_quiet=True)
    sent = time.time()
    finished = lima.query(plan_input.desired.instance, plans.clock_question(plan_input), PATIENCE)
    received = time.time()
    return Reading(parse_clock(finished.stdout, plan_input.nonce), sent, received)


def judged(name: str, reading: Reading) -> Finding | None:
    """The finding for a clock that is wrong. Pure."""
    if abs(reading.drift) <= MOST_DRIFT:
        return None
    way = "ahead of" if reading.drift > 0 else "behind"
    what = f"Its clock is {abs(reading.drift):.0f} s {way} this computer's: certificates and tokens can fail."
    return Finding(f"VM {name}", State.WARNING, what, f"Restart it, which sets the clock: dvm restart {name}")
