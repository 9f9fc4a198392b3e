"""Changes fields of a config file that the user also edits: only the lines of a changed field change.

ruamel.yaml was tried first: it drops the comment after a deleted field or list item and those inside a replaced list,
and formats the whole file again. Here all other lines stay the same, byte by byte. The store parses the result and
compares it with the wanted values before it writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from dvmweb.config.yaml_reader import Child, Document, Node, is_text
from dvmweb.errors import UsageError

# Text that all YAML parsers read alike without quotes; everything else is quoted.
_PLAIN = re.compile(r"[A-Za-z/~][A-Za-z0-9_./@:+~-]*|[1-9][0-9]*[MGT]iB")

_ONE_LETTER_WORDS = ("y", "Y", "n", "N")  # yes and no for some parsers, not for PyYAML


class Splice(NamedTuple):
    """Replace the lines from `start` up to, not including, `end` by `new`; both count from 0."""

    start: int
    end: int
    depth: int
    new: list[str]


def edited(source: str, document: Document, changes: Mapping[str, object]) -> str:
    """`source`, from which `document` was read, with each field set to its value, or removed if that is None.

    Raises UsageError if the fields are in braces, because there is no line to change.
    """
    if document.root and document.root.style == "flow":
        todo = "Write one `field: value` per line, then try again."
        raise UsageError(f"{document.file} has its fields in braces, which dvm cannot edit.", todo)
    ending = "\r\n" if "\r\n" in source else "\n"
    lines = source.split(ending)
    if lines[-1]:
        lines.append("")  # the last line has no line end
    # From the end, so that earlier line numbers stay right; of two splices at one line, the inner one first.
    splices = sorted(_in_map(lines, document.root, changes, 0), key=lambda one: (one.start, one.end, -one.depth))
    for splice in reversed(splices):
        lines[splice.start : splice.end] = splice.new
    return ending.join(lines)


def _in_map(lines: list[str], node: Node | None, changes: Mapping[str, object], depth: int) -> Iterator[Splice]:
    children = {key: (key, line, child) for key, line, child in (node.children if node else ())}
    indent = node.column if node else 0
    for name, value in changes.items():
        if name in children:
            yield from _in_field(lines, children[name], value, indent, depth)
        elif value is not None:
            place = _place_of_new(lines, node, name)
            yield Splice(place, place, depth, field_lines(name, value, indent))


def _place_of_new(lines: list[str], node: Node | None, name: str) -> int:
    """The line for a new field: below its commented default, else after the last field, else at the end."""
    is_inside = {line for _, first, child in (node.children if node else ()) for line in range(first, child.last)}
    has_marks = any(line.startswith(("---", "...", "%")) for line in lines)
    if not has_marks and (node is None or node.column == 0):
        for index, line in enumerate(lines):
            if line.startswith((f"# {name}:", f"#{name}:")) and index not in is_inside:
                return index + 1
    return node.last if node else len(lines) - 1


def _in_field(lines: list[str], child: Child, value: object, indent: int, depth: int) -> Iterator[Splice]:
    _, line, node = child
    start, end = line - 1, node.last
    if value is None:
        yield Splice(start, end, depth, [])
    elif _same(node.value, value):
        return
    elif node.style == "block" and isinstance(node.value, dict) and isinstance(value, Mapping) and value:
        gone = {key: None for key in node.value if key not in value}
        yield from _in_map(lines, node, {**gone, **value}, depth + 1)
    elif value and isinstance(value, (list, tuple)) and _has_plain_items(lines, node):
        yield from _in_list(lines, node, value, depth + 1)
    else:
        comments = [text for text in lines[start:end] if text.lstrip().startswith("#")] if node.style == "block" else []
        yield Splice(start, end, depth, comments + _replacement(lines, child, value, indent))


def _replacement(lines: list[str], child: Child, value: object, indent: int) -> list[str]:
    name, line, node = child
    if node.last != line:
        return field_lines(name, value, indent)
    is_flow = node.style == "flow" and isinstance(value, (list, tuple, Mapping))
    new = [f"{' ' * indent}{scalar(name)}: {_flow(value)}"] if is_flow else field_lines(name, value, indent)
    return [new[0] + lines[line - 1][node.end :].rstrip(), *new[1:]]  # keeps the comment at the end of the line


def _has_plain_items(lines: list[str], node: Node) -> bool:
    """Whether `node` is a list with one `- value` on each of its lines, except comments."""
    return node.style == "block" and all(
        item.first == item.last and lines[line - 1][: item.column].strip() == "-" for _, line, item in node.children
    )


def _in_list(lines: list[str], node: Node, value: list[object] | tuple[object, ...], depth: int) -> Iterator[Splice]:
    old, new = [scalar(item.value) for _, _, item in node.children], [scalar(item) for item in value]
    places = [line - 1 for _, line, _ in node.children]
    margin = lines[places[0]][: lines[places[0]].index("-")]
    for verb, from_old, to_old, from_new, to_new in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        added = [f"{margin}- {item}" for item in new[from_new:to_new]]
        if verb == "equal":
            continue
        if to_old - from_old == len(added) == 1:  # a changed value keeps the comment after it
            added[0] += lines[places[from_old]][node.children[from_old][2].end :].rstrip()
        for place in places[from_old:to_old]:
            yield Splice(place, place + 1, depth, [])
        after = places[from_old - 1] + 1 if from_old else places[0]
        yield Splice(after, after, depth, added)


def _same(old: object, new: object) -> bool:
    return scalar(old) == scalar(new)  # True and 1 differ here


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and ":" in value else scalar(value)


def field_lines(name: str, value: object, indent: int = 0) -> list[str]:
    """The lines of one field: maps and lists in block form, text plain or in double quotes."""
    margin = " " * indent
    if isinstance(value, Mapping) and value:
        inner = [line for key, entry in value.items() for line in field_lines(str(key), entry, indent + 2)]
        return [f"{margin}{scalar(name)}:", *inner]
    if isinstance(value, (list, tuple)) and value:
        return [f"{margin}{scalar(name)}:", *(f"{margin}  - {scalar(item)}" for item in value)]
    return [f"{margin}{scalar(name)}: {scalar(value)}"]


def scalar(value: object) -> str:
    """A value as a file contains it, so that YAML 1.1 and 1.2 both read the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        is_plain = (
            _PLAIN.fullmatch(value) and not value.endswith(":") and value not in _ONE_LETTER_WORDS and is_text(value)
        )
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
