"""The commands `dvm config` and `dvm schema`."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.group import JSON, Group, examples
from dvmweb.cli.synonyms import CONFIG_VERBS
from dvmweb.errors import ExitCode, UsageError
from dvmweb.verbs.configs import refresh_schema
from dvmweb.verbs.vms import Vms

NAME = click.argument("name")


@click.group(cls=Group, near_words=CONFIG_VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_obj
def config(vms: Vms) -> None:
    """Read, change, check and edit the configs of VMs."""
    refresh_schema(vms.paths, only_existing=True)


@config.command(epilog=examples("dvm config get shop", "dvm config get shop memory", "dvm config get shop ports.1"))
@NAME
@click.argument("key", required=False)
@JSON
@click.pass_obj
def get(vms: Vms, name: str, key: str | None, as_json: bool) -> None:
    """Print a value of a config, by its dotted key.

    Without KEY, all fields. A value that the config does not contain comes from config.yaml, or is the default.
    """
    from dvmweb.cli import tables
    from dvmweb.cli.config import output
    from dvmweb.verbs import config_values

    if as_json:
        found = (config_values.setting(vms.paths, name, key),) if key else config_values.settings(vms.paths, name)
        tables.as_json([output.facts(name, one) for one in found])
    elif key:
        for line in output.value_lines(config_values.setting(vms.paths, name, key).value):
            click.echo(line)
    else:
        tables.table(("KEY", "VALUE", "FROM"), [output.row(one) for one in config_values.settings(vms.paths, name)])


@config.command(
    name="set",
    epilog=examples(
        "dvm config set shop memory 8GiB",
        "dvm config set shop ports 3000 8080:80",
        "dvm config set shop params.node.corepack_version 0.34.0",
        "dvm config set shop cpus --unset",
    ),
)
@NAME
@click.argument("key")
@click.argument("values", nargs=-1, metavar="[VALUE]...")
@click.option("--unset", is_flag=True, help="Remove the field, so that its default is used.")
@click.pass_obj
def set_value(vms: Vms, name: str, key: str, values: tuple[str, ...], unset: bool) -> None:
    """Change a value of a config, by its dotted key.

    A list takes several values, or `none`. Comments and the order of the fields stay. Nothing is written if the config
    would not be valid.
    """
    if unset == bool(values):
        raise UsageError("Give a value, or --unset." if unset else "There is no value.", "See dvm config set --help.")
    from dvmweb.cli.config import output
    from dvmweb.verbs import config_values
    from dvmweb.verbs.drafts import Drafts

    drafts = Drafts(vms.paths, vms.environ)
    instance = config_values.instance_for(drafts, name, key)
    done = config_values.change(drafts, name, key, None if unset else values, instance)
    click.echo(output.changed(done))
    if done.is_one:
        click.echo(f"Next: dvm sync {name}")


@config.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@JSON
@click.pass_obj
def validate(vms: Vms, names: tuple[str, ...], as_json: bool) -> None:
    """Check configs and print all problems with their lines.

    Without NAME, all configs and files beside them. config.yaml and lima.yaml are always checked. Exit code 2: problems
    found.
    """
    from dvmweb.cli import tables
    from dvmweb.cli.config import output
    from dvmweb.verbs import config_values

    found = config_values.all_problems(vms.paths, names)
    if as_json:
        tables.as_json([output.problem_facts(name, one) for name, problems in found.items() for one in problems])
    else:
        for line in output.problem_lines(found):
            click.echo(line)
    sys.exit(int(ExitCode.USAGE if any(found.values()) else ExitCode.OK))


@config.command()
@NAME
@click.pass_obj
def edit(vms: Vms, name: str) -> None:
    """Open a config in $VISUAL or $EDITOR, then check it."""
    from dvmweb.cli.config import output
    from dvmweb.verbs import config_values, configs

    configs.must_have_config(vms.paths, name)
    path = vms.paths.vm_config(name)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("An editor needs a terminal.", f"Edit the file: {path}")
    while True:
        click.edit(filename=str(path))
        found = config_values.all_problems(vms.paths, [name])
        for line in output.problem_lines(found):
            click.echo(line)
        if not any(found.values()):
            click.echo(f"Next: dvm sync {name}")
            return
        if not click.confirm("Edit it again?", default=True):
            sys.exit(int(ExitCode.USAGE))


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
