"""Command names that other tools use, each with the dvm command for it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dvmweb.errors import UsageError
from dvmweb.names import VM_LENGTH, VM_PATTERN
from dvmweb.verbs.vms import Vms

SHELL = "Open a shell: dvm sh {name}"
RUN = "Run a command in the VM: dvm ssh {name} -- {command}"
LIST = "List all VMs and their states: dvm ls"
NEW = "Write a config, then create the VM: dvm init {name} && dvm sync {name}"
DELETE = "Delete a VM: dvm rm {name}"
STOP = "Stop a VM: dvm stop {name}"
KILL = "Force-stop a VM: dvm stop {name} --force. Cancel a job: dvm cancel JOB"
RESTART = "Stop a VM, then start it: dvm restart {name}"
SYNC = "Start a VM and apply its config: dvm sync {name}"
EDIT = "Edit the config, then sync: dvm config edit {name} && dvm sync {name}"
JOIN = "Attach to an open terminal: dvm sh {name} --attach. Open a new shell: dvm sh {name}"
WEB = "Start the dashboard: dvm web"

# The part after the last ": " is a command line.
VERBS = {
    **dict.fromkeys(("shell", "enter", "login", "bash", "console", "connect"), SHELL),
    **dict.fromkeys(("exec", "run", "cmd"), RUN),
    **dict.fromkeys(("list", "ls-all", "ps", "status", "info", "show", "inspect", "vms"), LIST),
    **dict.fromkeys(("create", "new", "add", "make"), NEW),
    **dict.fromkeys(("delete", "destroy", "remove", "del", "purge"), DELETE),
    **dict.fromkeys(("down", "halt", "shutdown", "poweroff", "suspend", "pause"), STOP),
    **dict.fromkeys(("restore", "undo", "undelete"), "Restore a VM from the trash: dvm trash restore {name}"),
    **dict.fromkeys(("snapshot", "snapshots", "freeze"), "Keep a copy of a stopped VM: dvm checkpoint {name}"),
    **dict.fromkeys(("rollback", "revert"), "Go back to a checkpoint: dvm rewind {name}"),
    "kill": KILL,
    **dict.fromkeys(("reboot", "reset"), RESTART),
    **dict.fromkeys(("up", "apply", "provision", "reload", "update", "upgrade"), SYNC),
    **dict.fromkeys(("unprotect", "unlock"), "Remove the protection of a VM: dvm protect {name} --off"),
    "plan": "Show what a sync would do: dvm sync {name} --dry-run",
    **dict.fromkeys(("resume", "boot"), "Start a VM: dvm start {name}"),
    **dict.fromkeys(("edit", "configure"), EDIT),
    **dict.fromkeys(("validate", "lint"), "Check a config: dvm config validate {name}"),
    **dict.fromkeys(("attach", "join", "tmux"), JOIN),
    **dict.fromkeys(("terminal", "term", "sessions"), "List the open terminals: dvm terminals"),
    **dict.fromkeys(("logs", "journal", "tail"), "Print a job's log, or the journal of a VM: dvm log {name}"),
    **dict.fromkeys(("dmesg", "serial"), "Print the console of the last boot: dvm log {name} --boot"),
    **dict.fromkeys(("ports", "forward", "expose"), "List, open and close ports: dvm port {name}"),
    **dict.fromkeys(("backup", "export", "save"), "Save the work of a VM to a file: dvm rescue {name}"),
    "job": "List all jobs: dvm jobs",
    "recipes": "List all recipes: dvm recipe ls",
    **dict.fromkeys(("key", "keys"), "Print the VM's public key: dvm ssh-key {name}"),
    **dict.fromkeys(("dashboard", "ui", "gui", "serve"), WEB),
    "help": "List all commands: dvm --help",
    "version": "Print the version: dvm --version",
}
RECIPE_VERBS = {
    "list": "List all recipes: dvm recipe ls",
    **dict.fromkeys(("create", "add", "init", "make"), "Write a new recipe: dvm recipe new {name}"),
    **dict.fromkeys(("copy", "customize", "clone"), "Customize a bundled recipe: dvm recipe fork {name}"),
    **dict.fromkeys(("cat", "view", "info", "diff"), "Print a recipe: dvm recipe show {name}"),
    **dict.fromkeys(("lint", "validate"), "Check a recipe: dvm recipe check {name}"),
    **dict.fromkeys(("run", "try"), "Test a recipe in a temporary VM: dvm recipe test {name}"),
    **dict.fromkeys(("delete", "remove"), "Delete a local recipe: dvm recipe rm {name}"),
}

TRASH_VERBS = {
    **dict.fromkeys(("list", "show"), "List the trash: dvm trash ls"),
    **dict.fromkeys(("undo", "put-back", "recover", "get"), "Restore a VM: dvm trash restore {name}"),
    **dict.fromkeys(("rm", "remove", "delete", "purge", "clear"), "Delete an entry for good: dvm trash empty {name}"),
}

BASE_VERBS = {
    **dict.fromkeys(("list", "show", "status"), "List bases: dvm base ls"),
    **dict.fromkeys(("create", "make", "new", "add"), "Build a base: dvm base build RECIPE..."),
    **dict.fromkeys(("update", "rebuild", "renew"), "Build a base anew: dvm base refresh"),
    **dict.fromkeys(("remove", "delete", "prune"), "Delete a base: dvm base rm BASE"),
}

CHECKPOINT_VERBS = {
    **dict.fromkeys(("list", "show"), "List checkpoints: dvm checkpoint ls"),
    **dict.fromkeys(("make", "create", "new", "save"), "Make a checkpoint: dvm checkpoint {name}"),
    **dict.fromkeys(("restore", "undo", "rewind", "revert", "apply"), "Go back to a checkpoint: dvm rewind {name}"),
    **dict.fromkeys(("remove", "delete", "drop"), "Delete a checkpoint: dvm checkpoint rm CHECKPOINT"),
}

CONFIG_VERBS = {
    **dict.fromkeys(("list", "ls", "show", "cat", "view"), "Print all values: dvm config get {name}"),
    **dict.fromkeys(("check", "lint", "test"), "Check a config: dvm config validate {name}"),
    **dict.fromkeys(("unset", "reset"), "Remove a field: dvm config set {name} KEY --unset"),
    **dict.fromkeys(("add", "put", "change"), "Change a value: dvm config set {name} KEY VALUE"),
    **dict.fromkeys(("new", "init", "create"), "Write a new config: dvm init {name}"),
    **dict.fromkeys(("rm", "remove", "delete"), "Remove a config with its VM: dvm rm {name} --config"),
}


def command(place: str, word: str, text: str) -> click.Command:
    """A command that fails with the hint `text`, whatever its arguments are (exit code 2)."""

    @click.pass_obj
    def fail(vms: Vms, words: tuple[str, ...]) -> None:
        raise UsageError(f"There is no command `{place} {word}`.", filled(vms, text, words))

    rest = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    return click.Command(word, params=[rest], callback=fail, add_help_option=False, context_settings=settings)


def filled(vms: Vms, text: str, words: Sequence[str]) -> str:
    """The text with the name and the command that the user has typed, else NAME and COMMAND."""
    from dvmweb.lima.command_display import shown  # not at each start of dvm

    is_name = bool(words) and len(words[0]) <= VM_LENGTH and VM_PATTERN.fullmatch(words[0]) is not None
    name = words[0] if is_name else "NAME"
    behind = [*words[1:]] if is_name else []
    behind = behind[1:] if behind[:1] == ["--"] else behind
    return text.format(
        name=name,
        command=shown(behind) or "COMMAND",
    )


def verb_first(word: str, words: Sequence[str]) -> UsageError:
    """The error for a VM name in the place of the command."""
    verb = words[0] if words and words[0].isalnum() else "sh"
    return UsageError(f"{word} is a VM; the command comes first.", f"Run: dvm {verb} {word}")
