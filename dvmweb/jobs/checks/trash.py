"""The checks that move a VM to the trash: what is known of it is recorded before, and the result is verified."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError, sentence
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.jobs.copy_ends import stay_note
from dvmweb.jobs.inputs import read_note
from dvmweb.jobs.removing import forget
from dvmweb.lima.disk_use import disk_used, in_words
from dvmweb.lima.failures import reason
from dvmweb.lima.instances import parse_list
from dvmweb.lima.process import Finished
from dvmweb.names import entry_instance
from dvmweb.plans import PlanInput
from dvmweb.records import rewinds, trash_records, work_reports
from dvmweb.records.trash_records import TrashRecord


def record_entry(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Record the VM as an entry of the trash, before its instance is renamed."""
    vm, entry = plan_input.config.name, tools.options.trash
    known = work_reports.known(tools.paths, vm, plan_input.latest)
    record = TrashRecord(
        entry,
        vm,
        time.time(),
        trash_records.work_of(known),
        plan_input.known_id,
        bool(read_note(tools.paths, vm, "key.pub")),
    )
    trash_records.write(tools.paths, record, ConfigStore(tools.paths).source(vm)[0])
    return Outcome(plan_input, entry)


def protected(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Report an entry that could not be protected: it is in the trash nevertheless."""
    if finished.is_ok:
        return Outcome(plan_input)
    why = sentence(reason(finished))
    notice = f"The entry is not protected from `limactl delete` yet: {why} `dvm trash ls` protects it."
    return Outcome(plan_input, "not protected", (notice,), has_failed=True)


def in_trash(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Check that the VM is in the trash and its name is free; remove its records. Raises DvmError otherwise."""
    listing, entry, vm = parse_list(finished.stdout, finished.stderr), tools.options.trash, plan_input.config.name
    if listing.find(plan_input.desired.instance) is not None:
        raise DvmError(
            f"{plan_input.desired.instance} still exists after it was moved to the trash.",
            f"Check `limactl list`, then delete again: `dvm rm {vm}`",
        )
    if listing.find(entry_instance(entry)) is None:
        raise DvmError(
            f"{entry_instance(entry)} is not listed after {vm} was moved to the trash.", "Check `limactl list`."
        )
    begun = rewinds.read(tools.paths, vm) if tools.options.checkpoint else None
    if begun is not None:
        rewinds.write(tools.paths, vm, replace(begun, stage=rewinds.MOVED))
    forget(tools.paths, vm)
    return Outcome(plan_input, entry, _notices(tools, vm, entry))


def _notices(tools: Tools, vm: str, entry: str) -> tuple[str, ...]:
    record = trash_records.read(tools.paths, entry)
    used = in_words(disk_used(tools.paths.lima_home / entry_instance(entry)))
    day = datetime.fromtimestamp(record.expires).astimezone().strftime("%Y-%m-%d")
    key = "its SSH key stays valid" if record.has_key else "keys in it stay valid"
    kept = f"Its config was kept: {tools.paths.vm_config(vm)}. To remove it also: `dvm rm {vm} --config`"
    where = f"{vm} is in the trash as {entry}. Its name is free. To restore it: `dvm trash restore {entry}`"
    if tools.options.checkpoint:
        back = f"`dvm trash restore {entry} --as NAME`"
        where = f"{vm} as it was before the rewind is in the trash as {entry}. To restore it beside {vm}: {back}"
    return (
        where,
        f"It expires on {day}, after {trash_records.DAYS} days. Until it is deleted, it uses {used} of disk, "
        f"and {key} where you added it.",
        f"dvm deletes nothing by itself. To delete it now: `dvm trash empty {entry} --yes`. "
        "To delete all that has expired: `dvm trash empty --expired --yes`",
        *(() if tools.options.config or tools.options.checkpoint else (kept,)),
        *(() if tools.options.checkpoint else filter(None, (stay_note(tools.paths, vm),))),
    )
