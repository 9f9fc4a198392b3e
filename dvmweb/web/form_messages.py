"""The problems of a draft in words, each at the input that it is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from dvmweb.errors import Problem
from dvmweb.guest_text import visible
from dvmweb.names import RECIPE_PATTERN, VM_LENGTH, VM_PATTERN

TOP = ""  # the place of what is about no single input
# A problem that begins so goes on from the name of its field: "Disk is 1GiB".
_GOES_ON = ("is ", "holds ", "has ", "uses ", "stands ", "begins ")


@dataclass(frozen=True)
class Link:
    """A problem in the list beside the YAML, and the id of its input ("" for none)."""

    id: str
    text: str
    line: int = 0  # of the YAML, 0 where it stands on none


def id_of(place: str) -> str:
    """The id of the input at a place such as `cpus`, `recipe.node` or `params.node.version`."""
    return "f-" + re.sub("[^A-Za-z0-9_-]", "-", place)


def placed(
    problems: Iterable[Problem], drawn: Mapping[str, str], typed: Callable[[str], str]
) -> dict[str, dict[str, int]]:
    """Sentences by place, each with its line of the VM's own YAML.

    `drawn` are the places of all inputs with their labels, `typed` says what stands in one.
    """
    found: dict[str, dict[str, int]] = {}
    for problem in problems:
        place = _place(problem, drawn)
        text = _sentence(problem, drawn[place], typed(place)) if place else _at_no_input(problem)
        found.setdefault(place, {}).setdefault(text, problem.line if _is_own(problem) else 0)
    return found


def links(messages: Mapping[str, Mapping[str, int]]) -> tuple[Link, ...]:
    """All sentences in the order of the YAML, else of their places, for the list."""
    said = [(place, text, line) for place, texts in messages.items() for text, line in texts.items()]
    in_order = sorted(said, key=lambda one: one[2])
    return tuple(Link(id_of(place) if place else "", text, line) for place, text, line in in_order)


def count_words(count: int) -> str:
    """How many values are wrong, for a title."""
    return f"{count} value{'' if count == 1 else 's'} to mend"


def suggestion(name: str) -> str:
    """The nearest VM name to what was typed, "" where there is none."""
    near = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:VM_LENGTH].rstrip("-")
    return near if VM_PATTERN.fullmatch(near) and near != name else ""


def _is_own(problem: Problem) -> bool:
    """Whether it is of the YAML that stands in the form."""
    return not problem.file or PurePath(problem.file).parent.name == "vms"


def _at_no_input(problem: Problem) -> str:
    """Of the form's own YAML the line is told beside; of another file the path is told, too."""
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
