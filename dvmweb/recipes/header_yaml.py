"""Parses the YAML of a recipe header into text values with line numbers; anchors, tags and odd keys are errors.

Values stay text (`1.10` is not the number 1.1, `no` is not false): header_fields.py knows the type of each field.
Importing this module loads PyYAML, so it is imported only where a header is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

MAX_DEPTH = 20
MAX_NODES = 1000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Scalar:
    """One value as written, without its quotes."""

    text: str
    is_plain: bool  # written without quotes
    line: int  # 1 for the first line of the header's YAML


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True)
class Entries:
    """A mapping; its keys are unique texts."""

    entries: dict[str, Node]
    line: int


Node = Scalar | Items | Entries


class BadYaml(Exception):
    """The text is not the subset of YAML that a header can use."""

    def __init__(self, what: str, todo: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.line = line


def read(text: str) -> Node:
    """The single document in `text`, an empty mapping if there is none. Raises BadYaml."""
    try:
        return _document(_counted(yaml.parse(text, Loader=_LOADER)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        todo = "See the example in docs/reference/recipe-header.md."
        raise BadYaml(f"invalid YAML: {problem}", todo, _line(mark)) from None


def _line(mark: object) -> int:
    return int(getattr(mark, "line", 0)) + 1


def _counted(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    for count, event in enumerate(events):
        if count > MAX_NODES:
            raise BadYaml("the header has too many values", f"Use at most {MAX_NODES}.", _line(event.start_mark))
        yield event


def _document(events: Iterator[yaml.Event]) -> Node:
    found: Node = Entries({}, 1)
    is_second = False
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if is_second:
                raise BadYaml("the header has two YAML documents", "Remove the line `---`.", _line(event.start_mark))
            found, is_second = _node(events, next(events), 1), True
    return found


def _node(events: Iterator[yaml.Event], event: yaml.Event, depth: int) -> Node:
    line = _line(event.start_mark)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise BadYaml("anchors and aliases (& and *) are not allowed", "Repeat the value, or quote it.", line)
    if getattr(event, "tag", None):
        raise BadYaml("tags (!) are not allowed", "Remove the tag, or quote the value.", line)
    if depth > MAX_DEPTH:
        raise BadYaml("the YAML is nested too deeply", f"Use at most {MAX_DEPTH} levels.", line)
    if isinstance(event, yaml.SequenceStartEvent):
        return Items(tuple(_items(events, depth)), line)
    if isinstance(event, yaml.MappingStartEvent):
        return Entries(_entries(events, depth), line)
    assert isinstance(event, yaml.ScalarEvent)  # noqa: S101  (no other event can begin a node)
    return Scalar(event.value, event.style is None or event.style == "", line)


def _items(events: Iterator[yaml.Event], depth: int) -> Iterator[Node]:
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            return
        yield _node(events, event, depth + 1)


def _entries(events: Iterator[yaml.Event], depth: int) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        key = _node(events, event, depth + 1)
        if not isinstance(key, Scalar):
            raise BadYaml("a key must not be a list or mapping", "Use text as the key.", key.line)
        if key.text in found:
            raise BadYaml(f"duplicate key {key.text[:40]!r}", "Remove one of the two.", key.line)
        found[key.text] = _node(events, next(events), depth + 1)
    return found
