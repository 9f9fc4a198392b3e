"""Write the man page dvm(1), from the commands and the tables of docs/reference/cli.md: `manual.py FILE`.

hatch_build.py runs it for each wheel, which brings the page to share/man, where `man dvm` finds it. It needs click.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dvmweb import __version__
from dvmweb.cli.group import SECTIONS
from dvmweb.cli.main import main as dvm

TOP = Path(__file__).resolve().parent.parent
FILES = {
    "~/.config/dvm/vms/NAME.yaml": "The config of a VM.",
    "~/.config/dvm/config.yaml": "Defaults for all VMs.",
    "~/.config/dvm/lima.yaml": "Settings of Lima for all VMs.",
    "~/.config/dvm/recipes/": "Your own recipes.",
    "~/.local/state/dvm/": "Jobs, logs and reports; can be deleted while nothing runs.",
}


def text() -> str:
    """The whole page, as roff."""
    reference = (TOP / "docs" / "reference" / "cli.md").read_text("utf-8")
    lines = [
        '.\\" Written by scripts/manual.py.',
        f'.TH DVM 1 "" "dvm {__version__}" "dvm"',
        ".SH NAME",
        "dvm \\- keep one small virtual machine per project",
        ".SH SYNOPSIS",
        ".B dvm",
        ".I COMMAND",
        "[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...",
        ".SH DESCRIPTION",
        *_paragraphs(dvm.help or ""),
        ".SH COMMANDS",
    ]
    for title, names in SECTIONS.items():
        lines += [f".SS {_roff(title)}"]
        for name in names:
            lines += _command(dvm.commands[name], f"dvm {name}")
    lines += [".SH EXIT STATUS", *_table(reference, "## Exit codes"), ".SH ENVIRONMENT"]
    lines += _table(reference, "## Environment")
    lines += [".SH FILES", *(line for path, about in FILES.items() for line in (".TP", f".I {_roff(path)}", about))]
    lines += [".SH SEE ALSO", ".BR limactl (1),", ".BR ssh_config (5)"]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, name: str) -> Iterator[str]:
    """A command with its arguments and options; a group is followed by its own commands."""
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            yield from _command(below, f"{name} {word}")
        return
    context = click.Context(command, info_name=name)
    pieces = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    yield from (
        ".TP",
        f"\\fB{_roff(name)}\\fR {_roff(' '.join(pieces))}".rstrip(),
        *_paragraphs(command.help or "", ".IP"),
    )
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        yield ".RS"
        for option in options:
            yield from (".TP", f"\\fB{_roff(', '.join(option.opts))}\\fR{_value(option)}", _roff(option.help or ""))
        yield ".RE"


def _value(option: click.Option) -> str:
    """What follows the name of an option: " N", "[=TERMINAL]", or "" for a flag."""
    if option.is_flag:
        return ""
    name = option.metavar or ("N" if "INT" in option.type.name.upper() else option.type.name.upper())
    return f"[=\\fI{_roff(name[1:-1])}\\fR]" if name.startswith("[") else f" \\fI{_roff(name)}\\fR"


def _paragraphs(text: str, between: str = ".PP") -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield between
        yield _roff(" ".join(paragraph.split()))


def _table(reference: str, heading: str) -> Iterator[str]:
    """The rows of the table below a heading of the reference."""
    section = re.split(r"^## ", reference.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.M)[0]
    for first, second in re.findall(r"^\| (`?\w+`?) \| (.*) \|$", section, re.M):
        if first not in ("Code", "Variable"):
            yield from (".TP", f"\\fB{_roff(first.strip('`'))}\\fR", _roff(second.replace("`", "")))


def _roff(text: str) -> str:
    """The text as roff shows it: no escapes, no requests, hyphens that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), "utf-8")
