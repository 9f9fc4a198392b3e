"""Parses a small YAML file strictly, into plain data and the line of every value.

Only a part of YAML is allowed: maps, lists, text, integers, true and false. What parsers read differently (dates, base
60, octal) and what can do harm (aliases, tags, depth, size) is a problem with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from dvmweb.errors import ConfigError, Problem
from dvmweb.files import CONFIG_BYTES, why_no_text
from dvmweb.guest_text import visible

MAX_DEPTH = 20
MAX_VALUES = 5000
SHOWN = 60  # characters of a value in an error

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_RESOLVER: Any = yaml.resolver.Resolver()
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
# Control characters, and the three that are a line break in YAML 1.1 but not in editors.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|\r(?!\n)")
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_KINDS = {"int": "a number in another form than 0 or 123", "float": "a fraction", "timestamp": "a date"}


@dataclass(frozen=True)
class Node:
    """A value of a file with its place; lines count from 1, columns from 0. `end` is the column after it."""

    value: object
    first: int
    last: int
    column: int
    end: int
    style: str  # "scalar", "block" or "flow"
    children: tuple[tuple[str, int, Node], ...] = ()  # key or number from 1, its line, the value


Child = tuple[str, int, Node]  # key or number from 1, its line, the value


@dataclass(frozen=True)
class Document:
    """A parsed file. `problems`: values that could not be read."""

    file: str
    data: dict[str, object]
    lines: Mapping[str, int]  # "ports.1" -> line; both count from 1
    texts: Mapping[str, str]  # how numbers, yes/no and empty values were written
    problems: tuple[Problem, ...]
    root: Node | None  # None: the file has no fields


def empty(file: str) -> Document:
    """The document of a file that does not exist."""
    return Document(file, {}, {}, {}, (), None)


def read(data: bytes, file: str) -> Document:
    """Parse the data of `file` (a name for messages). Raises ConfigError with all problems."""
    document = scan(data, file)
    if document.problems:
        raise ConfigError(document.problems)
    return document


def scan(data: bytes, file: str) -> Document:
    """Parse like `read`, but raise ConfigError only if the file as a whole cannot be parsed."""
    builder = _Builder(file)
    try:
        root = builder.document(decoded(data, file))
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, data, file)]) from error
    except (RecursionError, ValueError) as error:
        raise ConfigError([_whole(file, "is not readable as YAML", "Write one `field: value` per line.")]) from error
    values = root.value if root else {}
    if not isinstance(values, dict):
        raise ConfigError([_whole(file, "contains no fields", "Write one `field: value` per line, like `cpus: 2`.", 1)])
    return Document(file, values, builder.lines, builder.texts, tuple(builder.problems), root)


def is_text(plain: str) -> bool:
    """Whether `plain`, written without quotes, is read as exactly this text."""
    return _tag(plain) == "str"


def decoded(data: bytes, file: str) -> str:
    """The text of a file. Raises ConfigError if it is not plain UTF-8 text."""
    if len(data) > CONFIG_BYTES:
        raise ConfigError([_whole(file, f"is larger than {CONFIG_BYTES} bytes", "Make it smaller.")])
    if odd := why_no_text(data):
        what, todo, line = odd
        raise ConfigError([_whole(file, what, f"{todo}.", line)])
    text = data.decode("utf-8")
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        todo = "Save it as UTF-8." if found[0] == "\0" else "Delete the character."
        raise ConfigError([_whole(file, f"contains the control character {visible(found[0])}", todo, line)])
    return text


def _whole(file: str, what: str, todo: str, line: int = 0) -> Problem:
    return Problem("", what, todo, file, line)


def _syntax_problem(error: yaml.YAMLError, data: bytes, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", "") or "cannot be read")
    lines = data.decode("utf-8", "replace").split("\n")
    index = min(mark.line, len(lines) - 1) if mark else 0
    margin = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
    if "\t" in margin:
        return _whole(file, "a tab indents this line", "Use spaces.", index + 1)
    return _whole(file, f"is not YAML here: {visible(reason)}", _syntax_hint(reason), index + 1)


def _syntax_hint(reason: str) -> str:
    if "mapping values are not allowed" in reason:
        return 'Put text with ": " in it in quotes, and check the spaces before the field.'
    if "cannot start any token" in reason:
        return "Put the value in quotes."
    return "Check the quotes, brackets and spaces of this line and the one before."


def _tag(plain: str) -> str:
    return str(_RESOLVER.resolve(yaml.ScalarNode, plain, (True, False))).rpartition(":")[2]


def _kind(tag: str, text: str) -> str:
    return "a number that is too long" if text.isdigit() and len(text) > 18 else _KINDS.get(tag, "a special value")


@dataclass
class _Builder:
    """Turns parser events into nodes, at most MAX_DEPTH deep."""

    file: str
    lines: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def document(self, text: str) -> Node | None:
        events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, "", "a second document begins here", "Keep one; delete the `---` line.")
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, events, "", 0)
        return None if root and root.value is None else root

    def _node(self, event: Any, events: Iterator[Any], path: str, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_VALUES:
            self._stop(event, path, f"more than {MAX_VALUES} values", "Make the file smaller.")
        if depth > MAX_DEPTH:
            self._stop(event, path, f"is nested deeper than {MAX_DEPTH} levels", "Nest less.")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._stop(
                event,
                path,
                "uses a YAML anchor or alias",
                "Write the value out, or put text with & or * in quotes.",
            )
        if event.tag is not None:
            self._stop(event, path, "uses a YAML tag", "Remove the tag, or put text that begins with ! in quotes.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        read_children = self._map if isinstance(event, yaml.MappingStartEvent) else self._list
        value, children, closed = read_children(events, path, depth)
        first, column = event.start_mark.line + 1, event.start_mark.column
        if event.flow_style:
            return Node(value, first, closed.line + 1, column, closed.column, "flow", tuple(children))
        # The parser ends a block where the next one starts, after its comments; its real end is that of its last value.
        last = children[-1][2]
        return Node(value, first, last.last, column, last.end, "block", tuple(children))

    def _list(self, events: Iterator[Any], path: str, depth: int) -> tuple[object, list[Child], Any]:
        children: list[Child] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            line = event.start_mark.line + 1
            number = str(len(children) + 1)
            place = _join(path, number)
            self.lines[place] = line
            children.append((number, line, self._node(event, events, place, depth + 1)))
        return [child.value for _, _, child in children], children, event.end_mark

    def _map(self, events: Iterator[Any], path: str, depth: int) -> tuple[object, list[Child], Any]:
        children: list[Child] = []
        values: dict[str, object] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key, line = self._key(event, path), event.start_mark.line + 1
            place = _join(path, key)
            is_new = key not in values
            if is_new:
                self.lines[place] = line
            else:
                self._add(line, place, f"is given twice, first in line {self.lines[place]}", "Keep one of the two.")
            child = self._node(next(events), events, place, depth + 1)
            if is_new:
                values[key] = child.value
            children.append((key, line, child))
        return values, children, event.end_mark

    def _key(self, event: Any, path: str) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            self._stop(
                event,
                path,
                "a field has a name that is not plain text",
                "Write `field: value`; put text that begins with { or [ in quotes.",
            )
        key = str(event.value)
        if event.implicit[0] and _tag(key) != "str":
            line, shown = event.start_mark.line + 1, visible(key, SHOWN)
            self._add(
                line,
                _join(path, key),
                f"the name {shown} is not text to YAML",
                f'Write it in quotes: "{shown}".',
            )
        return key

    def _scalar(self, event: Any, path: str) -> Node:
        first, end = event.start_mark.line + 1, event.end_mark
        last = max(first, end.line + (1 if end.column else 0))  # a block scalar ends at the start of the next line
        return Node(self._value(event, path, first), first, last, event.start_mark.column, end.column, "scalar")

    def _value(self, event: Any, path: str, line: int) -> object:
        text = str(event.value)
        tag = _tag(text) if event.implicit[0] else "str"
        if tag == "str":
            return text
        self.texts[path] = text
        if tag == "null":
            return None
        if tag == "bool":
            return _BOOLEANS[text.lower()]
        if tag == "int" and _DECIMAL.fullmatch(text):
            return int(text)
        shown, kind = visible(text, SHOWN), _kind(tag, text)
        self._add(
            line,
            path,
            f"YAML reads {shown} as {kind}",
            f'Put it in quotes if you mean the text: "{shown}".',
        )
        return text

    def _add(self, line: int, path: str, what: str, todo: str) -> None:
        self.problems.append(Problem(visible(path), what, todo, self.file, line))

    def _stop(self, event: Any, path: str, what: str, todo: str) -> None:
        self._add(event.start_mark.line + 1, path, what, todo)
        raise ConfigError(self.problems)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
