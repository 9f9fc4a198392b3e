"""What both directions of a copy share: who answered, why a guest refused, how a transfer failed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dvmweb.errors import CheckFailed, DvmError, NotFound, NotNow, UsageError
from dvmweb.guest import protocol
from dvmweb.guest.copies.tally import Tally
from dvmweb.guest.protocol import Record
from dvmweb.guest_text import visible
from dvmweb.lima import process
from dvmweb.lima.client import Lima, is_connection_dead
from dvmweb.lima.failures import LimaError
from dvmweb.lima.process import Finished
from dvmweb.names import new_id
from dvmweb.plans import PlanInput
from dvmweb.states import refusal
from dvmweb.verbs.uploads import messages
from dvmweb.verbs.uploads.messages import RESERVE
from dvmweb.verbs.uploads.pipe import Patience
from dvmweb.verbs.vms import Vms

MOST_COUNT = 10**15


@dataclass(frozen=True)
class Copied:
    """What a copy did."""

    place: str  # where it is, safe to show; "" for a stream
    tally: Tally


class Guests:
    """The running VMs of one command: each is listed once, and each copy has a nonce of its own."""

    def __init__(self, vms: Vms) -> None:
        self._vms = vms
        self._known: dict[str, tuple[PlanInput, Lima]] = {}

    def running(self, name: str) -> tuple[PlanInput, Lima]:
        """The plan input of a running VM, and the engine. Raises NotFound, CheckFailed."""
        if name not in self._known:
            self._known[name] = self._vms.running(name)
        plan_input, lima = self._known[name]
        return replace(plan_input, nonce=new_id()), lima


def check_guest(record: Record, plan_input: PlanInput) -> None:
    """Read the guest's `ready`. Raises CheckFailed for another guest than the one that was meant."""
    messages.check_guest(record, plan_input, "copied")


def odd_answer() -> CheckFailed:
    """The guest's answer is not one of our script."""
    return CheckFailed("The guest sent an invalid response to the copy.", protocol.TRY_AGAIN)


def refused(fields: tuple[bytes, ...], plan_input: PlanInput, path: str) -> DvmError:
    """Why the guest copied nothing."""
    word, detail = (visible(field.decode("utf-8", "replace"), 200) for field in (*fields, b"", b"")[:2])
    vm = plan_input.config.name
    shown = f"{vm}:{visible(path, 300)}"
    refusals: dict[str, DvmError] = {
        "guest": messages.another_guest(plan_input, "copied"),
        "python": NotNow(
            f"{vm} cannot copy files: it has no python3.",
            "Install it there: `sudo dnf install python3`, or `sudo apt-get install python3`.",
        ),
        "root": NotNow(f"The code folder of {vm} is not read as root.", "Set `user` in its config to another account."),
        "room": NotNow(f"{vm} has no space for temporary files.", "Free 64 MiB or more there."),
        "none": NotFound(f"There is no {shown}.", f"List the folder: `dvm ssh {vm} -- ls -la`"),
        "exists": UsageError(f"{vm}:{detail} exists already.", "Copy to another name, or replace it with --force."),
        "name": UsageError(
            f"{shown} is a folder, and a stream has no name.",
            f"Give one: `{shown if shown.endswith((':', '/')) else shown + '/'}NAME`",
        ),
        "link": NotNow(
            f"{shown} leads over a link that another user can change: nothing was copied.",
            "Use the path behind the link.",
        ),
        "full": NotNow(
            f"The disk of {vm} does not have enough space.",
            f"Free some there: the size of the copy and {RESERVE >> 20} MiB.",
        ),
        "kind": UsageError(f"{shown} cannot be copied: {detail}.", "Nothing was copied."),
        "error": NotNow(f"{shown} cannot be read: {detail}.", f"Check its owner and rights: `dvm ssh {vm} -- ls -la`"),
        "write": NotNow(f"{shown} cannot be written: {detail}.", "Nothing was copied."),
    }
    folder = UsageError(f"{shown} is a folder.", "To copy it with everything in it, add -r.")
    if word == "folder":
        return NotFound(f"The folder of {shown} cannot be used: {detail}.", "Create it first.") if detail else folder
    return refusals.get(word) or odd_answer()


def skipped(record: Record, tally: Tally) -> None:
    """Note a `skipped` of the guest."""
    name, why = (field.decode("utf-8", "surrogateescape") for field in (*record.fields, b"", b"")[:2])
    tally.skip(name, visible(why, 200))


def failure(vms: Vms, vm: str, finished: Finished | None, patience: Patience) -> DvmError:
    """Why a transfer without a last word of the guest ended."""
    if patience.has_run_out:
        return NotNow(f"No progress for {patience.seconds:.0f} s: the copy was cancelled.", "Try again.")
    if finished is not None and finished.ended not in (process.CANCELLED, process.DEADLINE):
        if is_connection_dead(finished):
            error = refusal("upload", replace(vms.standing(vm, None, is_silent=True), status="Running"))
            if error is not None:
                return CheckFailed(error.what, error.todo)
        if not finished.is_ok:
            return LimaError(finished, f"Check that {vm} is running.")
    return NotNow("The copy is incomplete: the guest stopped sending.", "Try again.")
