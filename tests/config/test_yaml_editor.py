"""Changing fields of a file that a person wrote: the wish comes true, and every other line stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.config import yaml_reader
from dvmweb.config.yaml_editor import edited, field_lines, scalar
from dvmweb.errors import UsageError
from tests.config.given import CONFIGS, TEXTS


def edit(source: str, **changes: object) -> str:
    return edited(source, yaml_reader.read(source.encode(), "f"), changes)


SOURCE = """\
# top comment

cpus: 2   # two
# my repository
repo:  "https://x/y"   # eol

# ports of the web
ports:  # listed
    # first
    - 3000  # web
    # second
    - 4000

# after ports
recipes: [git,   node]  # flow
params:
    # of node
    node:
        a: "1"   # a
        # b is next
        b: 2
user: dev
# tail
"""


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({"cpus": 4}, "cpus: 2   # two", "cpus: 4   # two"),
        ({"cpus": 2}, "", ""),
        ({"repo": None}, 'repo:  "https://x/y"   # eol\n', ""),
        ({"repo": "git@h:a"}, 'repo:  "https://x/y"   # eol', "repo: git@h:a   # eol"),
        ({"ports": [3000]}, "    - 4000\n", ""),
        ({"ports": [4000]}, "    - 3000  # web\n", ""),
        ({"ports": [3000, 3500, 4000]}, "    - 3000  # web\n", "    - 3000  # web\n    - 3500\n"),
        ({"ports": ["8080:80", 4000]}, "    - 3000  # web\n", '    - "8080:80"  # web\n'),
        ({"ports": [1, 3000, 4000]}, "    - 3000  # web\n", "    - 1\n    - 3000  # web\n"),
        ({"recipes": ["node", "zsh"]}, "[git,   node]", "[node, zsh]"),
        ({"recipes": []}, "[git,   node]", "[]"),
        ({"params": {"node": {"a": "no", "b": 2}}}, 'a: "1"', 'a: "no"'),
        ({"params": {"node": {"a": "1"}}}, "        b: 2\n", ""),
        ({"params": {"node": {"a": "1", "b": 2, "c": True}}}, "b: 2\n", "b: 2\n        c: true\n"),
        ({"params": {"node": {"a": "1", "b": 2}, "git": {"k": 1}}}, "b: 2\n", "b: 2\n    git:\n      k: 1\n"),
        ({"image": "debian-13", "arch": "x86_64"}, "user: dev\n", "user: dev\nimage: debian-13\narch: x86_64\n"),
    ],
)
def test_only_the_lines_of_a_changed_field_are_touched(changes: dict[str, object], old: str, new: str) -> None:
    assert edit(SOURCE, **changes) == SOURCE.replace(old, new, 1)


def test_a_list_that_becomes_empty_keeps_its_comments() -> None:
    result = edit(SOURCE, ports=[])
    assert "    # first\n    # second\nports: []\n\n# after ports\n" in result


def test_a_new_field_stands_below_its_commented_default() -> None:
    assert edit("# About.\n# cpus: 2\n\n# tail\n", cpus=4) == "# About.\n# cpus: 2\ncpus: 4\n\n# tail\n"
    assert edit("a: x\n# cpus: 2\n\nb: |\n  # cpus: 2\n", cpus=4) == "a: x\n# cpus: 2\ncpus: 4\n\nb: |\n  # cpus: 2\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", "cpus: 4\n"),
        ("# c", "# c\ncpus: 4\n"),
        ("user: dev", "user: dev\ncpus: 4\n"),
        ("user: dev\r\n# c\r\n", "user: dev\r\ncpus: 4\r\n# c\r\n"),
        ("---\nuser: dev\n...\n", "---\nuser: dev\ncpus: 4\n...\n"),
        ("  user: dev\n", "  user: dev\n  cpus: 4\n"),
        ("user: dev\ncpus:   # how many\n", "user: dev\ncpus: 4   # how many\n"),
        ("cpus:\n  # c\n  2\nuser: dev\n", "cpus: 4\nuser: dev\n"),
    ],
)
def test_odd_layouts(source: str, expected: str) -> None:
    assert edit(source, cpus=4) == expected


def test_fields_in_braces_are_not_edited() -> None:
    with pytest.raises(UsageError, match="in braces"):
        edit("{cpus: 2}", cpus=4)


@given(TEXTS)
def test_c05_every_text_is_read_back_as_the_same_text(value: str) -> None:
    for source in (f"a: {scalar(value)}\n", f"a:\n  - {scalar(value)}\n"):
        assert yaml_reader.read(source.encode(), "f").data in ({"a": value}, {"a": [value]})


COMMENTS = st.sampled_from(["", "", "# x: y", "# - z", "#", "# cpus: 3"])


@st.composite
def files_with_comments(draw: st.DrawFn) -> str:
    """A valid config as a person may have laid it out, with comments between all lines."""
    lines = []
    for name, value in draw(st.permutations(list(draw(CONFIGS).items()))):
        lines.append(draw(COMMENTS))
        for line in field_lines(name, value):
            lines += [line + draw(st.sampled_from(["", "  # eol"])), draw(COMMENTS)]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@given(files_with_comments(), CONFIGS, st.data())
def test_any_edit_gives_the_wish_and_keeps_the_comments(
    source: str, desired: dict[str, object], data: st.DataObject
) -> None:
    old = yaml_reader.read(source.encode(), "f").data
    removed = data.draw(st.sets(st.sampled_from(sorted(old)))) if old else set()
    changes = {**dict.fromkeys(removed), **desired}
    result = edited(source, yaml_reader.read(source.encode(), "f"), changes)
    expected = {name: value for name, value in {**old, **changes}.items() if value is not None}
    assert yaml_reader.read(result.encode(), "f").data == expected
    assert edited(result, yaml_reader.read(result.encode(), "f"), desired) == result
    touched = set(changes)
    kept = [line for line in _outside(source, touched) if line]
    left = iter(result.split("\n"))
    assert all(line in left for line in kept)  # in the same order


def _outside(source: str, touched: set[str]) -> list[str]:
    """The lines of `source` that belong to no touched field."""
    document = yaml_reader.read(source.encode(), "f")
    inside: set[int] = set()
    for name, line, node in document.root.children if document.root else ():
        if name in touched:
            inside |= set(range(line - 1, node.last))
    return [line for index, line in enumerate(source.split("\n")) if index not in inside]
