"""The click group of all commands: help in sections, hints for names of other tools, errors with exit codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from dvmweb.cli import synonyms
from dvmweb.errors import DvmError, ExitCode, sentence
from dvmweb.paths import own_command
from dvmweb.verbs.vms import Vms

# A test checks that each command is in one section.
SECTIONS = {
    "VMs": ("init", "import", "sync", "diff", "ls", "start", "stop", "restart"),
    "Names, copies, deletion": ("rename", "clone", "checkpoint", "rewind", "protect", "rm", "trash", "base"),
    "Inside a VM": (
        "sh",
        "ssh",
        "cp",
        "rescue",
        "port",
        "open",
        "work",
        "exposure",
        "ssh-key",
        "gpg-key",
        "ssh-config",
        "hook",
    ),
    "Agents and terminals": ("terminals",),
    "Recipes": ("recipe",),
    "Dashboard, host, jobs": ("web", "doctor", "jobs", "log", "cancel"),
    "Configs, editor, shell": ("config", "schema", "completion"),
}

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON: an array of objects.")


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Group(click.Group):
    """Turns a DvmError into its text and exit code, and a command name of another tool into a hint."""

    def __init__(
        self,
        *args: Any,
        near_words: Mapping[str, str] = {},
        sections: Mapping[str, Sequence[str]] = {},
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.near_words = near_words
        self.sections = sections

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if self.get_command(context, word) is None and word in self.near_words:
            return word, synonyms.command(context.command_path, word, self.near_words[word]), args[1:]
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            if word.startswith("-") or context.parent is not None:
                raise
            return word, _unknown(word, error), args[1:]

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        known = self.list_commands(context)
        listed = {name for names in self.sections.values() for name in names}
        rest = [name for name in known if name not in listed]
        for title, names in {**self.sections, "Commands": rest}.items():
            if names:
                with formatter.section(title):
                    width = max(map(len, known))
                    formatter.write_dl([(name.ljust(width), self._line(context, name)) for name in names])

    def _line(self, context: click.Context, name: str) -> str:
        command = self.get_command(context, name)
        line = command.get_short_help_str(1000) if command else ""  # wrapped, never cut
        return line if line.endswith(".") else f"{line}."

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except DvmError as error:
            click.echo(str(error) + _where_dvm_is(str(error), context.find_object(Vms)), err=True)
            context.exit(int(error.exit_code))
        except BrokenPipeError:
            raise  # click exits quietly if the reader of the pipe has closed it
        except OSError as error:
            click.echo(
                sentence(f"dvm failed: {error}")
                + "\nFix that (is the disk full, is a folder not readable?), then try again.",
                err=True,
            )
            context.exit(int(ExitCode.FAILED))


def _where_dvm_is(text: str, vms: Vms | None) -> str:
    """A hint for a user whose PATH does not contain dvm, if `text` names a command `dvm …`; else ""."""
    command = own_command(vms.environ) if vms else "dvm"
    is_typed = Path(sys.argv[0]).name == "dvm" and command != "dvm"
    return f"\n(dvm is not on your PATH; it is {command})" if is_typed and "dvm " in text else ""


def _unknown(word: str, error: click.UsageError) -> click.Command:
    """A command that fails: with a hint if `word` is a VM, else with click's error."""

    @click.pass_obj
    def fail(vms: Vms, words: tuple[str, ...]) -> None:
        if vms.has_config(word):
            raise synonyms.verb_first(word, words)
        raise error

    rest = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    return click.Command(word, params=[rest], callback=fail, add_help_option=False, context_settings=settings)
