"""What is wrong with a recipe, as values: its header, its variables, and what bash and shellcheck said. Pure."""

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
LEVELS = {"error": ERROR, "warning": WARNING, "info": NOTE, "style": NOTE}  # shellcheck's words
MOST = 500  # findings of one program
NOT_FOLLOWED = 1091  # shellcheck's word for a file that it was not given
_BASH = re.compile(r"^[^\n]*?line (\d+): (.*)$", re.MULTILINE)
_SECRET = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|AUTH_KEY|API_KEY)$")
_LIBRARY = re.compile(r"^(\s*(?:\.|source)\s+)\"?\$\{?DVM_LIB\}?\"?", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """One thing to look at."""

    level: str  # error or warning: a problem; note: no problem
    by: str  # header, bash, shellcheck, variables or configs
    what: str
    todo: str = ""
    line: int = 0  # 0 where there is none
    code: str = ""  # SC2086

    @property
    def is_problem(self) -> bool:
        return self.level != NOTE


@dataclass(frozen=True)
class Checked:
    """All that was found in one recipe, and which programs were not there to look."""

    name: str
    findings: tuple[Finding, ...]
    not_run: tuple[str, ...] = ()  # a sentence each

    @property
    def problems(self) -> int:
        return sum(found.is_problem for found in self.findings)

    @property
    def words(self) -> str:
        """The verdict; never "nothing found" where something was not looked at."""
        notes = len(self.findings) - self.problems
        parts = [_count(self.problems, "problem")] if self.problems else []
        parts += [_count(notes, "note")] if notes else []
        found = " and ".join(parts) or "nothing found"
        return f"{found}, not everything was checked" if self.not_run else found


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def of_header(problems: Iterable[Problem]) -> tuple[Finding, ...]:
    """Why a file cannot be read as a recipe."""
    return tuple(
        Finding(ERROR, "header", f"{one.field}: {one.what}" if one.field else one.what, one.todo, one.line)
        for one in problems
    )


def of_configs(problems: Iterable[tuple[str, Problem]]) -> tuple[Finding, ...]:
    """What configs give to a recipe that it does not take; each with the VM whose config it is."""
    return tuple(Finding(ERROR, "configs", f"{vm}: {one.field}: {one.what}", one.todo) for vm, one in problems)


def of_variables(recipe: Recipe) -> tuple[Finding, ...]:
    """Variables that nobody gives, and params that the script does not read."""
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
    todo = f"Add a param {param} to the header, or remove it."
    if secret is not None:
        what, todo = f"{read.name} is not set: the param {param} is a secret", f"Read the file ${secret.variable}."
        return Finding(ERROR, "variables", what, todo, read.line)
    if read.name in NOT_GIVEN:
        what, todo = f"{read.name} is not given", "bash DVM gave it; here it is a field of the config only."
    elif read.kind == "default":
        what = f"{read.name} is given by no param, so it always has its default"
    else:
        what = f"{read.name} is given by no param: the recipe ends there, or takes it as empty without `set -u`"
    return Finding(WARNING if read.kind == "default" else ERROR, "variables", what, todo, read.line)


def _unread(recipe: Recipe) -> tuple[Finding, ...]:
    """A param whose variable stands nowhere in the script below its header."""
    return tuple(
        Finding(NOTE, "variables", f"the param {param.name} is not read", f"The script gets it as {param.variable}.")
        for param in recipe.params
        if not re.search(rf"\b{param.variable}\b", _code(recipe.text))
    )


def _must_be_set(recipe: Recipe) -> tuple[Finding, ...]:
    """A variable of a recipe of bash DVM that nothing guards: `set -u` ends the recipe where no config sets it."""
    every = reads(recipe.text)
    guarded = {read.name for read in every if read.kind == "default"} | defaults_itself(recipe.text)
    lines = {read.name: read.line for read in reversed(every)}  # the first one counts
    return tuple(
        Finding(
            NOTE,
            "variables",
            f"{param.variable} has no default: where a config does not set it, the recipe ends there",
            f"Set params.{recipe.name}.{param.name} in the config.",
            lines[param.variable],
        )
        for param in recipe.params
        if param.is_inferred and param.variable in lines.keys() - guarded and not _SECRET.search(param.variable)
    )


def _code(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.startswith("#"))


def _secret_names(recipe: Recipe) -> tuple[Finding, ...]:
    """A recipe of bash DVM cannot say that a param is a secret: it would stand in the config."""
    todo = "Give the recipe a header with this param and `secret: true`, and let it read the file that it then gets."
    return tuple(
        Finding(NOTE, "variables", f"{param.variable} looks like a secret, and would stand in a config", todo)
        for param in recipe.params
        if param.is_inferred and _SECRET.search(param.variable)
    )


def for_shellcheck(text: str) -> str:
    """The text with `_lib.sh` named where the recipe sources it; no line moves."""
    return _LIBRARY.sub(r"\1_lib.sh", text)


def of_bash(said: str) -> tuple[Finding, ...]:
    """What `bash -n` said: a line each, those that only quote the script joined to the one before."""
    found: list[Finding] = []
    for number, what in _BASH.findall(said)[:MOST]:
        words, line = visible(what, 300).rstrip("."), int(number)
        if found and found[-1].line == line and what.startswith("`"):
            continue
        found.append(Finding(ERROR, "bash", words, "", line))
    return tuple(found)


def of_shellcheck(said: bytes) -> tuple[Finding, ...] | None:
    """What `shellcheck -f json1` said; None where it cannot be read."""
    try:
        comments = json.loads(said)["comments"]
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
