"""The states of a VM, and what each verb does in each: it runs, waits, or is refused with what to do. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from dvmweb.errors import CheckFailed, DvmError, NotFound, NotNow, NotRunning, UnsavedWork
from dvmweb.guest_text import in_prose, visible

VERBS = (
    *("sh", "ssh", "terminal", "upload", "log", "ssh-key"),
    *("sync", "start", "work", "stop", "stop --force", "rm", "rm --force", "rm --now --force"),
)
ENTERING = ("sh", "ssh", "terminal", "upload", "log")  # those that need a guest that responds
LONG_BOOT = 900.0  # seconds; Lima's own timeout is ten minutes


class State(Enum):
    """The state of a VM, by its listing, its files and the last check of its guest."""

    NOT_CREATED = "not created"
    STOPPED = "Stopped"
    ANSWERS = "Running, reachable"
    BOOTING = "Running, still booting"
    SILENT = "Running, does not respond"  # hung, rebooting, without a network
    DIED = "Broken: one of its processes died"
    NO_FILE = "Broken: a folder without a lima.yaml"
    BAD_FILE = "unreadable lima.yaml"
    ODD = "any other status"  # Installing, and what newer versions of Lima add


@dataclass(frozen=True)
class Facts:
    """What is known of a VM; this module collects none of it."""

    vm: str
    instance: str = ""  # its name in Lima
    status: str | None = None  # Lima's status verbatim; None without an instance
    folder: str = ""
    errors: tuple[str, ...] = ()  # Lima's own reasons, safe to show
    has_config: bool = True  # Lima could read its lima.yaml
    is_booting: bool = False
    up_for: float = 0.0  # seconds since it was started, 0 if not known
    is_silent: bool = False  # it was checked and did not respond
    holder: str = ""  # its running job: "sync 5e81abcd"

    @property
    def state(self) -> State:
        """The state that follows from these facts."""
        if self.status is None:
            return State.NOT_CREATED
        if self.status == "Running":
            is_hanging = self.is_silent or (self.is_booting and self.up_for > LONG_BOOT)
            return State.SILENT if is_hanging else State.BOOTING if self.is_booting else State.ANSWERS
        known = {"Stopped": State.STOPPED, "": State.BAD_FILE}
        if self.status == "Broken":
            return State.DIED if self.has_config else State.NO_FILE
        return known.get(self.status, State.ODD)


@dataclass(frozen=True)
class Cell:
    """What one verb does in one state. `what` is "" if it is not refused; placeholders are those of `_values`."""

    happens: str  # in a few words, for docs/reference/states.md (make reference)
    what: str = ""
    todo: str = ""
    kind: type[DvmError] = DvmError  # which fixes the exit code


RUNS = Cell("runs")
WAITS = Cell("waits until it responds")
REMEMBERED = Cell("prints the key that the guest reported last")


def _all(verbs: tuple[str, ...], cell: Cell) -> dict[str, Cell]:
    return dict.fromkeys(verbs, cell)


def _refused(what: str, todo: str) -> dict[str, Cell]:
    """Cells that refuse every verb, with the exit code of each."""
    plain = _all(VERBS, Cell("refused", what, todo))
    checks = {"work": CheckFailed, "rm": UnsavedWork, **dict.fromkeys(ENTERING, CheckFailed)}
    return plain | {verb: Cell("refused", what, todo, kind) for verb, kind in checks.items()} | {"ssh-key": REMEMBERED}


_LOST = "What the guest had not written to disk may be lost."
_DIED = "{vm} is Broken{why}."
_NO_FILE = "{instance} is a folder without a lima.yaml, so Lima cannot use it{why}."
_NO_FILE_TODO = (
    "If it is being cloned or created now, wait for that. Otherwise put its lima.yaml back from a backup, "
    "or remove the folder with everything in it: `rm -r {folder}`."
)
_BAD_FILE = "Lima cannot read {folder}/lima.yaml{why}."
_BAD_FILE_TODO = "Fix that file, or delete the VM with everything in it: `dvm rm {vm} --now --yes --force`."
_ODD = "{vm} is {status}: Lima is still working on it."
_ODD_TODO = "Check again with `dvm ls`. If that does not change: `dvm stop {vm} --force`, then `dvm start {vm}`."
_NO_TRASH = " Only a stopped VM can be moved to the trash."
_FOR_GOOD = "To delete it with everything in it: `dvm rm {vm} --now --yes --force`"
_BACK = "If it does not recover, as after a reboot: `dvm stop {vm}`, then `dvm start {vm}`."
_SILENT = "{vm} is Running but does not respond{long}."
_BOOTING = "{vm} is still booting{since}."
_BOOT_WAIT = "{wait}"

TABLE: Mapping[State, Mapping[str, Cell]] = {
    State.NOT_CREATED: {
        **_all(VERBS, Cell("refused", "{vm} is not created.", "Create it with `dvm sync {vm}`.", NotFound)),
        "sync": Cell("creates it"),
    },
    State.STOPPED: {
        **_all(VERBS, RUNS),
        **_all(("sync", "start"), Cell("starts it")),
        **_all(("work", "rm"), Cell("starts it to check")),
        "stop": Cell("nothing to do"),
        **_all(ENTERING, Cell("refused", "{vm} is Stopped.", "Start it with `dvm start {vm}`.", NotRunning)),
        "ssh-key": REMEMBERED,
    },
    State.ANSWERS: _all(VERBS, RUNS),
    State.BOOTING: {
        **_all(VERBS, RUNS),
        **_all(("sync", "start"), WAITS),
        "stop": Cell("runs; Lima may take three minutes"),
        **_all(("work", *ENTERING), Cell("refused", _BOOTING, _BOOT_WAIT, CheckFailed)),
        "terminal": WAITS,
        "rm": Cell("refused", _BOOTING, _BOOT_WAIT, UnsavedWork),
        "ssh-key": REMEMBERED,
    },
    State.SILENT: {
        **_all(VERBS, RUNS),
        **_all(("sync", "start"), Cell("retries for minutes", _SILENT, _BACK, CheckFailed)),
        "stop": Cell("runs; Lima may take three minutes"),
        **_all(("work", *ENTERING), Cell("tries", _SILENT, _BACK, CheckFailed)),
        "rm": Cell("tries", _SILENT, _BACK, UnsavedWork),
        "ssh-key": REMEMBERED,
    },
    State.DIED: {
        **_refused(_DIED, "Force-stop it: `dvm stop {vm} --force`, then `dvm start {vm}`. " + _LOST),
        **_all(("stop --force", "rm --now --force"), RUNS),
        "rm --force": Cell(
            "refused", _DIED + _NO_TRASH, f"Force-stop it: `dvm stop {{vm}} --force`. {_LOST} {_FOR_GOOD}"
        ),
        "stop": Cell("refused", _DIED, "Force-stop it: `dvm stop {vm} --force`. " + _LOST),
    },
    State.NO_FILE: _refused(_NO_FILE, _NO_FILE_TODO),
    State.BAD_FILE: {**_refused(_BAD_FILE, _BAD_FILE_TODO), "rm --now --force": RUNS},
    State.ODD: {
        **_refused(_ODD, _ODD_TODO),
        **_all(("stop --force", "rm --now --force"), RUNS),
        "rm --force": Cell("refused", _ODD + _NO_TRASH, f"{_ODD_TODO} {_FOR_GOOD}"),
    },
}


def refusal(verb: str, facts: Facts) -> DvmError | None:
    """The error of a verb that is refused in this state; None if it runs or waits."""
    cell = TABLE[facts.state][verb]
    if not cell.what:
        return None
    values = _values(facts)
    error = cell.kind(cell.what.format_map(values), cell.todo.format_map(values))
    if isinstance(error, NotRunning):
        error.status = facts.status or ""
    return error


def protected(vm: str) -> NotNow:
    """The error of a delete of a VM that is protected."""
    return NotNow(f"{vm} is protected, so it is not deleted.", f"Remove the protection first: `dvm protect {vm} --off`")


def _values(facts: Facts) -> dict[str, str]:
    job = facts.holder.rpartition(" ")[2]
    wait = f"Wait for its job with `dvm log {job}`" if job else f"Wait for it with `dvm start {facts.vm}`"
    return {
        "vm": facts.vm,
        "instance": facts.instance,
        "folder": shlex.quote(visible(facts.folder, 400)),
        "status": in_prose(facts.status or "in an unknown state", 40),
        "why": f": {in_prose('; '.join(facts.errors), 600).rstrip('.')}" if facts.errors else "",
        "since": f" ({facts.holder})" if facts.holder else f" (for {facts.up_for:.0f} s)" if facts.up_for else "",
        "long": f", {facts.up_for / 60:.0f} min after its start" if facts.is_booting and facts.up_for else "",
        "wait": f"{wait}, then do this again.",
    }
