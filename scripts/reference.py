"""Write the generated parts of docs/reference from the code: commands, config fields, recipes, states.

Run by `make reference`. A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the text around it is
written by hand. tests/project/test_reference.py fails where a part is missing, unknown or out of date.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from dvmweb import states
from dvmweb.cli.main import main as dvm
from dvmweb.config.model import FormField, form_fields
from dvmweb.config.yaml_editor import scalar
from dvmweb.paths import from_environment
from dvmweb.recipes import Param, RecipeCatalog
from dvmweb.recipes.model import CATEGORIES
from dvmweb.states import Facts, State

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
PART = re.compile(r"<!-- generated: (.+?) -->\n(.*?)<!-- end -->\n", re.S)
WIDTH = 116
# One VM in each state, so that the page can quote what is said there.
SHOWN = {
    State.NOT_CREATED: Facts("app"),
    State.STOPPED: Facts("app", "dvm-app", "Stopped", "/lima/dvm-app"),
    State.ANSWERS: Facts("app", "dvm-app", "Running", "/lima/dvm-app"),
    State.BOOTING: Facts("app", "dvm-app", "Running", "/lima/dvm-app", is_booting=True, up_for=40),
    State.SILENT: Facts("app", "dvm-app", "Running", "/lima/dvm-app", is_silent=True),
    State.DIED: Facts("app", "dvm-app", "Broken", "/lima/dvm-app", ("host agent is running but driver is not",)),
    State.NO_FILE: Facts("app", "dvm-app", "Broken", "/lima/dvm-app", has_config=False),
    State.BAD_FILE: Facts("app", "dvm-app", "", "/lima/dvm-app", has_config=False),
    State.ODD: Facts("app", "dvm-app", "Installing", "/lima/dvm-app"),
}


def commands(group: click.Group = dvm, place: str = "dvm") -> dict[str, click.Command]:
    """Every command by its whole name."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{place} {name}")
        else:
            found[f"{place} {name}"] = command
    return found


def command_part(name: str, command: click.Command) -> str:
    """A command as `--help` shows it: usage, what it does, arguments and options."""
    context = click.Context(command, info_name=name)
    pieces = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    lines = [f"### `{' '.join([name, *pieces])}`", "", *_wrapped(_prose(command.help or "")), ""]
    options = [option for option in command.params if isinstance(option, click.Option)]
    for option in options:
        lines += _item(f"`{_spelled(option)}`: {option.help}")
    return "\n".join([*lines, ""] if options else lines)


def _prose(text: str) -> str:
    return " ".join(text.split())


def _spelled(option: click.Option) -> str:
    names = ", ".join(option.opts)
    value = option.metavar or option.type.name.upper()
    if option.is_flag:
        return names
    if value.startswith("["):
        return f"{names}[={value[1:-1]}]"
    return f"{names} {'N' if 'INTEGER' in value else value}"


def field_part(field: FormField) -> str:
    """A field of the config: what it is, its default and an example."""
    default = "" if field.default is None else scalar(field.default)
    if field.name == "code_dir":
        default = "~/code/NAME"
    facts = [
        f"Default: `{default}`." if default else "No default.",
        f"Example: `{field.name}: {_yaml(field.example)}`.",
    ]
    if field.choices:
        facts.insert(0, f"One of {', '.join(f'`{one}`' for one in field.choices)}.")
    return "\n".join([f"### `{field.name}`", "", *_wrapped(field.help), *_wrapped(" ".join(facts)), ""])


def _yaml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_yaml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(one) for one in value) + "]"
    return scalar(value)


def recipes_part(catalog: RecipeCatalog) -> str:
    """Every bundled recipe with its params, by category."""
    found = [catalog.load(name) for name in catalog.names()]
    lines: list[str] = []
    for category in CATEGORIES:
        members = [recipe for recipe in found if recipe.category == category]
        if members:
            lines += [f"**{category.capitalize()}**", ""]
        for recipe in members:
            lines += _item(f"`{recipe.name}`: {recipe.summary}.")
            for param in recipe.params:
                lines += [f"  {line}" for line in _item(_param(param))]
        lines += [""] if members else []
    return "\n".join(lines)


def _param(param: Param) -> str:
    facts = "required" if param.is_required else "secret" if param.secret else f"default `{param.default}`"
    about = f"`{param.name}`: {param.help or param.label}"
    return about if facts == "default ``" else f"{about} ({facts})"


def states_part() -> str:
    """What each verb does in each state, and what `dvm ssh` says there."""
    lines: list[str] = []
    for state, row in states.TABLE.items():
        happens: dict[str, list[str]] = {}
        for verb, cell in row.items():
            happens.setdefault(cell.happens, []).append(f"`{verb}`")
        lines += [f"## {state.value}", ""]
        for what in sorted(happens):
            lines += _item(f"{', '.join(happens[what])}: {what}")
        error = states.refusal("ssh", SHOWN[state])
        lines += ["", *_wrapped(f"`dvm ssh app` says: {error.what} {error.todo}")] if error else []
        lines.append("")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    """The lines of a paragraph; what stands between backquotes stays on one line."""
    whole = re.sub(r"`[^`]*`", lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _item(text: str) -> list[str]:
    lines = _wrapped(text)
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def parts(page: str) -> dict[str, Callable[[], str]]:
    """The generated parts of a page, by name."""
    if page == "cli.md":
        return {name: partial(command_part, name, command) for name, command in commands().items()}
    if page == "config.md":
        fields = [field for field in form_fields() if field.name != "name"]
        return {"fields": lambda: "\n".join(field_part(field) for field in fields)}
    if page == "recipes.md":
        return {"recipes": lambda: recipes_part(RecipeCatalog(from_environment({"HOME": "/nonexistent"})))}
    return {"states": states_part} if page == "states.md" else {}


def written(page: str, text: str) -> str:
    """The text of a page with its generated parts as the code has them now."""
    known = parts(page)

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        body = known[name]() if name in known else match[2]
        return f"<!-- generated: {name} -->\n{body}<!-- end -->\n"

    return PART.sub(fill, text)


def pages() -> Iterator[Path]:
    """The pages of the reference."""
    yield from sorted(REFERENCE.glob("*.md"))


def main() -> None:
    """Write every page whose generated parts have changed."""
    for path in pages():
        before = path.read_text("utf-8")
        after = written(path.name, before)
        if after != before:
            path.write_text(after, "utf-8")
            print(f"wrote {path.relative_to(REFERENCE.parent.parent)}")  # noqa: T201


if __name__ == "__main__":
    main()
