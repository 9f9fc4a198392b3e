"""`dvm base`: build, list, renew and delete the bases that new VMs are copied from."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.group import JSON, Group, examples
from dvmweb.cli.synonyms import BASE_VERBS
from dvmweb.verbs.vms import Vms


@click.group(cls=Group, near_words=BASE_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
def base() -> None:
    """Build bases, from which new VMs are copied in seconds.

    A base is a stopped VM with an image, a user and recipes. dvm looks in it for private keys, logins of common tools,
    a project and a hook, and refuses a base that has one.
    """


@base.command(epilog=examples("dvm base build git python node", "dvm base build --like shop"))
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...")
@click.option("--like", default="", metavar="NAME", help="Take image, user, params and recipes of this VM's config.")
@click.option("--image", default="", metavar="IMAGE", help="Use this image instead of that of the config.")
@click.pass_obj
def build(vms: Vms, recipes: tuple[str, ...], like: str, image: str) -> None:
    """Build a base from recipes or bundles.

    Without RECIPE, those of config.yaml or of the VM given by --like. Recipes that belong to one VM are left out, with
    all that run after them: those that take a secret, and agents, services, networks and dotfiles.
    """
    from dvmweb.cli.vms import base_output

    sys.exit(base_output.build(vms, recipes, like, image))


@base.command()
@JSON
@click.pass_obj
def ls(vms: Vms, as_json: bool) -> None:
    """List bases, with their recipes, disk and why one is not used any more."""
    from dvmweb.cli.vms import base_output

    base_output.show(vms, as_json=as_json)


@base.command(epilog=examples("dvm base refresh", "dvm base refresh 1a2b3c4d"))
@click.argument("bases", nargs=-1, metavar="[BASE]...")
@click.pass_obj
def refresh(vms: Vms, bases: tuple[str, ...]) -> None:
    """Build bases anew, then delete the old ones; without BASE, those that are stale."""
    from dvmweb.cli.vms import base_output

    sys.exit(base_output.refresh(vms, bases))


@base.command()
@click.argument("setting", type=click.Choice(["ask", "yes", "no"]), required=False, metavar="[ask|yes|no]")
@click.pass_obj
def auto(vms: Vms, setting: str | None) -> None:
    """Set whether bases are built by themselves after a first sync; without an argument, print it.

    ask: propose it once, with the time that the recipes took. yes: build in the background if the disk allows. no:
    never.
    """
    from dvmweb.cli.vms import base_output

    base_output.automatic(vms, setting or "")


@base.command()
@click.argument("bases", nargs=-1, required=True, metavar="BASE...")
@click.pass_obj
def rm(vms: Vms, bases: tuple[str, ...]) -> None:
    """Delete bases. VMs that were copied from them stay as they are."""
    from dvmweb.cli.vms import base_output

    base_output.remove(vms, bases)
