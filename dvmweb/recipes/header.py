"""Parses the header block of a recipe into a Recipe; touches no files."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from dvmweb.errors import ConfigError, Problem
from dvmweb.guest_text import HIDDEN_CATEGORIES, visible
from dvmweb.names import is_param_name
from dvmweb.recipes.header_fields import Reader
from dvmweb.recipes.model import BASH_DVM, CATEGORIES, LONG, MAX_ENTRIES, OUR_VARIABLES, SHORT, Param, Recipe
from dvmweb.recipes.variables import GIVEN, GIVEN_TO_BASH_DVM, NOT_GIVEN, defaults_itself, reads, sets

START, END = "# /// recipe", "# ///"
FIELDS = ("summary", "category", "needs", "params", "ports", "probe", "units", "moving", "files")
MAX_HEADER = 16 * 1024  # characters


def parse_header(name: str, text: str, path: Path, *, is_local: bool) -> Recipe:
    """Parse the recipe `name`; without a header it has only a summary. Raises ConfigError with all problems."""
    lines = text.split("\n")  # not splitlines(): bash knows no other line ends
    block = _block(lines, str(path))
    if block is None:
        bare = Recipe(name, path, text, is_local, summary=_first_comment(lines), has_header=False)
        if not is_local:
            return bare
        return replace(bare, params=_inferred(text), files=() if "DVM_LIB" in text else (BASH_DVM,))
    start, body = block
    recipe = _recipe(Recipe(name, path, text, is_local), Reader(str(path), start), body)
    return recipe if recipe.summary else replace(recipe, summary=_first_comment(lines))


def _inferred(text: str) -> tuple[Param, ...]:
    """The params of a bash DVM recipe: each variable that it reads and that is not set otherwise."""
    own = {*OUR_VARIABLES, *GIVEN, *GIVEN_TO_BASH_DVM, *NOT_GIVEN, *sets(text)} - defaults_itself(text)
    read = dict.fromkeys(one.name for one in reads(text) if one.name not in own)
    names = [variable.removeprefix("DVM_").lower() for variable in read]
    return tuple(
        Param(name, name.replace("_", " ").capitalize(), "", False, f"Read as DVM_{name.upper()}.", is_inferred=True)
        for name in names[:MAX_ENTRIES]
        if is_param_name(name)
    )


def _recipe(bare: Recipe, reader: Reader, body: str) -> Recipe:
    """The recipe with the fields of its header."""
    from dvmweb.recipes import header_yaml  # loads PyYAML

    try:
        root = header_yaml.read(body)
    except header_yaml.BadYaml as error:
        reader.problem("header", error.what, error.todo, error.line)
        raise ConfigError(reader.problems) from None
    fields = reader.entries(root, "header", FIELDS)
    recipe = replace(
        bare,
        summary=reader.plain(fields.get("summary"), "summary"),
        category=reader.choice(fields.get("category"), "category", CATEGORIES, "other"),
        needs=reader.needs(fields.get("needs"), bare.name),
        params=reader.params(fields.get("params")),
        ports=reader.ports(fields.get("ports")),
        probe=reader.text(fields.get("probe"), "probe", LONG),
        units=reader.units(fields.get("units")),
        moving=reader.flag(fields.get("moving"), "moving"),
        files=reader.files(fields.get("files")),
    )
    if reader.problems:
        raise ConfigError(reader.problems)
    return recipe


def _block(lines: list[str], file: str) -> tuple[int, str] | None:
    """The line number of the start line, and the YAML below it; None if there is no header."""
    starts = [number for number, line in enumerate(lines, 1) if line.rstrip() == START]
    if not starts:
        return None
    start = starts[0]
    if len(starts) > 1:
        _refuse("there are two header blocks", "Remove one.", file, starts[1])
    if any(line.strip() and not line.startswith("#") for line in lines[:start]):
        _refuse("there is code above the header", "Move the header to the top, below `#!`.", file, start)
    ends = [number for number, line in enumerate(lines, 1) if number > start and line.rstrip() == END]
    if not ends:
        _refuse(f"the header has no end line `{END}`", "Add it below the last field.", file, start)
    body = lines[start : ends[0] - 1]
    if sum(map(len, body)) > MAX_HEADER:
        _refuse(f"the header is longer than {MAX_HEADER} characters", "Make it shorter.", file, start)
    for number, line in enumerate(body, start + 1):
        if line.rstrip() != "#" and not line.startswith("# "):
            _refuse("this line of the header is not a comment", "Start the line with `# `.", file, number)
        if any(unicodedata.category(c) in HIDDEN_CATEGORIES for c in line):
            _refuse("this line has hidden characters", "Use plain text without tabs.", file, number)
    return start, "\n".join(line[2:] for line in body)


def _refuse(what: str, todo: str, file: str, line: int) -> NoReturn:
    raise ConfigError([Problem("header", what, todo, file, line)])


def _first_comment(lines: list[str]) -> str:
    """The first line of the comment at the top, as a summary."""
    for line in lines:
        if not line.startswith("#") and line.strip():
            break
        if (
            line.startswith("#")
            and not line.startswith(("#!", "# shellcheck", "# ///", "# dvm fork of "))
            and line.strip("# ")
        ):
            return visible(line.lstrip("#").strip(), SHORT)
    return ""
