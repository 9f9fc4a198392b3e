"""The verbs of `dvm` as click commands; see docs/cli.md for each and for the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from dvmweb import __version__, paths
from dvmweb.cli.follow import follow, report_end
from dvmweb.cli.group import Group
from dvmweb.cli.hooks import approves_hook, ask_for_hook
from dvmweb.cli.recipes import recipe
from dvmweb.cli.syncing import missing_secrets, read_secrets, show_plan
from dvmweb.cli.web import web
from dvmweb.errors import UsageError
from dvmweb.vms import Vms

NAME = click.argument("name")
JSON = click.option("--json", "as_json", is_flag=True, help="One array of objects, for programs.")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dvm")
@click.pass_context
def main(context: click.Context) -> None:
    """One small VM for each project: made, synced, entered, safely deleted."""
    os.umask(0o077)  # everything that we write is the user's alone
    vms = Vms(paths.from_environment(os.environ), os.environ)
    if vms.paths.is_demo and context.invoked_subcommand != "ssh":  # whose stderr is the command's
        click.echo("demo engine: its guests are no boundary. Install Lima for real VMs.", err=True)
    context.obj = vms


def _verb(*decorators: Callable[[Any], Any], **settings: Any) -> Callable[[Callable[..., None]], click.Command]:
    """A command of the group whose function gets the verbs first."""

    def wrap(function: Callable[..., None]) -> click.Command:
        wrapped: Any = click.pass_obj(function)
        for decorator in reversed(decorators):
            wrapped = decorator(wrapped)
        command: click.Command = main.command(**settings)(wrapped)
        return command

    return wrap


@_verb(
    NAME,
    click.option(
        "--recipe", "recipes", multiple=True, metavar="R", help="A recipe or bundle; may be given several times."
    ),
    click.option("--repo", default="", metavar="URL", help="The Git repository that the first sync clones."),
    click.option(
        "--kind", default="", metavar="KIND", help="llama, cloudflared or tailscale: a service without a project."
    ),
)
def init(vms: Vms, name: str, recipes: tuple[str, ...], repo: str, kind: str) -> None:
    """Write the config of a new VM and open it in $EDITOR (on a terminal)."""
    path = vms.init(name, recipes, repo, kind)
    click.echo(f"Wrote {path}")
    _hint(vms)
    if sys.stdin.isatty() and sys.stdout.isatty():
        with suppress(click.ClickException):  # the editor failed; the file is there
            click.edit(filename=str(path))
        vms.check_config(name)
    click.echo(f"Next: dvm sync {name}")


def _hint(vms: Vms) -> None:
    from dvmweb.config.legacy import bash_config_hint

    hint = bash_config_hint(vms.paths)
    if hint:
        click.echo(hint)


@_verb(
    NAME,
    click.option("--dry-run", is_flag=True, help="Show the steps; change nothing."),
    click.option("--fresh", is_flag=True, help="Run every recipe again."),
    click.option("--update", is_flag=True, help="Run recipes that follow a moving version again."),
    click.option("--restart", is_flag=True, help="Stop and start the VM where a change of its config needs it."),
    click.option("--secret", "secrets", multiple=True, metavar="P=-", help="Read the secret param P from stdin."),
)
def sync(vms: Vms, name: str, dry_run: bool, secrets: tuple[str, ...], **options: bool) -> None:
    """Create or start the VM and bring it to its config."""
    if dry_run:
        show_plan(vms, name, options)
        return
    values = read_secrets(secrets)
    job = follow(vms, vms.start_job(name, "sync", options, values))
    while (missing := missing_secrets(job)) and sys.stdin.isatty():  # the next recipe may lack another one
        values |= read_secrets(missing)
        job = follow(vms, vms.start_job(name, "sync", options, values))
    code = report_end(vms, job)
    if code == 0 and approves_hook(vms, name, job):
        code = report_end(vms, follow(vms, vms.start_job(name, "sync")))
    sys.exit(code)


@_verb(NAME, click.option("--approve", default="", metavar="SHA256", help="Approve the text with this digest."))
def hook(vms: Vms, name: str, approve: str) -> None:
    """Show the project hook .dvm/sync.sh of a running VM, and approve it."""
    if not approve:
        ask_for_hook(vms, name)
        return
    found = vms.hook(name)
    if found.digest != approve:
        raise UsageError(
            f"The hook's digest is {found.digest or 'none'}, not {approve}.", f"Read it first: dvm hook {name}"
        )
    vms.approve_hook(name, found)
    click.echo("Approved. The next sync runs it.")


@_verb(
    NAME,
    click.option(
        "--attach",
        is_flag=False,
        flag_value="",
        metavar="[TERMINAL]",
        help="Join a terminal that is kept, as the dashboard shows it: by name or id, else the one used last. "
        "Ctrl-\\ leaves it running.",
    ),
)
def sh(vms: Vms, name: str, attach: str | None) -> None:
    """Open a shell in the VM, in the code dir."""
    if attach is None:
        sys.exit(vms.enter(name))
    from dvmweb.cli.attaching import join

    sys.exit(join(vms, name, attach))


@_verb(JSON)
def terminals(vms: Vms, as_json: bool) -> None:
    """List the terminals that are kept: which agent waits, works or has ended."""
    from dvmweb.cli import facts, show
    from dvmweb.terminals import client

    found = client.list_terminals(vms)
    if as_json:
        show.as_json([facts.terminal_facts(one) for one in found])
    elif found:
        show.table(("TERMINAL", "VM", "NAME", "STATE", "OPENED", "USED", "VIEWERS"), show.terminal_rows(found))
    else:
        click.echo("No terminal is kept. Open one in the dashboard, or with: dvm sh NAME --attach")


@_verb(
    NAME,
    click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED),
    context_settings={"allow_interspersed_args": False},  # as ssh does: what follows NAME is the command's
)
def ssh(vms: Vms, name: str, command: tuple[str, ...]) -> None:
    """Run CMD in the VM, in the code dir; its exit code is passed through: dvm ssh NAME -- CMD."""
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise UsageError("There is no command after --.", f"Write one, or open a shell: dvm sh {name}")
    sys.exit(vms.enter(name, words))


@_verb(JSON)
def ls(vms: Vms, as_json: bool) -> None:
    """List all VMs."""
    from dvmweb.cli import facts, show

    found = vms.list_vms()
    if as_json:
        show.as_json([facts.vm_facts(vm) for vm in found])
        return
    if not found:
        click.echo("No VMs yet. Make one: dvm init NAME, then dvm sync NAME")
        _hint(vms)
        return
    show.table(*show.vm_table(found))
    for vm in found:
        if vm.problem:
            click.echo(f"\n{vm.name}: {vm.problem}", err=True)


@_verb(NAME, JSON)
def work(vms: Vms, name: str, as_json: bool) -> None:
    """Look which work would be lost with the VM. Exit code 0: nothing, 5: at risk, 6: could not look."""
    from dvmweb.cli.reports import quietly, show_report, verdict_code

    job = vms.start_job(name, "work")
    job = follow(vms, job) if not as_json else quietly(vms, job)
    report = vms.work_of(job)
    if report is not None:
        show_report(name, report, as_json=as_json)
    failed = report_end(vms, job)
    sys.exit(failed or verdict_code(report))


def _run_job(vms: Vms, name: str, verb: str, **options: Any) -> None:
    sys.exit(report_end(vms, follow(vms, vms.start_job(name, verb, options))))


@_verb(NAME)
def start(vms: Vms, name: str) -> None:
    """Start the VM and wait until it answers."""
    _run_job(vms, name, "start")


@_verb(
    NAME,
    click.option("--force", is_flag=True, help="Kill it: unsaved files in the guest may be lost."),
    click.option("--yes", is_flag=True, help="Stop it also while something runs in its terminals."),
)
def stop(vms: Vms, name: str, force: bool, yes: bool) -> None:
    """Look at the work at risk, then stop the VM."""
    from dvmweb.cli.reports import asks_for_terminals

    if not yes:
        asks_for_terminals(vms, name)
    _run_job(vms, name, "stop", force=force)


@_verb(
    NAME,
    click.option("--yes", is_flag=True, help="Delete it. Without this the report is shown and nothing is deleted."),
    click.option("--force", is_flag=True, help="Delete it also with work at risk, or where nobody could look."),
)
def rm(vms: Vms, name: str, yes: bool, force: bool) -> None:
    """Delete the VM, unless work would be lost with it. Its config is kept."""
    from dvmweb.cli.reports import report_only, show_report

    if not yes:
        sys.exit(report_only(vms, name))
    job = follow(vms, vms.start_job(name, "delete", {"force": force}))
    report = vms.work_of(job)
    if report is not None and job.state != "succeeded":  # a job that succeeded tells it in its notices
        show_report(name, report, as_json=False)
    sys.exit(report_end(vms, job))


@_verb(JSON)
def jobs(vms: Vms, as_json: bool) -> None:
    """List all jobs, newest first."""
    from dvmweb.cli import facts, show

    found = vms.jobs()
    if as_json:
        show.as_json([facts.job_facts(job) for job in found])
    elif found:
        show.table(("JOB", "OF", "VERB", "STATE", "ASKED", "STEP OR ERROR"), show.job_rows(found))
    else:
        click.echo("No jobs yet.")


@_verb(
    click.argument("name", metavar="JOB|NAME"),
    click.argument("unit", default=""),
    click.option("--commands", is_flag=True, help="Of a job: only the engine's commands, with time and exit code."),
    click.option("-f", "--follow", is_flag=True, help="Of a VM: go on until Ctrl-C."),
    click.option("-n", "--lines", type=int, metavar="N", help="Of a VM: so many of the last lines; 200 without."),
    click.option("--units", is_flag=True, help="Of a VM: only the units that its recipes name."),
)
def log(vms: Vms, name: str, **words: Any) -> None:
    """Print the log of a job and follow it while it runs; or the journal of a VM, all of it or of one UNIT.

    A VM that is called as a job's id begins comes first.
    """
    from dvmweb.cli import log_view

    sys.exit(log_view.show(vms, name, log_view.Asked(**words)))


@_verb(click.argument("job"))
def cancel(vms: Vms, job: str) -> None:
    """End a job: its command gets INT, TERM, KILL."""
    from dvmweb.cli.reports import quietly

    found = vms.job(job)
    vms.cancel(found)
    click.echo(f"{found.verb} {found.vm}: {quietly(vms, found).state}")


@_verb(NAME, name="ssh-key")
def ssh_key(vms: Vms, name: str) -> None:
    """Print the VM's own public key, and where to paste it."""
    key, place = vms.ssh_key(name)
    click.echo(key)
    if place:
        click.echo(place, err=True)


main.add_command(web)
main.add_command(recipe)
