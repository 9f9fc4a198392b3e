"""The rows, facts and findings that `dvm recipe` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from dvmweb.cli.follow import shown_state
from dvmweb.errors import ExitCode, sentence
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.recipes import Param
from dvmweb.recipes.checking import Checked, Finding
from dvmweb.verbs.recipes import Entry

MOST_NAMES = 3  # of VMs in a row of the table


def row(entry: Entry) -> tuple[str, ...]:
    """A row of `dvm recipe ls`."""
    origin = f"{entry.origin} ({entry.mark})" if entry.mark else entry.origin
    names = [use.vm for use in entry.uses]
    users = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    return (entry.name, entry.recipe.category if entry.recipe else "?", origin, users, _summary(entry))


def _summary(entry: Entry) -> str:
    return visible(entry.recipe.summary) if entry.recipe else f"not usable: {visible(entry.problem, 100)}"


def facts(entry: Entry) -> dict[str, Any]:
    """A recipe as `dvm recipe ls --json` prints it."""
    recipe = entry.recipe
    return {
        "version": 1,
        "name": entry.name,
        "from": entry.origin,
        "path": str(entry.path),
        "changed": entry.is_changed,
        "forked": asdict(entry.pin) | {"bundled_has_changed": entry.has_moved} if entry.pin else None,
        "problem": entry.problem or None,
        "summary": recipe.summary if recipe else None,
        "category": recipe.category if recipe else None,
        "needs": list(recipe.needs) if recipe else [],
        "params": [_param_facts(param) for param in recipe.params] if recipe else [],
        "ports": list(recipe.ports) if recipe else [],
        "units": list(recipe.units) if recipe else [],
        "probe": (recipe.probe or None) if recipe else None,
        "moving": recipe.moving if recipe else None,
        "vms": [
            {"name": use.vm, "how": use.how, "standing": use.standing.word, "note": use.standing.note or None}
            for use in entry.uses
        ],
    }


def _param_facts(param: Param) -> dict[str, Any]:
    kept = {"name": param.name, "label": param.label, "help": param.help or None, "secret": param.secret}
    return {**kept, "default": None if param.secret else param.default}


def about(entry: Entry) -> Iterator[str]:
    """What is known of a recipe, without its script."""
    yield f"{entry.name}: {_summary(entry)}"
    yield f"  from      {entry.origin}{f' ({entry.mark})' if entry.mark else ''}: {entry.path}"
    if entry.pin is not None:
        yield f"  forked    from dvm {visible(entry.pin.version, 40)}, sha256 {entry.pin.digest[:12]}…"
    recipe = entry.recipe
    if recipe is not None:
        yield f"  category  {recipe.category}"
        yield f"  needs     {', '.join(recipe.needs) or 'nothing'}"
        yield f"  ports     {', '.join(map(str, recipe.ports)) or 'none'}"
        if recipe.units:
            yield f"  service   {', '.join(recipe.units)}; its journal: dvm log VM"
        yield f"  probe     {visible(recipe.probe, 500) or 'none: a sync cannot check whether it works'}"
        if recipe.is_of_bash_dvm:
            yield "  made for  bash DVM; it gets the same environment as there"
        if recipe.moving:
            yield "  version   latest; dvm sync --update runs it again"
        for param in recipe.params:
            yield f"  param     {_param(param)}"
    for use in entry.uses:
        note = f" ({use.standing.note})" if use.standing.note else ""
        yield f"  used by   {use.vm}, {use.how}: {use.standing.word}{note}"
    if not entry.uses:
        yield "  used by   no VM"


def _param(param: Param) -> str:
    how = (
        "secret"
        if param.secret
        else "not set"
        if param.is_inferred
        else f"default {param.default!r}"
        if param.default
        else "empty"
    )
    help_text = f". {visible(param.help, 500)}" if param.help else ""
    return f"{param.name}: {visible(param.label)} ({how}; ${param.variable}){help_text}"


def check_facts(checked: Checked) -> dict[str, Any]:
    """A check as `dvm recipe check --json` prints it."""
    findings = [{**asdict(found), "line": found.line or None} for found in checked.findings]
    return {
        "version": 1,
        "name": checked.name,
        "problems": checked.problems,
        "findings": findings,
        "not_run": list(checked.not_run),
    }


def check_lines(found: Iterable[Checked]) -> Iterator[str]:
    """One line per finding, then the verdict of each recipe, then the checks that were not run."""
    not_run: dict[str, None] = {}
    for checked in found:
        for finding in checked.findings:
            place = f"{checked.name}:{finding.line}" if finding.line else checked.name  # 0: of the whole recipe
            yield f"{place}: {in_words(finding)}"
        yield f"{checked.name}: {checked.words}"
        not_run |= dict.fromkeys(checked.not_run)
    yield from not_run


def in_words(finding: Finding) -> str:
    """One finding without its place."""
    by = f"{finding.by} {finding.code}".strip()
    todo = f" {finding.todo}" if finding.todo else ""
    return f"{finding.level}: {sentence(finding.what)}{todo} [{by}]"


def test_lines(name: str, job: Job, *, has_probe: bool) -> Iterator[str]:
    """The result of a recipe's test; a failure itself is reported by the job."""
    yield ""
    for step in job.runs_of(name):
        words = {
            "done": "passed",
            "failed": shown_state(job, step),
            "not-run": "not run here",
            "waiting": "not reached",
        }
        seconds = f", {step.ended - step.started:.1f} s" if step.ended else ""
        yield f"{step.title}: {words.get(step.state, step.state)}{seconds}"
    if test_code(name, job) == ExitCode.CHECK_FAILED:
        yield f"{name} was not tested: it could not be run here."
    elif job.state == "succeeded":
        yield f"{name} ran twice" + (", and its probe passed each time." if has_probe else "; it has no probe.")


def test_code(name: str, job: Job) -> int:
    """The exit code of a test that finished: 6 if a run was not possible here."""
    is_unknown = any(step.state == "not-run" for step in job.runs_of(name))
    return int(ExitCode.CHECK_FAILED if is_unknown else ExitCode.OK)
