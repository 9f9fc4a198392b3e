"""`dvm completion`, and what `dvm` does when a shell asks it for completions."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress

import click
from click.shell_completion import get_completion_class

from dvmweb.cli.group import examples

VARIABLE = "_DVM_COMPLETE"  # set by the scripts, with what they ask for; click reads it


@click.command(
    epilog=examples(
        "dvm completion bash > ~/.local/share/bash-completion/completions/dvm",
        'dvm completion zsh > "${fpath[1]}/_dvm"',
        "dvm completion fish > ~/.config/fish/completions/dvm.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, VMs, recipes, jobs, and the keys of configs.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  (click has these three)
    click.echo(kind(context.find_root().command, {}, "dvm", VARIABLE).source(), nl=False)


def complete(main: click.Group, environ: Mapping[str, str]) -> None:
    """Answer a completion script. Prints nothing else, and no error: it would be in the middle of what is typed."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), suppress(Exception):  # noqa: PTH123
        from dvmweb.cli.completion import words

        words.add_to(main, environ)
        main(prog_name="dvm", complete_var=VARIABLE)
    sys.exit(0)
