"""Makes the config of a VM from its file and config.yaml, or lists all their problems. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dvmweb.config import kinds
from dvmweb.config.fields import DASHBOARD_PORTS
from dvmweb.config.fields import bundles as check_bundles
from dvmweb.config.model import OWN_FIELDS, Defaults, VmConfig
from dvmweb.config.values import NO_VALUE, NOT_TEXT, Wrong
from dvmweb.config.yaml_reader import Document
from dvmweb.errors import Problem
from dvmweb.guest_text import visible

Place = tuple[str, ...]  # a field and the keys below it; entries of a list count from 1
Fault = tuple[Place, str, str]  # place, what is wrong, what to write
# Fields that are also checked against recipes and other VMs, entry by entry, even if other fields are invalid.
IN_PARTS = ("recipes", "params")
AS_A_WHOLE = ("name", "kind", "image", "ports", "baseline")


@dataclass(frozen=True)
class Reading:
    """The valid part of a config (all of it if there are no problems), and the place of each value."""

    config: VmConfig
    problems: tuple[Problem, ...]
    bundles: Mapping[str, tuple[str, ...]]
    written: tuple[str, ...]  # recipes and bundles as the file names them
    documents: tuple[Document, Document]  # the VM's own file, config.yaml

    def problem(self, path: str, what: str, todo: str) -> Problem:
        """A problem of the value at the dotted `path`, with its file and line."""
        document, line = _place(path, self.documents)
        return Problem(visible(path), what, todo, document.file, line)

    def recipe_place(self, recipe: str) -> str:
        """The dotted place that names `recipe`: in the list of recipes, or in a bundle of that list."""
        for number, name in enumerate(self.written, 1):
            if name == recipe and name not in self.bundles:
                return f"recipes.{number}"
            if recipe in self.bundles.get(name, ()):
                return f"bundles.{name}.{self.bundles[name].index(recipe) + 1}"
        return "kind" if recipe == self.config.kind else "recipes"


def defaults_of(document: Document) -> tuple[Defaults, tuple[Problem, ...]]:
    """The valid part of config.yaml, and the problems of the rest."""
    values = {field: value for field, value in document.data.items() if field != "bundles" and field not in OWN_FIELDS}
    faults: list[Fault] = [((field,), *_not_for_all(field)) for field in OWN_FIELDS if field in document.data]
    faults += _faults({**values, "name": "app"})
    bundles: dict[str, tuple[str, ...]] = {}
    if "bundles" in document.data:
        try:
            bundles = check_bundles(document.data["bundles"])
        except Wrong as wrong:
            faults += [(("bundles", *at), what, todo) for at, what, todo in wrong.faults]
            given = document.data["bundles"]
            bundles = dict.fromkeys(given, ()) if isinstance(given, dict) else {}  # their names are not recipes
    problems = in_order(_problems(faults, (document,)))
    bad = {problem.field.partition(".")[0] for problem in problems}
    good = {field: value for field, value in values.items() if visible(field) not in bad}
    return Defaults(good, bundles), problems


def judge(name: str, document: Document, defaults_file: Document) -> Reading:
    """The valid part of the config of VM `name`, and all problems of its file and of config.yaml."""
    defaults, problems = defaults_of(defaults_file)
    merged = _merge(defaults.values, document.data, name)
    faults: list[Fault] = []
    if "bundles" in document.data:
        faults.append((("bundles",), "is a field of config.yaml", "Move it there."))
    if "name" in document.data:
        faults.append((("name",), "is given by the name of this file", "Delete the line; to rename, rename the file."))
    merged.pop("bundles", None)
    faults += _faults(merged)
    problems += tuple(_problems(faults, (document, defaults_file)))
    config = VmConfig.from_values(_good_part(merged, faults) if problems else merged)
    named = kinds.with_own_recipe(config.kind, config.recipes)
    expanded = replace(config, recipes=_expand(named, defaults.bundles))
    names = merged.get("recipes", ())
    written = tuple(str(item) for item in names) if isinstance(names, (list, tuple)) else ()
    return Reading(expanded, in_order(problems), defaults.bundles, written, (document, defaults_file))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems, sorted by file and line."""
    found = tuple(problems)
    files = list(dict.fromkeys(problem.file for problem in found))
    return tuple(sorted(found, key=lambda problem: (files.index(problem.file), problem.line)))


def port_conflicts(config: VmConfig, others: Iterable[VmConfig]) -> list[Fault]:
    """A fault for each host port of `config` that another VM also declares."""
    holders = {forward.host_port: other.name for other in others for forward in other.ports}
    taken = {*holders, *DASHBOARD_PORTS, *(forward.host_port for forward in config.ports)}
    faults: list[Fault] = []
    for number, forward in enumerate(config.ports, 1):
        port = forward.host_port
        if port in holders:
            free = next((other for other in range(port + 1, 65536) if other not in taken), 3000)
            what = f"host port {port} is also declared by the VM {holders[port]}"
            todo = f'Use another host port for one of them, like "{free}:{forward.guest_port}".'
            faults.append((("ports", str(number)), what, todo))
    return faults


def _merge(defaults: Mapping[str, object], own: Mapping[str, object], name: str) -> dict[str, object]:
    merged = {**defaults, **own, "name": name}
    shared, mine = defaults.get("params"), own.get("params")
    if isinstance(shared, dict) and isinstance(mine, dict):
        merged["params"] = {**shared, **{recipe: _over(shared.get(recipe), mine[recipe]) for recipe in mine}}
    return merged


def _over(shared: object, mine: object) -> object:
    return {**shared, **mine} if isinstance(shared, dict) and isinstance(mine, dict) else mine


def _expand(recipes: Iterable[str], bundles: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(recipe for name in recipes for recipe in bundles.get(name, (name,))))


def _faults(values: Mapping[str, object]) -> list[Fault]:
    try:
        VmConfig.from_values(values)
    except Wrong as wrong:
        return list(wrong.faults)
    return []


def _good_part(values: Mapping[str, object], faults: Iterable[Fault]) -> dict[str, object]:
    """The values of IN_PARTS without those that have a fault."""
    kept = {field: value for field, value in values.items() if field in (*IN_PARTS, *AS_A_WHOLE)}
    places = {at if at[0] in IN_PARTS else at[:1] for at, _, _ in faults if at[0] != "name"}  # the name is valid
    return {field: _without(value, _below(places, field)) for field, value in kept.items() if (field,) not in places}


def _without(value: object, places: set[Place]) -> object:
    if isinstance(value, dict):
        kept = {key: entry for key, entry in value.items() if (str(key),) not in places}
        return {key: _without(entry, _below(places, str(key))) for key, entry in kept.items()}
    if isinstance(value, (list, tuple)):
        return [entry for number, entry in enumerate(value, 1) if (str(number),) not in places]
    return value


def _below(places: set[Place], name: str) -> set[Place]:
    return {place[1:] for place in places if place[0] == name and len(place) > 1}


def _not_for_all(field: str) -> tuple[str, str]:
    return f"{field} belongs to one VM", f"Delete the line here; {field} is part of vms/<name>.yaml."


def _problems(faults: Iterable[Fault], documents: tuple[Document, ...]) -> Iterator[Problem]:
    """The problems of the first document, and other faults, each with file and line."""
    yield from documents[0].problems
    known = {problem.field for problem in documents[0].problems}
    for at, what, todo in faults:
        path = ".".join(at)
        if visible(path) not in known:
            document, line = _place(path, documents)
            what, todo = _as_written(document.texts.get(path, ""), what, todo)
            yield Problem(visible(path), what, todo, document.file, line)


def _place(path: str, documents: tuple[Document, ...]) -> tuple[Document, int]:
    """The document that contains `path` or the nearest place above it, and the line."""
    while path:
        for document in documents:
            if path in document.lines:
                return document, document.lines[path]
        path = path.rpartition(".")[0]
    return documents[0], 1


def _as_written(written: str, what: str, todo: str) -> tuple[str, str]:
    if what == NOT_TEXT and written:
        return f"YAML reads {written} as yes or no, not as text", f'Put it in quotes: "{written}".'
    if what == NO_VALUE and written:
        return f"YAML reads {written} as no value", "Write one, or delete the line."
    return what, todo
