"""Findings of `dvm recipe check`: from the header, the variables, bash and shellcheck. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dvmweb.errors import Problem
from dvmweb.guest_text import visible
from dvmweb.recipes.model import Recipe
from dvmweb.recipes.variables import GIVEN, GIVEN_TO_BASH_DVM, NOT_GIVEN, Read, defaults_itself, reads, sets

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = {"error": ERROR, "warning": WARNING, "info": NOTE, "style": NOTE}  # by shellcheck's level
MOST = 500  # findings of one program
NOT_FOLLOWED = 1091  # shellcheck's code for a sourced file that it was not given
_BASH = re.compile(r"^[^\n]*?line (\d+): (.*)$", re.MULTILINE)
_SECRET = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|AUTH_KEY|API_KEY)$")
_LIBRARY = re.compile(r"^(\s*(?:\.|source)\s+)\"?\$\{?DVM_LIB\}?\"?", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """One finding in a recipe."""

    level: str  # error or warning: a problem; note: not a problem
    by: str  # header, bash, shellcheck, variables or configs
    what: str
    todo: str = ""
    line: int = 0  # 0 for none
    code: str = ""  # shellcheck's, such as SC2086

    @property
    def is_problem(self) -> bool:
        return self.level != NOTE


@dataclass(frozen=True)
class Checked:
    """The result of a check of one recipe: its findings, and the checks that did not run."""

    name: str
    findings: tuple[Finding, ...]
    not_run: tuple[str, ...] = ()  # a sentence each

    @property
    def problems(self) -> int:
        return sum(found.is_problem for found in self.findings)

    @property
    def words(self) -> str:
        """The result in a few words; it says so if some checks did not run."""
        notes = len(self.findings) - self.problems
        parts = [_count(self.problems, "problem")] if self.problems else []
        parts += [_count(notes, "note")] if notes else []
        found = " and ".join(parts) or "no problems found"
        return f"{found}, some checks did not run" if self.not_run else found


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def of_header(problems: Iterable[Problem]) -> tuple[Finding, ...]:
    """The problems of a file or its header, as findings."""
    return tuple(
        Finding(ERROR, "header", f"{one.field}: {one.what}" if one.field else one.what, one.todo, one.line)
        for one in problems
    )


def of_configs(problems: Iterable[tuple[str, Problem]]) -> tuple[Finding, ...]:
    """Problems of configs with the recipe's params, as findings; each is given with its VM."""
    return tuple(Finding(ERROR, "configs", f"{vm}: {one.field}: {one.what}", one.todo) for vm, one in problems)


def of_variables(recipe: Recipe) -> tuple[Finding, ...]:
    """Variables that are read but never set, params that are not read, and params that look like secrets."""
    given = {*GIVEN, *sets(recipe.text), *(param.variable for param in recipe.params)}
    if recipe.is_of_bash_dvm:
        given |= GIVEN_TO_BASH_DVM
    given -= defaults_itself(recipe.text) - {param.variable for param in recipe.params}
    seen: set[str] = set()
    found = []
    for read in reads(recipe.text):
        if read.name not in given and read.name not in seen:
            seen.add(read.name)
            found.append(_unknown(recipe, read))
    return (*found, *_unread(recipe), *_must_be_set(recipe), *_secret_names(recipe))


def _unknown(recipe: Recipe, read: Read) -> Finding:
    param = read.name.removeprefix("DVM_").lower()
    secret = next((one for one in recipe.params if one.secret and one.name == param), None)
    todo = f"Add the param {param} to the header, or remove the variable."
    if secret is not None:
        what, todo = f"{read.name} is not set: the param {param} is a secret", f"Read the file ${secret.variable}."
        return Finding(ERROR, "variables", what, todo, read.line)
    if read.name in NOT_GIVEN:
        what, todo = f"{read.name} is not set", "bash DVM set it; here it is only a field of the config. Remove it."
    elif read.kind == "default":
        what = f"{read.name} is not a param, so it always has its default"
    else:
        what = f"{read.name} is not a param and not set: with `set -u` the recipe fails here, else the value is empty"
    return Finding(WARNING if read.kind == "default" else ERROR, "variables", what, todo, read.line)


def _unread(recipe: Recipe) -> tuple[Finding, ...]:
    """Params whose variable does not occur in the script below its header."""
    return tuple(
        Finding(NOTE, "variables", f"the param {param.name} is not used", f"The script gets it as ${param.variable}.")
        for param in recipe.params
        if not re.search(rf"\b{param.variable}\b", _code(recipe.text))
    )


def _must_be_set(recipe: Recipe) -> tuple[Finding, ...]:
    """Variables of a bash DVM recipe that are read without a default: `set -u` ends it if the config sets none."""
    every = reads(recipe.text)
    guarded = {read.name for read in every if read.kind == "default"} | defaults_itself(recipe.text)
    lines = {read.name: read.line for read in reversed(every)}  # the first one counts
    return tuple(
        Finding(
            NOTE,
            "variables",
            f"{param.variable} has no default: if a config does not set it, the recipe fails here",
            f"Set params.{recipe.name}.{param.name} in the config.",
            lines[param.variable],
        )
        for param in recipe.params
        if param.is_inferred and param.variable in lines.keys() - guarded and not _SECRET.search(param.variable)
    )


def _code(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.startswith("#"))


def _secret_names(recipe: Recipe) -> tuple[Finding, ...]:
    """Params of a bash DVM recipe that look like secrets: without a header they would be stored in the config."""
    todo = "Add a header with this param and `secret: true`; the variable is then the path of a file with the secret."
    return tuple(
        Finding(NOTE, "variables", f"{param.variable} looks like a secret and would be stored in the config", todo)
        for param in recipe.params
        if param.is_inferred and _SECRET.search(param.variable)
    )


def for_shellcheck(text: str) -> str:
    """The text with `. "$DVM_LIB"` replaced by `. _lib.sh`; line numbers stay the same."""
    return _LIBRARY.sub(r"\1_lib.sh", text)


def of_bash(output: str) -> tuple[Finding, ...]:
    """The errors in the output of `bash -n`; a line that only quotes the script is not a finding of its own."""
    found: list[Finding] = []
    for number, what in _BASH.findall(output)[:MOST]:
        words, line = visible(what, 300).rstrip("."), int(number)
        if found and found[-1].line == line and what.startswith("`"):
            continue
        found.append(Finding(ERROR, "bash", words, "", line))
    return tuple(found)


def of_shellcheck(output: bytes) -> tuple[Finding, ...] | None:
    """The findings in the output of `shellcheck -f json1`, sorted by line; None if it cannot be parsed."""
    try:
        comments = json.loads(output)["comments"]
        found = [
            Finding(
                LEVELS[str(one["level"])],
                "shellcheck",
                visible(str(one["message"]), 400).rstrip("."),
                "",
                int(one["line"]),
                f"SC{int(one['code'])}",
            )
            for one in comments
            if one["file"] == "-" and one["code"] != NOT_FOLLOWED
        ][:MOST]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return tuple(sorted(found, key=lambda one: one.line))
