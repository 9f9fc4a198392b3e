"""`dvm checkpoint` and `dvm rewind`: keep a copy of a stopped VM, and go back to it."""

from __future__ import annotations

import sys

import click

from dvmweb.cli.group import JSON, Group, examples
from dvmweb.cli.synonyms import CHECKPOINT_VERBS
from dvmweb.verbs.vms import Vms


class CheckpointGroup(Group):
    """`dvm checkpoint NAME` is `dvm checkpoint add NAME`."""

    default = "add"

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        vms = context.find_object(Vms)
        word = args[0] if args else "--help"
        is_hint = word in self.near_words and not (vms is not None and vms.has_config(word))
        if word not in self.commands and word not in context.help_option_names and not is_hint:
            args = [self.default, *args]
        return super().parse_args(context, args)


@click.group(
    cls=CheckpointGroup,
    near_words=CHECKPOINT_VERBS,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="NAME | add NAME | ls | rm",
    epilog=examples("dvm checkpoint shop", "dvm checkpoint shop --note 'before the agent run' --stop"),
)
def checkpoint() -> None:
    """Keep a copy of a stopped VM that it can be rewound to.

    `dvm checkpoint NAME` is short for `dvm checkpoint add NAME`.
    """


@checkpoint.command(epilog=examples("dvm checkpoint shop", "dvm checkpoint shop --stop", "dvm checkpoint add ls"))
@click.argument("name")
@click.option("--note", default="", metavar="TEXT", help="What it is for; `dvm checkpoint ls` shows it.")
@click.option("--stop", is_flag=True, help="Stop the VM if it runs, and start it again afterwards.")
@click.option("--yes", is_flag=True, help="With --stop: even if the VM is in use.")
@click.pass_obj
def add(vms: Vms, name: str, note: str, stop: bool, yes: bool) -> None:
    """Keep a copy of the VM as it is now: its disk, its config and its records.

    The VM must be stopped. On a terminal, dvm offers to stop a running one and to start it again. The copy is no VM:
    dvm does not start it, and it is protected from `limactl delete`. It has the keys and secrets of the VM.
    """
    from dvmweb.cli.vms import checkpoint_output

    sys.exit(checkpoint_output.add(vms, name, note, stop=stop, is_sure=yes))


@checkpoint.command()
@click.argument("name", default="", metavar="[NAME]")
@JSON
@click.pass_obj
def ls(vms: Vms, name: str, as_json: bool) -> None:
    """List checkpoints with their disk and note; with NAME those of one VM.

    Also repairs what an interrupted command left.
    """
    from dvmweb.cli.vms import checkpoint_output

    checkpoint_output.show(vms, name, as_json=as_json)


@checkpoint.command()
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@click.pass_obj
def rm(vms: Vms, checkpoints: tuple[str, ...], yes: bool) -> None:
    """Delete checkpoints for good.

    Whether one holds work that is nowhere else is not known.
    """
    from dvmweb.cli.vms import checkpoint_output

    sys.exit(checkpoint_output.delete(vms, checkpoints, is_sure=yes))


@click.command(epilog=examples("dvm rewind shop", "dvm rewind shop shop-1a2b3c4d --config"))
@click.argument("name")
@click.argument("checkpoint", default="", metavar="[CHECKPOINT]")
@click.option("--config", is_flag=True, help="Also go back to the config of the checkpoint.")
@click.option("--yes", is_flag=True, help="Do not ask. Required where there is no terminal.")
@click.option("--force", is_flag=True, help="With --yes: despite unsaved work or a failed check.")
@click.pass_obj
def rewind(vms: Vms, name: str, checkpoint: str, config: bool, yes: bool, force: bool) -> None:
    """Put a VM back to a checkpoint, by default its newest.

    The VM is checked for unsaved work, then moved to the trash, and a copy of the checkpoint becomes the VM. The
    checkpoint stays. It has the SSH key and the identity that it had then; its config stays, unless --config is given.
    """
    from dvmweb.cli.vms import rewinding

    sys.exit(rewinding.rewind(vms, name, checkpoint, config=config, is_sure=yes, force=force))
