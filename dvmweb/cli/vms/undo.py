"""`dvm rm`, `dvm protect` and `dvm trash`: delete VMs, keep them from it, and bring them back."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.group import JSON, Group, examples
from dvmweb.cli.synonyms import TRASH_VERBS
from dvmweb.verbs.vms import Vms

NAME = click.argument("name")


@click.command(epilog=examples("dvm rm shop", "dvm rm shop --yes --config", "dvm rm shop --now"))
@NAME
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@click.option("--force", is_flag=True, help="With --yes: delete despite unsaved work or a failed check.")
@click.option("--config", is_flag=True, help="Also remove the config; alone if the VM is not created.")
@click.option("--now", is_flag=True, help="Delete it for good instead of moving it to the trash.")
@click.pass_obj
def rm(vms: Vms, name: str, yes: bool, force: bool, config: bool, now: bool) -> None:
    """Check the VM for unsaved work, then move it to the trash.

    On a terminal it shows what would be lost and asks. The name is free at once; `dvm trash restore` brings the VM
    back. The config is kept, unless --config is given; then its text is moved to the state folder.
    """
    from dvmweb.cli.vms import removing

    sys.exit(removing.remove(vms, name, is_sure=yes, force=force, config=config, now=now))


@click.command()
@NAME
@click.option("--off", is_flag=True, help="Remove the protection.")
@click.pass_obj
def protect(vms: Vms, name: str, off: bool) -> None:
    """Protect the VM from deletion, by dvm and by Lima."""
    from dvmweb.verbs import protection

    is_done = protection.protect(vms, name, on=not off)
    click.echo(f"{name} is {'not ' if off else ''}protected{'' if is_done else ' already'}.")
    if not off:
        click.echo(f"To undo: dvm protect {name} --off")


@click.group(cls=Group, near_words=TRASH_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
def trash() -> None:
    """List, restore and delete VMs in the trash."""


@trash.command()
@JSON
@click.pass_obj
def ls(vms: Vms, as_json: bool) -> None:
    """List the trash, with the day each entry expires, its disk and its unsaved work.

    Nothing is deleted by itself, also after that day.
    """
    from dvmweb.cli.vms import trash_output

    trash_output.show(vms, as_json=as_json)


@trash.command(epilog=examples("dvm trash restore shop", "dvm trash restore shop-1a2b3c4d --as shop-old"))
@click.argument("entry")
@click.option("--as", "new", default="", metavar="NAME", help="Restore it under another name.")
@click.pass_obj
def restore(vms: Vms, entry: str, new: str) -> None:
    """Restore a VM from the trash.

    ENTRY is the name of an entry, or that of a VM with one entry. The VM is stopped afterwards. It is refused if there
    is a VM of that name.
    """
    from dvmweb.cli.vms import trash_output

    trash_output.restore(vms, entry, new)


@trash.command(epilog=examples("dvm trash empty shop-1a2b3c4d", "dvm trash empty --expired --yes"))
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--expired", is_flag=True, help="Only entries that have expired.")
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@click.pass_obj
def empty(vms: Vms, entries: tuple[str, ...], expired: bool, yes: bool) -> None:
    """Delete entries of the trash for good; without ENTRY, all of them.

    Shows what is lost, and asks on a terminal. An entry whose date is not known does not expire.
    """
    from dvmweb.cli.vms import trash_output

    sys.exit(trash_output.empty(vms, entries, is_expired=expired, is_sure=yes))
