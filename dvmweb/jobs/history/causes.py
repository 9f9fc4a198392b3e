"""The kind of a job's failure, from its journal, so that a page can offer what helps. Pure.

Only the buttons depend on it, so it may read output of a guest: a guest that prints another cause changes which page
is offered and nothing else.
"""

from __future__ import annotations

from enum import StrEnum

from dvmweb.jobs.job_record import Failure, Job
from dvmweb.names import RECIPE_PATTERN
from dvmweb.plans import titles


class Cause(StrEnum):
    """Why a job did not succeed."""

    KEY_REFUSED = "key refused"  # the server of the repository refused the VM's key or asked for a password
    NO_REPOSITORY = "no repository"  # or the key has no access to it
    NO_GIT_SERVER = "no git server"  # its name is unknown, or it cannot be reached
    HOST_KEY = "host key"  # of the server of the repository: it has changed
    CLONE = "clone"  # any other failure of a clone
    SECRET = "secret"  # noqa: S105 - a recipe needs one
    CONFIG = "config"
    RECIPE = "recipe"
    HOOK = "hook"
    IMAGE = "image"  # does not exist, or is not the expected one
    NETWORK = "network"  # of the host
    HOST_DISK = "host disk"
    GUEST_DISK = "guest disk"
    SILENT = "silent"  # the guest did not respond
    BROKEN = "broken"  # Lima reports the VM as Broken
    PORT = "port"
    UNSAVED = "unsaved"
    PROTECTED = "protected"
    ENGINE = "engine"  # Lima or QEMU is missing or too old
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    OTHER = "other"


FULL = "no space left on device"
# By the class of the error.
KINDS = {
    "SecretNeeded": Cause.SECRET,
    "ConfigError": Cause.CONFIG,
    "UsageError": Cause.CONFIG,
    "PortTaken": Cause.PORT,
    "NoEngine": Cause.ENGINE,
    "UnsavedWork": Cause.UNSAVED,
    "WorkAtRisk": Cause.UNSAVED,  # in journals of dvm 0.1
}
# What Git and ssh print, in lower case; the first that is found counts.
CLONE_SIGNS = (
    (FULL, Cause.GUEST_DISK),
    ("host key verification failed", Cause.HOST_KEY),
    ("permission denied (", Cause.KEY_REFUSED),
    ("could not read username", Cause.KEY_REFUSED),
    ("could not read password", Cause.KEY_REFUSED),
    ("authentication failed", Cause.KEY_REFUSED),
    ("access denied", Cause.KEY_REFUSED),
    ("returned error: 401", Cause.KEY_REFUSED),
    ("returned error: 403", Cause.KEY_REFUSED),
    ("could not be found", Cause.NO_REPOSITORY),
    ("could not resolve host", Cause.NO_GIT_SERVER),
    ("name or service not known", Cause.NO_GIT_SERVER),
    ("connection refused", Cause.NO_GIT_SERVER),
    ("connection timed out", Cause.NO_GIT_SERVER),
    ("no route to host", Cause.NO_GIT_SERVER),
    ("network is unreachable", Cause.NO_GIT_SERVER),
    ("not found", Cause.NO_REPOSITORY),
    ("does not exist", Cause.NO_REPOSITORY),
)
# The same for limactl.
LIMA_SIGNS = (
    (FULL, Cause.HOST_DISK),
    ("no such host", Cause.NETWORK),
    ("connection refused", Cause.NETWORK),
    ("network is unreachable", Cause.NETWORK),
    ("i/o timeout", Cause.NETWORK),
    ("expected digest", Cause.IMAGE),
    ("failed to download", Cause.IMAGE),
    ("disk shrinking", Cause.CONFIG),
    ("shrinking the disk", Cause.CONFIG),
    ("is protected to prohibit", Cause.PROTECTED),
    ("seems running (hint", Cause.BROKEN),
    ("errors inspecting instance", Cause.BROKEN),
    ("did not receive an event", Cause.SILENT),
    ("usernet unable to resolve", Cause.SILENT),
    ("degraded, status=", Cause.SILENT),
    ("qemu-img", Cause.ENGINE),
    ("qemu-system-", Cause.ENGINE),
    ("could not find firmware", Cause.ENGINE),
    ("guest agent binary could not", Cause.ENGINE),
    ("requires lima version", Cause.ENGINE),
    ("as the root user", Cause.ENGINE),
)
OTHER_SIGNS = (
    (FULL, Cause.HOST_DISK),
    ("is protected", Cause.PROTECTED),
    ("is broken", Cause.BROKEN),
    ("stopped running while", Cause.BROKEN),
    ("did not respond", Cause.SILENT),
    ("does not respond", Cause.SILENT),
)


def cause_of(job: Job) -> Cause | None:
    """Why the job did not succeed; None while it runs and for one that succeeded."""
    if job.state in (Cause.CANCELLED, Cause.INTERRUPTED):
        return Cause(job.state)
    if job.failure is None:
        return Cause.OTHER if job.state == "failed" else None
    if (known := KINDS.get(job.failure.kind)) is not None:
        return known
    return _by_step(failed_step(job), job.failure)


def failed_step(job: Job) -> str:
    """The title of the first step that failed, "" for none."""
    return next((step.title for step in job.steps if step.state == "failed"), "")


def recipe_of(title: str) -> str:
    """The recipe that a step runs, "" for another step."""
    if title == titles.recipe("baseline"):
        return "baseline"
    first = titles.recipe("")
    name = title.removeprefix(first).split(",")[0] if title.startswith(first) else ""
    return name if RECIPE_PATTERN.fullmatch(name) else ""


def _by_step(title: str, failure: Failure) -> Cause:
    text = failure.what.lower()
    if failure.kind == "LimaError":
        return _found(LIMA_SIGNS, text) or Cause.OTHER
    if title.startswith(titles.clone("")):
        return _found(CLONE_SIGNS, text) or Cause.CLONE
    if recipe_of(title) or title == titles.HOOK:
        return Cause.GUEST_DISK if FULL in text else Cause.RECIPE if recipe_of(title) else Cause.HOOK
    if title in (titles.WAIT_FOR_GUEST, titles.READ_STATE, titles.READ_STATE_AGAIN):
        return Cause.SILENT
    return _found(OTHER_SIGNS, text) or Cause.OTHER


def _found(signs: tuple[tuple[str, Cause], ...], text: str) -> Cause | None:
    return next((cause for sign, cause in signs if sign in text), None)
