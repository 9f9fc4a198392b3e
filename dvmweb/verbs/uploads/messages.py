"""The values of an upload: its request, the guest's answers, and the errors for them."""

from __future__ import annotations

from dataclasses import dataclass

from dvmweb.errors import CheckFailed, DvmError, NotNow, UsageError
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Record
from dvmweb.guest_text import visible
from dvmweb.lima.commands import ssh_alias
from dvmweb.names import file_name, is_numbered
from dvmweb.plans import PlanInput

MOST_BYTES = 4 << 30  # of one file
RESERVE = 256 << 20  # bytes of a disk to keep free
MOST_PATH = 4000  # bytes; PATH_MAX of Linux is 4096
INCOMPLETE = b"incomplete"  # the guest's reason if the upload ended before its end mark
NOTHING = "No file was created in the VM. Try again."


@dataclass(frozen=True)
class Wanted:
    """A file to upload, as the browser describes it. Raises UsageError if it cannot be uploaded."""

    name: str
    size: int  # bytes
    folder: str = ""  # absolute path in the VM; "" for the code folder

    def __post_init__(self) -> None:
        file_name(self.name)
        if self.folder and not is_guest_folder(self.folder):
            raise UsageError("The browser sent an invalid folder.", "Reload the page.")
        if not 0 <= self.size <= MOST_BYTES:
            todo = "Split it, or let the VM fetch it."
            raise UsageError(f"{self.name} is too large: {MOST_BYTES >> 30} GiB at most.", todo)


def is_guest_folder(path: str) -> bool:
    """Whether this can be the absolute path of a folder in a guest."""
    return path.startswith("/") and "\0" not in path and len(path.encode("utf-8", "replace")) <= MOST_PATH


@dataclass(frozen=True)
class Arrived:
    """The path of the uploaded file, as reported by the guest; safe to show."""

    name: str  # another one than requested if that was taken
    folder: str


def arrived(record: Record, wanted: Wanted) -> Arrived:
    """Parse the guest's record `done`. Raises CheckFailed."""
    name, folder = (*record.fields, b"", b"")[:2]
    if len(record.fields) != 2 or not is_numbered(name.decode("utf-8", "replace"), wanted.name):
        raise odd_answer()
    return Arrived(visible(name, 300), visible(folder, 300))


def check_guest(record: Record, plan_input: PlanInput, done: str = "sent") -> None:
    """Parse the guest's record `ready`, which the script also checks. Raises CheckFailed for another guest.

    `done`: what was not done then.
    """
    host, name, guest_id = (field.decode("utf-8", "replace") for field in (*record.fields, b"", b"", b"")[:3])
    is_named_so = (host, name) == (ssh_alias(plan_input.desired.instance), plan_input.desired.instance)
    if not is_named_so or plan_input.known_id not in ("", guest_id):
        raise another_guest(plan_input, done)


def another_guest(plan_input: PlanInput, done: str = "sent") -> CheckFailed:
    """The error if another VM answered."""
    vm = plan_input.config.name
    return CheckFailed(f"The guest that answered is not {vm} as dvm knows it: nothing was {done}.", f"Sync {vm} first.")


def odd_answer() -> CheckFailed:
    """The error of an invalid answer."""
    return CheckFailed("The guest sent an invalid response to the upload.", protocol.TRY_AGAIN)


def not_whole(wanted: Wanted) -> NotNow:
    """The error of an upload that ended early."""
    return NotNow(f"{wanted.name} did not arrive completely.", NOTHING)


def refusal(why: bytes, wanted: Wanted, plan_input: PlanInput) -> DvmError:
    """The error for the reason that the guest reported."""
    name, vm = wanted.name, plan_input.config.name
    folder = visible(wanted.folder, 300) or plan_input.config.code_dir
    refusals: dict[bytes, DvmError] = {
        b"guest": another_guest(plan_input),
        b"folder": NotNow(f"{vm} cannot write into {folder}.", "Check in the VM what it is and who owns it."),
        b"link": NotNow(
            f"{folder} goes through a link that another user can change: nothing was sent.",
            "Make your user the owner of the link, or use the folder that it leads to.",
        ),
        b"python": NotNow(
            f"{vm} cannot receive files: it has no python3.",
            "Install it there: `sudo dnf install python3`, or `sudo apt-get install python3`.",
        ),
        b"full": NotNow(
            f"The disk of {vm} has no space for {name}.",
            f"Free some there: the size of the file and {RESERVE >> 20} MiB.",
        ),
        b"write": NotNow(f"{vm} could not write {name}: its disk may be full.", NOTHING),
        b"names": NotNow(f"{folder} already has too many files named {name}.", "Give the file another name."),
    }
    return refusals.get(why) or not_whole(wanted)
