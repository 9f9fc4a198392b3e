"""From what the files say to the config in use, or to every problem at once. Pure: reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from dvmweb.config.fields import bundles as check_bundles
from dvmweb.config.model import OWN_FIELDS, Defaults, VmConfig
from dvmweb.config.values import NO_VALUE, NOT_TEXT, Wrong
from dvmweb.config.yaml_reader import Document
from dvmweb.errors import ConfigError, Problem
from dvmweb.guest_text import visible

Fault = tuple[str, str, str]  # dotted path, what it is, what to write


def defaults_of(document: Document) -> tuple[Defaults, tuple[Problem, ...]]:
    """Return the good part of config.yaml, and the problems of the rest."""
    values = {field: value for field, value in document.data.items() if field != "bundles" and field not in OWN_FIELDS}
    faults = [(field, *_not_for_all(field)) for field in OWN_FIELDS if field in document.data]
    faults += _faults({**values, "name": "app"})
    bundles: dict[str, tuple[str, ...]] = {}
    if "bundles" in document.data:
        try:
            bundles = check_bundles(document.data["bundles"])
        except Wrong as wrong:
            faults += [(".".join(("bundles", *at)), what, todo) for at, what, todo in wrong.faults]
    problems = tuple(_problems(faults, (document,)))
    bad = {problem.field.partition(".")[0] for problem in problems}
    good = {field: value for field, value in values.items() if visible(field) not in bad}
    return Defaults(good, bundles), problems


def resolve(name: str, document: Document, defaults_file: Document) -> VmConfig:
    """Return the config in use of VM `name`; raise ConfigError with every problem of its file and of config.yaml."""
    defaults, problems = defaults_of(defaults_file)
    merged = _merge(defaults.values, document.data, name)
    faults = [("bundles", "is a field of config.yaml", "Move it there.")] if "bundles" in document.data else []
    if "name" in document.data:
        faults.append(("name", "is given by the name of this file", "Delete the line; to rename, rename the file."))
    faults += _faults({field: value for field, value in merged.items() if field != "bundles"})
    problems += tuple(_problems(faults, (document, defaults_file)))
    if problems:
        raise ConfigError(problems)
    config = VmConfig.from_values(merged)
    return replace(config, recipes=_expand(config.recipes, defaults.bundles))


def port_conflicts(configs: Iterable[VmConfig], *, of: str = "") -> list[Problem]:
    """Return a problem for each host port that a VM declares after another VM has; with `of`, those of that VM only."""
    problems: list[Problem] = []
    holders: dict[int, str] = {}
    for config in sorted(configs, key=lambda config: config.name):
        for index, forward in enumerate(config.ports):
            port, holder = forward.host_port, holders.setdefault(forward.host_port, config.name)
            if holder != config.name and of in ("", holder, config.name):
                what = f"host port {port} is declared by {holder} and by {config.name}"
                todo = f'Give one of them another host port, like "{_next_port(port)}:{forward.guest_port}".'
                problems.append(Problem(f"ports.{index}", what, todo, f"{config.name}.yaml"))
    return problems


def _next_port(port: int) -> int:
    return port + 1 if port < 65535 else port - 1


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
        return [(".".join(at), what, todo) for at, what, todo in wrong.faults]
    return []


def _not_for_all(field: str) -> tuple[str, str]:
    return f"{field} belongs to one VM", f"Delete the line here; {field} is part of vms/<name>.yaml."


def _problems(faults: Iterable[Fault], documents: tuple[Document, ...]) -> Iterator[Problem]:
    """The problems of the first document, and the faults that it does not explain, each with file and line."""
    yield from documents[0].problems
    known = {problem.field for problem in documents[0].problems}
    for path, what, todo in sorted(faults, key=lambda fault: _place(fault[0], documents)[1]):
        if visible(path) not in known:
            document, line = _place(path, documents)
            what, todo = _as_written(document.texts.get(path, ""), what, todo)
            yield Problem(visible(path), what, todo, document.file, line)


def _place(path: str, documents: tuple[Document, ...]) -> tuple[Document, int]:
    """The document that holds `path`, or the nearest place above it, and the line."""
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
