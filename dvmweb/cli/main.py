"""The commands of `dvm`, read by click; docs/reference/cli.md describes each and the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from dvmweb import __version__, paths
from dvmweb.cli.completion.commands import completion
from dvmweb.cli.config.commands import config, schema
from dvmweb.cli.group import JSON, SECTIONS, Group, examples
from dvmweb.cli.guest.exposure import exposure
from dvmweb.cli.guest.hooks import approve_hook, ask_for_hook
from dvmweb.cli.guest.keys import gpg_key, ssh_key
from dvmweb.cli.guest.ports import port
from dvmweb.cli.guest.rescuing import rescue
from dvmweb.cli.host.doctor import doctor
from dvmweb.cli.host.ssh_config import ssh_config
from dvmweb.cli.host.web import open_port, web
from dvmweb.cli.job_commands import cancel, jobs, log
from dvmweb.cli.recipe.commands import recipe
from dvmweb.cli.synonyms import VERBS
from dvmweb.cli.vms.bases import base
from dvmweb.cli.vms.checkpointing import checkpoint, rewind
from dvmweb.cli.vms.naming import clone, rename
from dvmweb.cli.vms.power import restart, start, stop, sync
from dvmweb.cli.vms.undo import protect, rm, trash
from dvmweb.errors import UsageError
from dvmweb.verbs.vms import Vms

NAME = click.argument("name")
QUIET = ("ssh", "schema", "completion")  # stderr belongs to the command in the VM; the others are run by programs


@click.group(cls=Group, near_words=VERBS, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dvm")
@click.pass_context
def main(context: click.Context) -> None:
    """Keep one small Lima VM per project: created from its config, and not deleted while it has unsaved work.

    Start with: dvm init NAME, then dvm sync NAME, then dvm sh NAME.
    """
    os.umask(0o077)  # what dvm writes is readable by the user alone
    vms = Vms(paths.from_environment(os.environ), os.environ)
    if vms.paths.is_demo and context.invoked_subcommand not in QUIET:
        click.echo("Demo engine: its guests are not a security boundary. Install Lima for real VMs.", err=True)
    context.obj = vms


def _verb(*decorators: Callable[[Any], Any], **settings: Any) -> Callable[[Callable[..., None]], click.Command]:
    """A command of the group; its function gets `Vms` first."""

    def wrap(function: Callable[..., None]) -> click.Command:
        wrapped: Any = click.pass_obj(function)
        for decorator in reversed(decorators):
            wrapped = decorator(wrapped)
        command: click.Command = main.command(**settings)(wrapped)
        return command

    return wrap


@_verb(
    NAME,
    click.option("--recipe", "recipes", multiple=True, metavar="RECIPE", help="A recipe or bundle; can be repeated."),
    click.option("--repo", default="", metavar="URL", help="The Git repository to clone in the first sync."),
    click.option(
        "--kind", default="", metavar="KIND", help="A service without a project: llama, cloudflared or tailscale."
    ),
    epilog=examples("dvm init shop --recipe node --repo git@github.com:me/shop.git", "dvm init brain --kind llama"),
)
def init(vms: Vms, name: str, recipes: tuple[str, ...], repo: str, kind: str) -> None:
    """Write the config of a new VM and open it in $EDITOR.

    The VM is created by: dvm sync NAME.
    """
    path = vms.init(name, recipes, repo, kind)
    click.echo(f"Wrote {path}")
    _hint(vms)
    if sys.stdin.isatty() and sys.stdout.isatty():
        with suppress(click.ClickException):  # the editor failed; the file is there
            click.edit(filename=str(path))
    problems = vms.lacks(name)
    for problem in problems:
        click.echo(str(problem))
    click.echo(f"Next: {'add that to the config, then: ' if problems else ''}dvm sync {name}")


def _hint(vms: Vms) -> None:
    from dvmweb.config.legacy import bash_config_hint

    hint = bash_config_hint(vms.paths)
    if hint:
        click.echo(hint)


@_verb(
    click.argument("folder", required=False, default=""),
    click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing."),
    click.option("--only", multiple=True, metavar="NAME", help="Import this VM only; can be repeated."),
    JSON,
    name="import",
    epilog=examples("dvm import --dry-run", "dvm import ~/dotfiles/dvm --only app"),
)
def import_(vms: Vms, folder: str, dry_run: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Import the configs of the bash tool DVM.

    Reads config.sh, vms/NAME.sh and recipes/NAME.sh in FOLDER (default: the config folder) as text, without running
    them. Shows what each line became, then writes YAML and copies the recipes. No existing file is replaced. Exit code
    1: something could not be imported.
    """
    from dvmweb.cli.vms import importing

    sys.exit(importing.run(vms, folder, only, dry_run=dry_run, as_json=as_json))


@_verb(NAME, click.option("--approve", default="", metavar="SHA256", help="Approve the text with this digest."))
def hook(vms: Vms, name: str, approve: str) -> None:
    """Show the project hook .dvm/sync.sh and approve it.

    A sync runs the hook only while its text is the approved one.
    """
    if approve:
        approve_hook(vms, name, approve)
    else:
        ask_for_hook(vms, name)


@_verb(
    NAME,
    click.option(
        "--attach",
        is_flag=False,
        flag_value="",
        metavar="[TERMINAL]",
        help="Attach to an open terminal of the dashboard, by name or id; without either, the last used one. "
        "Ctrl-\\ detaches.",
    ),
    epilog=examples("dvm sh shop", "dvm sh shop --attach", "dvm sh shop --attach=claude"),
)
def sh(vms: Vms, name: str, attach: str | None) -> None:
    """Open a shell in the VM, in its code folder."""
    from dvmweb.cli.guest import attaching, shell_commands

    shell_commands.offer_checkpoint(vms, name)
    is_new = attach is None
    sys.exit(
        shell_commands.opened(vms, name, lambda: vms.enter(name) if is_new else attaching.join(vms, name, attach or ""))
    )


@_verb(JSON)
def terminals(vms: Vms, as_json: bool) -> None:
    """List open terminals with the state of their agents."""
    from dvmweb.cli import json_output, tables
    from dvmweb.terminals import client

    found = client.list_terminals(vms)
    if as_json:
        tables.as_json([json_output.terminal_facts(one) for one in found])
    elif found:
        tables.table(("TERMINAL", "VM", "NAME", "STATE", "OPENED", "USED", "VIEWERS"), tables.terminal_rows(found))
    else:
        click.echo("No open terminals. Open one in the dashboard, or with: dvm sh NAME --attach")


@_verb(
    NAME,
    click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED),
    context_settings={"allow_interspersed_args": False},  # as ssh does: what follows NAME belongs to the command
    epilog=examples("dvm ssh shop -- make test", "dvm ssh shop -- bash -c 'cd api && make'"),
)
def ssh(vms: Vms, name: str, command: tuple[str, ...]) -> None:
    """Run a command in the VM, in its code folder.

    stdin, stdout, stderr and the exit code are passed through. COMMAND is one program with its arguments; shell syntax
    such as `;`, `|` or `>` needs a shell: bash -c '...'.
    """
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise UsageError("There is no command after --.", f"Add one, or open a shell: dvm sh {name}")
    from dvmweb.cli.guest import shell_commands

    sys.exit(shell_commands.run(vms, name, words))


@_verb(
    click.argument("sources", nargs=-1, required=True, metavar="SOURCE..."),
    click.argument("target"),
    click.option("-r", "--recursive", is_flag=True, help="Copy folders with everything in them."),
    click.option("--force", is_flag=True, help="Replace a file that exists; merge into a folder that exists."),
    epilog=examples(
        "dvm cp shop:dist/app.zip .",
        "dvm cp -r shop:coverage ./report",
        "dvm cp notes.txt shop:docs/",
        "dvm cp shop:app.log - | less",
    ),
)
def cp(vms: Vms, sources: tuple[str, ...], target: str, recursive: bool, force: bool) -> None:
    """Copy files between this computer and a VM.

    A path in a VM is NAME:PATH: absolute, below ~, or below the code folder. `-` is stdin or stdout; a folder is
    written to stdout as a tar archive. Links, pipes and devices are not copied, but listed. Nothing that exists is
    replaced without --force. Exit code 1: a file could not be copied.
    """
    from dvmweb.cli.guest import copying

    sys.exit(copying.run(vms, sources, target, recursive=recursive, force=force))


@_verb(JSON)
def ls(vms: Vms, as_json: bool) -> None:
    """List VMs with their state and unsaved work."""
    from dvmweb.cli import json_output, tables
    from dvmweb.config.stray_files import problems as unread_files
    from dvmweb.verbs.configs import refresh_schema
    from dvmweb.verbs.ssh_hosts.hosts import refresh as refresh_hosts

    refresh_schema(vms.paths, only_existing=True)  # after an update of dvm
    refresh_hosts(vms.paths)
    found = vms.list_vms()
    if as_json:
        tables.as_json([json_output.vm_facts(vm) for vm in found])
    elif found:
        tables.table(*tables.vm_table(found))
    else:
        click.echo("No VMs yet. Create one: dvm init NAME, then dvm sync NAME")
        _hint(vms)
    problems = [] if as_json else [f"{vm.name}: {vm.problem}" for vm in found if vm.problem]
    for problem in (*problems, *unread_files(vms.paths)):
        click.echo(f"\n{problem}", err=True)
    for note in () if as_json else [note for vm in found for note in tables.port_notes(vm)]:
        click.echo(note, err=True)
    _trash_note(vms)


def _trash_note(vms: Vms) -> None:
    from dvmweb.records import renames
    from dvmweb.verbs import checkpoints, cloning
    from dvmweb.verbs.trash import expired_note

    paths = vms.paths
    for note in filter(None, (expired_note(vms), renames.note(paths), cloning.note(paths), *checkpoints.notes(paths))):
        click.echo(note, err=True)


@_verb(NAME, JSON)
def work(vms: Vms, name: str, as_json: bool) -> None:
    """Check the VM for unsaved work.

    A stopped VM is started for the check and stopped again. Exit code 0: none found, 5: unsaved work, 6: check failed.
    """
    from dvmweb.cli.follow import follow, report_end
    from dvmweb.cli.reports import quietly, show_report, verdict_code

    job = vms.start_job(name, "work")
    job = follow(vms, job) if not as_json else quietly(vms, job)
    report = vms.work_of(job)
    if report is not None:
        show_report(name, report, as_json=as_json)
    failed = report_end(vms, job)
    sys.exit(failed or verdict_code(report))


@_verb(NAME, JSON)
def diff(vms: Vms, name: str, as_json: bool) -> None:
    """Compare the config with the VM.

    It shows values that are not those of the config, with how to apply them, and recipes that are not applied, changed
    or not known, by the last report of the guest.
    """
    from dvmweb.cli.vms import vm_diff

    vm_diff.show(vms, name, as_json=as_json)


HOST = (jobs, log, cancel, web, doctor, open_port, ssh_config, config, schema, completion)
VMS = (start, stop, restart, sync, rename, clone, checkpoint, rewind, protect, rm, trash, base)
GUEST = (rescue, port, exposure, recipe, ssh_key, gpg_key)
for command in (*VMS, *GUEST, *HOST):
    main.add_command(command)
