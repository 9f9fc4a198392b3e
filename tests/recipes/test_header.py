"""The header block: what it may hold, and every hostile one of threats.md C13."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import ConfigError, Problem
from dvmweb.recipes import Recipe, parse_header

WHOLE = """#!/usr/bin/env bash
# /// recipe
# summary: Node.js with npm
# category: language
# needs: [baseline, git]
# params:
#   corepack_version: {label: Corepack version, default: 0.10, help: A version}
#   npm_token:
#     secret: true
#   tunnel_token: {secret: kept}
# ports: [3000, 65535]
# units: [dvm-node, "node@1"]
# probe: node --version
# moving: true
# ///
echo hello
"""


def parse(text: str) -> Recipe:
    return parse_header("node", text, Path("/shelf/node.sh"), is_local=True)


def header(*lines: str) -> str:
    return "\n".join(("#!/bin/bash", "# /// recipe", *(f"# {line}" for line in lines), "# ///", "true", ""))


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as raised:
        parse(text)
    return raised.value.problems


def test_a_whole_header() -> None:
    recipe = parse(WHOLE)
    assert (recipe.summary, recipe.category, recipe.needs) == ("Node.js with npm", "language", ("baseline", "git"))
    assert (recipe.ports, recipe.probe, recipe.moving) == ((3000, 65535), "node --version", True)
    assert recipe.units == ("dvm-node", "node@1")
    version, token, kept = recipe.params
    assert (version.name, version.label, version.help) == ("corepack_version", "Corepack version", "A version")
    assert version.default == "0.10", "a version is text, not the number 0.1"
    assert (version.variable, token.variable) == ("DVM_COREPACK_VERSION", "DVM_NPM_TOKEN_FILE")
    assert (token.label, token.secret, token.is_kept) == ("Npm token", True, False)
    assert (kept.variable, kept.secret, kept.is_kept) == ("DVM_TUNNEL_TOKEN_FILE", True, True)


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("#!/usr/bin/env bash\n# Installs my tools.\necho\n", "Installs my tools."),
        ("#!/bin/bash\n# shellcheck disable=SC1091\n#\n#  Second line\n", "Second line"),
        ("#!/bin/bash\nset -e\n# too late\n", ""),
        ("echo no comment at all\n", ""),
        ("", ""),
        ("# a\x1b[31m\u202eb\n", r"a\x1b[31m\u202eb"),
    ],
)
def test_a_recipe_without_a_header_works(text: str, summary: str) -> None:
    recipe = parse(text)
    assert (recipe.summary, recipe.category, recipe.needs, recipe.probe) == (summary, "other", (), "")


def test_files_of_ours_that_lie_beside_it() -> None:
    assert parse(header("files: [launcher.py, b_c.sh, launcher.py]")).files == ("launcher.py", "b_c.sh")


def test_an_empty_header_is_a_header() -> None:
    assert parse(header()).params == ()
    assert parse("#!/bin/bash\n# Words\n# /// recipe\n# ///\n").summary == "Words"


@pytest.mark.parametrize(
    ("lines", "field", "line"),
    [
        (["summary: a", "colour: red"], "header", 4),
        (["just text"], "header", 3),
        (["- a", "- b"], "header", 3),
        (["summary: '<b>bold</b>'"], "summary", 3),
        (["params:", '  a: {label: "\\"><script>"}'], "params.a.label", 4),
        (["summary: [a]"], "summary", 3),
        (['summary: "a\\u202eb"'], "summary", 3),
        (['summary: "a\\nb"'], "summary", 3),
        (["summary: " + "x" * 201], "summary", 3),
        (["category: games"], "category", 3),
        (["needs: baseline"], "needs", 3),
        (["needs: [../x]"], "needs", 3),
        (["needs: [{a: b}]"], "needs", 3),
        (["needs: [node]"], "needs", 3),
        (["ports: [0]"], "ports", 3),
        (["ports: [65536]"], "ports", 3),
        (["ports: [" + "9" * 5000 + "]"], "ports", 3),
        (["ports: [[1]]"], "ports", 3),
        (["probe: |", "  one", "  two"], "probe", 3),
        (["moving: yes"], "moving", 3),
        (["moving: 'true'"], "moving", 3),
        (["files: launcher.py"], "files", 3),
        (["files: [_lib.sh]"], "files", 3),
        (["files: [../x.py]"], "files", 3),
        (["files: [agent]"], "files", 3),
        (["params: [a]"], "params", 3),
        (["params: {A: {}}"], "params.A", 3),
        (["params: {a: text}"], "params.a", 3),
        (["params: {a: {secret: maybe}}"], "params.a.secret", 3),
        (["params: {a: {secret: kept, default: x}}"], "params.a.default", 3),
        (["units: [-f]"], "units", 3),
        (["units: ['a b']"], "units", 3),
        (["units: [a.service]"], "units", 3),
        (["params: {a: {secret: true, default: x}}"], "params.a.default", 3),
        (["params: {a: {kind: int}}"], "params.a", 3),
        (["params: {a: {type: int}}"], "params.a.type", 3),
        (["params: {code_dir: {}}"], "params.code_dir", 3),
        (["params: {identity: {secret: true}}"], "params.identity", 3),
        (["params: {a: {secret: true}, a_file: {}}"], "params.a", 3),
    ],
)
def test_c13_each_bad_field_is_named_with_its_line(lines: list[str], field: str, line: int) -> None:
    first = problems(header(*lines))[0]
    assert (first.field, first.file, first.line) == (field, "/shelf/node.sh", line)
    assert first.what
    assert first.todo


def test_all_problems_come_at_once() -> None:
    found = problems(header("category: x", "ports: [0]", "moving: 1"))
    assert [problem.field for problem in found] == ["category", "ports", "moving"]


BOMB = ["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))]


@pytest.mark.parametrize(
    "text",
    [
        header(*BOMB),
        header("summary: &a [*a]"),
        header("summary: !!python/object/apply:os.system [id]"),
        header("summary: !x y"),
        header("summary: a", "summary: b"),
        header("? [a, b]", ": c"),
        header("summary: " + "[" * 3000),
        header("summary: " + "[" * 21 + "]" * 21),
        header("params:", *(f"  p{number}: {{}}" for number in range(10_000))),
        header("params:", *(f"  p{number}: {{}}" for number in range(51))),
        header("needs: [" + "a, " * 1000 + "a]"),
        header("summary: a", "---", "summary: b"),
        header("summary: 'open"),
        header("\tsummary: a"),
        header("summary: a\u2028category: base"),
        header("summary: a\x00"),
        "# /// recipe\n# summary: a\n",
        "# /// recipe\n# summary: a\n\n# ///\n",
        "# /// recipe\nsummary: a\n# ///\n",
        "# /// recipe\n#summary: a\n# ///\n",
        "echo code\n# /// recipe\n# ///\n",
        header("summary: a") * 2,
    ],
    ids=lambda text: repr(text[:60]),
)
def test_c13_a_hostile_header_is_one_error_soon(text: str) -> None:
    before = time.process_time()
    assert len(problems(text)) == 1
    assert time.process_time() - before < 2  # a bomb would take minutes


@given(st.text(max_size=300))
def test_no_header_can_do_more_than_fail(text: str) -> None:
    try:
        recipe = parse(f"# /// recipe\n{text}\n# ///\n")
    except ConfigError as error:
        assert error.problems  # noqa: PT017
    else:
        assert recipe.needs == ()
        assert "\n" not in recipe.summary + recipe.probe


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="<>"), max_size=100))
def test_a_quoted_text_comes_back_as_it_was(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert parse(header(f"params: {{a: {{default: {quoted}}}}}")).params[0].default == text
