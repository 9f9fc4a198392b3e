"""`dvm ssh-key` and `dvm gpg-key`: print the public halves of a VM's keys."""

from __future__ import annotations

import click

from dvmweb.cli.group import examples
from dvmweb.verbs.vms import Vms


@click.command("ssh-key", epilog=examples("dvm ssh-key shop", "dvm ssh-key shop --test"))
@click.argument("name")
@click.option("--test", "is_test", is_flag=True, help="Test in the running VM whether the key opens the repository.")
@click.pass_obj
def ssh_key(vms: Vms, name: str, is_test: bool) -> None:
    """Print the VM's public SSH key and where to add it.

    `--test` lists the branches of the repository from inside the VM, with this key alone. It changes nothing, so it
    does not show whether the VM can push.
    """
    if is_test:
        _test(vms, name)
        return
    key, place = vms.ssh_key(name)
    click.echo(key)
    if place:
        click.echo(place, err=True)


def _test(vms: Vms, name: str) -> None:
    """Print whether the key opens the repository. Raises DvmError if not, CheckFailed if that is not known."""
    from dvmweb.errors import CheckFailed, DvmError
    from dvmweb.verbs.keys.key_access import try_key

    found = try_key(vms, name)
    if found.output and not found.is_accepted:
        click.echo(found.output, err=True)
    if not found.is_known:
        raise CheckFailed(found.what, found.todo)
    if not found.is_accepted:
        raise DvmError(found.what, found.todo)
    click.echo(found.what)
    click.echo(found.todo, err=True)


@click.command("gpg-key", epilog=examples("dvm gpg-key shop --sign", "dvm gpg-key shop --email me@example.org"))
@click.argument("name")
@click.option("--sign", is_flag=True, help="Set Git in the VM to sign commits and tags with this key.")
@click.option("--name", "author", default="", metavar="NAME", help="Name in a new key. Default: Git's user.name there.")
@click.option("--email", default="", metavar="ADDRESS", help="Address of the key. Default: Git's user.email there.")
@click.pass_obj
def gpg_key(vms: Vms, name: str, sign: bool, author: str, email: str) -> None:
    """Print the VM's public GPG key and where to add it.

    The key is made in the VM if it has none for this address, without a passphrase, and never leaves the VM. It is
    deleted with the VM; what it has signed stays valid.
    """
    from dvmweb.verbs.keys.gpg_key import gpg_key as made

    found = made(vms, name, author, email, signs=sign)
    click.echo(found.text)
    click.echo(f"{'Created' if found.is_new else 'Found'}: {found.fingerprint}, for {found.email}.", err=True)
    click.echo(found.place, err=True)
    click.echo(
        f"Git in {name} signs commits and tags with it."
        if sign
        else f"To sign commits and tags with it: dvm gpg-key {name} --sign",
        err=True,
    )
