"""Enters a guest, and reads from it: the state for a dry run, the SSH key, the project hook."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dvmweb import plans, states
from dvmweb.config.git_hosts import where_to_paste
from dvmweb.errors import CheckFailed, DvmError, NotFound, UsageError
from dvmweb.guest.state import parse_hook, parse_key, parse_state
from dvmweb.guest_text import why_not_plain
from dvmweb.jobs.current_state import facts_about
from dvmweb.jobs.inputs import load_input, read_note, write_note
from dvmweb.lima import guest_shell
from dvmweb.lima.client import SSH_FAILED, Lima
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput, Step
from dvmweb.records import guest_status, last_use, work_reports
from dvmweb.verbs.configs import check_config, must_have_config

if TYPE_CHECKING:
    from dvmweb.verbs.vm import Vm


@dataclass(frozen=True)
class Hook:
    """The project hook .dvm/sync.sh as the guest reports it; an agent can have written it."""

    digest: str  # SHA-256, "" if there is none
    text: bytes
    is_approved: bool  # this text is approved
    odd: str  # why it cannot be approved, "" for plain text


def _listed(
    paths: Paths, environ: Mapping[str, str], name: str, verb: str, *, is_quiet: bool = False
) -> tuple[PlanInput, Lima]:
    """The plan input of a VM with its instance from a new listing, and the engine."""
    must_have_config(paths, name)
    plan_input = load_input(paths, environ, name, verb)
    lima = Lima(plan_input.engine, paths, environ, vm=name, is_quiet=is_quiet)
    instance = lima.list().find(plan_input.desired.instance)
    is_known, pace = work_reports.is_settled(paths, name, instance), guest_status.pace(paths, name, instance)
    plan_input = replace(plan_input, instance=instance, is_listed=True, is_work_known=is_known, pace=pace)
    return plan_input, replace(lima, pace=pace)


def of_listing(paths: Paths, environ: Mapping[str, str], vm: Vm) -> tuple[PlanInput, Lima]:
    """The plan input of a VM as it was just listed, and a quiet engine with the pace of its guest. Lists nothing.

    Raises ConfigError.
    """
    pace = guest_status.pace(paths, vm.name, vm.instance)
    plan_input = load_input(paths, environ, vm.name, "check")
    lima = Lima(plan_input.engine, paths, environ, vm=vm.name, is_quiet=True, pace=pace)
    return replace(plan_input, instance=vm.instance, is_listed=True, pace=pace), lima


def running(paths: Paths, environ: Mapping[str, str], name: str, *, is_quiet: bool = False) -> tuple[PlanInput, Lima]:
    """The plan input of a running VM, and the engine to query it. Raises NotFound, CheckFailed."""
    plan_input, lima = _listed(paths, environ, name, "check", is_quiet=is_quiet)
    if error := states.refusal("ssh", facts_about(paths, name, plan_input.instance)):
        raise error
    return plan_input, lima


def dry_run(paths: Paths, environ: Mapping[str, str], name: str, options: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps of a sync started now, by one listing and, if the VM runs, one question to it. Changes nothing."""
    from dvmweb.jobs.bases import copying, matching

    plan_input, lima = _listed(paths, environ, name, "sync")
    wanted, why = plans.Options(**options), "the guest was not checked"
    is_half = plan_input.instance is not None and bool(copying.half_copy_of(paths, name))
    if plan_input.instance is None or is_half:
        plan_input, _ = matching.with_base(paths, replace(plan_input, instance=None), lima.list(), wanted)
        plan_input = replace(plan_input, is_half_copy=is_half)
    if plan_input.instance is not None and plan_input.instance.status == "Running":
        why = "the guest did not respond"
        with suppress(CheckFailed):  # not reachable: make the plan without its state
            finished = lima.query(plan_input.desired.instance, plans.state_question(plan_input))
            plan_input = replace(plan_input, guest=parse_state(finished.stdout, plan_input.nonce))
    return plans.marked_unknown(plans.plan("sync", plan_input, wanted), plan_input, wanted, why)


def enter(paths: Paths, environ: Mapping[str, str], name: str, command: tuple[str, ...]) -> int:
    """Open a login shell in the code folder, or run `command` there, on this terminal; return its exit code.

    Raises NotFound without an instance, DvmError if it is not running.
    """
    plan_input, lima = running(paths, environ, name)
    instance, code_dir = plan_input.desired.instance, plan_input.config.guest_code_dir
    with last_use.session(paths, name):
        code = guest_shell.enter_directly(lima, instance, code_dir, command)
        if code is None:
            code = lima.attach(guest_shell.enter(instance, code_dir, command))
    if code == SSH_FAILED:
        explain_lost(paths, environ, name)
    return code


def explain_lost(paths: Paths, environ: Mapping[str, str], name: str) -> None:
    """After exit code 255 of ssh: raise the error of a guest that does not respond or is still booting."""
    try:
        plan_input, lima = _listed(paths, environ, name, "check")
    except DvmError:  # nothing more is known than what ssh reported
        return
    if (
        plan_input.instance is not None
        and plan_input.instance.is_running
        and not lima.answers(plan_input.instance.name)
    ):
        error = states.refusal("ssh", facts_about(paths, name, plan_input.instance, is_silent=True))
        raise error or CheckFailed(f"{name} does not respond.", "Try again.")


def ssh_key(paths: Paths, environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The VM's public key and where to add it; the stored one if there is one. Raises NotFound, CheckFailed."""
    config = check_config(paths, name)
    if config.is_service:
        raise NotFound(f"{name} has no SSH key: it is a {config.kind} VM.", "Such a VM does not clone a repository.")
    key = read_note(paths, name, "key.pub")
    if not key and read_note(paths, name, "no-key"):
        raise NotFound(f"{name} has no SSH key: ssh-keygen is missing.", "Install the OpenSSH client, then sync again.")
    if not key:
        plan_input, lima = running(paths, environ, name)
        found = parse_key(
            lima.query(plan_input.desired.instance, plans.key_question(plan_input)).stdout, plan_input.nonce
        )
        key = found.line if found and not plan_input.is_base_copy else ""
    if not key:
        raise NotFound(f"{name} has no SSH key yet.", f"To create one: `dvm sync {name}`")
    return key, where_to_paste(config.repo) if config.repo else ""


def hook(paths: Paths, environ: Mapping[str, str], name: str) -> Hook:
    """The project hook of a running VM. Raises NotFound, CheckFailed."""
    plan_input, lima = running(paths, environ, name)
    found = parse_hook(
        lima.query(plan_input.desired.instance, plans.hook_question(plan_input)).stdout, plan_input.nonce
    )
    digest, text = found or ("", b"")
    is_approved = bool(digest) and digest == read_note(paths, name, "approved-hook")
    return Hook(digest, text, is_approved, why_not_plain(text))


def approve_hook(paths: Paths, name: str, hook: Hook) -> None:
    """Approve this text of the hook for later syncs. Raises UsageError for one that cannot be shown exactly."""
    if hook.odd or not hook.digest:
        raise UsageError(
            f"This hook cannot be approved: {hook.odd or 'there is none'}.", "Change it to plain, visible text."
        )
    write_note(paths, name, "approved-hook", hook.digest)
