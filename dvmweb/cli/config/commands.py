"""The commands `dvm schema` and `dvm config`."""

from __future__ import annotations

import click

from dvmweb.cli.group import examples
from dvmweb.verbs.vms import Vms


@click.command(epilog=examples("dvm schema > vm.schema.json"))
@click.pass_obj
def schema(vms: Vms) -> None:
    """Print the JSON Schema of a VM's config, for editors.

    `dvm init` writes it beside the configs and names it in the first line of each, so that editors with a YAML language
    server complete fields and mark errors.
    """
    from dvmweb.verbs import schema_file

    schema_file.refresh(vms.paths, only_existing=True)
    click.echo(schema_file.text(vms.paths), nl=False)
