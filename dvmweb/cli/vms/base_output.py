"""What `dvm base` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from dvmweb.ages import age
from dvmweb.cli import tables
from dvmweb.cli.follow import follow, report_end
from dvmweb.guest_text import visible
from dvmweb.jobs.job_record import Job
from dvmweb.verbs import bases
from dvmweb.verbs.bases import ListedBase
from dvmweb.verbs.vms import Vms

HEAD = ("BASE", "IMAGE", "RECIPES", "BUILT", "DISK", "STATE")
AUTOMATIC = {
    "ask": "ask: after a first sync whose recipes took time, dvm proposes to build a base of them.",
    "yes": "yes: after a first sync whose recipes took time, dvm builds a base of them if the disk allows.",
    "no": "no: a base is built only by `dvm base build`.",
}
NOT_KNOWN = "not known"


def build(vms: Vms, recipes: Sequence[str], like: str, image: str) -> int:
    """Build a base and follow its job; the exit code."""
    _repair(vms)
    job, notes = bases.build(vms, recipes, like=like, image=image)
    for note in notes:
        click.echo(note, err=True)
    return report_end(vms, follow(vms, job))


def refresh(vms: Vms, names: Sequence[str]) -> int:
    """Build bases anew, one after the other; the exit code."""
    _repair(vms)
    found = bases.list_bases(vms)
    chosen = [bases.find(found, name) for name in names] if names else [one for one in found if one.reasons]
    if not chosen:
        click.echo("No base is stale." if found else "There are no bases. Build one: dvm base build RECIPE...")
    for one in {one.name: one for one in chosen}.values():
        for reason in one.reasons:
            click.echo(f"Base {one.name}: {reason}.")
        if new := bases.replacement(one, found):
            bases.remove(vms, one.name)
            click.echo(f"Base {new.name} has replaced it already. The old base {one.name} was deleted.")
        elif code := report_end(vms, follow(vms, bases.refresh(vms, one))):
            return code
    return 0


def remove(vms: Vms, names: Sequence[str]) -> None:
    """Delete bases."""
    for name in dict.fromkeys(names):
        done = bases.remove(vms, name)
        freed = f" {done.disk_in_words} of disk are free again." if done else ""
        click.echo(f"Base {done.name if done else name} was deleted.{freed}")
    _repair(vms)


def show(vms: Vms, *, as_json: bool) -> None:
    """Print the bases."""
    found = bases.list_bases(vms)
    if as_json:
        tables.as_json([facts(one) for one in found])
    elif found:
        tables.table(HEAD, [_row(one) for one in found])
        if any(one.reasons for one in found):
            click.echo("\nA stale base is not used. Build it anew: dvm base refresh", err=True)
    else:
        click.echo("There are no bases. Build one: dvm base build RECIPE..., or like a VM: dvm base build --like NAME")
    for name in bases.leftovers(vms.paths):
        click.echo(f"{bases.interrupted(name)} To remove it: dvm base rm {name}", err=True)


def offer(vms: Vms, job: Job) -> None:
    """After a sync that proposed a base: ask once whether bases are built by themselves; if so, begin with this one."""
    if not bases.is_proposed(vms.paths, job):
        return
    is_wanted = click.confirm("Build this base now, and later ones after each first sync of new recipes?", err=True)
    bases.set_setting(vms.paths, bases.YES if is_wanted else bases.NO)
    if is_wanted:
        built, _ = bases.build(vms, like=job.vm)
        click.echo(f"It is being built in the background: dvm log {built.id[:8]}")
    click.echo("To change that: dvm base auto yes|no|ask")


def automatic(vms: Vms, word: str) -> None:
    """Set or print whether bases are built by themselves."""
    if word:
        bases.set_setting(vms.paths, word)
    click.echo(AUTOMATIC[bases.setting(vms.paths)])


def _repair(vms: Vms) -> None:
    for note in bases.repair(vms):
        click.echo(note, err=True)


def _row(one: ListedBase) -> tuple[str, ...]:
    record = one.record
    return (
        one.name,
        visible(record.image, 60) if record else NOT_KNOWN,
        " ".join(one.recipes) or NOT_KNOWN,
        age(record.made) if record else NOT_KNOWN,
        one.disk_in_words,
        f"stale: {'; '.join(one.reasons)}" if one.reasons else "ready",
    )


def facts(one: ListedBase) -> dict[str, Any]:
    """A base as `dvm base ls --json` prints it."""
    record = one.record
    return {
        "version": 1,
        "name": one.name,
        "instance": one.instance.name,
        "image": record.image if record else None,
        "arch": record.arch if record else None,
        "user": record.user if record else None,
        "recipes": [
            {"name": recipe.name, "hash": recipe.digest, "params": dict(recipe.params)} for recipe in record.recipes
        ]
        if record
        else None,
        "sources": list(record.sources) if record else None,
        "dvm_version": record.version if record else None,
        "made_at": record.made if record else None,
        "guest_disk_bytes": record.disk if record else None,
        "disk_bytes": one.disk,
        "is_stale": bool(one.reasons),
        "reasons": list(one.reasons),
    }
