"""Assigns the problems of a draft to the inputs of the form, as sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from dvmweb.errors import Problem
from dvmweb.guest_text import visible
from dvmweb.names import RECIPE_PATTERN, VM_LENGTH, VM_PATTERN

TOP = ""  # the place of problems that belong to no single input
# A problem that begins with one of these continues the label of its field: "Disk is 1GiB".
_GOES_ON = ("is ", "are ", "contains ", "has ", "uses ", "stands ", "begins ", "starts ", "must ", "cannot ")


@dataclass(frozen=True)
class Link:
    """A problem in the list below the YAML, and the id of its input ("" for none)."""

    id: str
    text: str
    line: int = 0  # of the YAML, 0 for none


def id_of(place: str) -> str:
    """Return the id of the input for a place such as `cpus`, `recipe.node` or `params.node.version`."""
    return "f-" + re.sub("[^A-Za-z0-9_-]", "-", place)


def placed(
    problems: Iterable[Problem], drawn: Mapping[str, str], typed: Callable[[str], str]
) -> dict[str, dict[str, int]]:
    """Return sentences by place, each with its line in the VM's YAML (0 for none).

    `drawn`: the places of all inputs with their labels. `typed`: returns the text of one input.
    """
    found: dict[str, dict[str, int]] = {}
    for problem in problems:
        place = _place(problem, drawn)
        text = _sentence(problem, drawn[place], typed(place)) if place else _at_no_input(problem)
        found.setdefault(place, {}).setdefault(text, problem.line if _is_own(problem) else 0)
    return found


def links(messages: Mapping[str, Mapping[str, int]]) -> tuple[Link, ...]:
    """Return all sentences for the list, sorted by YAML line, then by place."""
    every = [(place, text, line) for place, texts in messages.items() for text, line in texts.items()]
    in_order = sorted(every, key=lambda one: one[2])
    return tuple(Link(id_of(place) if place else "", text, line) for place, text, line in in_order)


def count_words(count: int) -> str:
    """Return the number of wrong values in words, for a title."""
    return f"{count} value{'' if count == 1 else 's'} to fix"


def suggestion(name: str) -> str:
    """Return a valid VM name close to what was typed, "" for none."""
    near = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:VM_LENGTH].rstrip("-")
    return near if VM_PATTERN.fullmatch(near) and near != name else ""


def _is_own(problem: Problem) -> bool:
    """Return whether a problem is in the YAML of this form."""
    return not problem.file or PurePath(problem.file).parent.name == "vms"


def _at_no_input(problem: Problem) -> str:
    """Return the sentence for a problem without an input; for another file with its path."""
    text = str(replace(problem, file="") if _is_own(problem) else problem)
    return visible(text[:1].upper() + text[1:] if _is_own(problem) and not problem.field else text, 600)


def _place(problem: Problem, drawn: Collection[str]) -> str:
    file = PurePath(problem.file)
    if file.suffix == ".sh" and RECIPE_PATTERN.fullmatch(file.stem):  # the header of a recipe
        return next((place for place in (f"recipe.{file.stem}", "recipes") if place in drawn), TOP)
    if not _is_own(problem):
        return TOP
    head, _, rest = problem.field.partition(".")
    recipe = rest.partition(".")[0]
    wanted = (problem.field, f"recipe.{recipe}", "recipes") if head == "params" else (head,)
    return next((place for place in wanted if place in drawn), TOP)


def _sentence(problem: Problem, label: str, typed: str) -> str:
    if problem.file.endswith(".sh"):
        return visible(str(problem), 600)
    what, todo = problem.what, problem.todo
    if problem.field == "cpus" and typed and not typed.isdigit():
        what, todo = f"'{visible(typed, 60)}' is not a whole number", "Write a number from 1 to 64."
    if problem.field == "name" and (near := suggestion(typed)):
        todo = f"{todo} Try: {near}"
    start = f"{label} {what}" if what.startswith(_GOES_ON) else what[:1].upper() + what[1:]
    return visible(f"{start.rstrip('.')}. {todo}", 600)
