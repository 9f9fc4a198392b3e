"""What a check finds in a recipe: its variables, and what bash and shellcheck said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.paths import Paths, bundled_folder
from dvmweb.recipes import Recipe, RecipeCatalog, parse_header
from dvmweb.recipes.checking import Checked, Finding, for_shellcheck, of_bash, of_shellcheck, of_variables
from dvmweb.recipes.variables import reads, sets

HEAD = """#!/usr/bin/env bash
# /// recipe
# summary: A tool
# params:
#   colour: {default: red}
#   api_token: {secret: true}
# ///
"""
READS = 'cat "$DVM_API_TOKEN_FILE" "$DVM_COLOUR" "$DVM_CODE_DIR"\n'


def recipe(text: str) -> Recipe:
    return parse_header("tool", text, Path("tool.sh"), is_local=True)


def found(text: str) -> list[tuple[str, int, str]]:
    return [(one.level, one.line, one.what.split()[0]) for one in of_variables(recipe(text))]


def test_variables_that_are_read_and_set() -> None:
    text = '# $DVM_NO\necho "$DVM_A" ${DVM_B:-x} ${DVM_C:?} ${#DVM_D}; DVM_E=1; for DVM_F in a; do read -r DVM_G; done'
    assert [(one.name, one.line, one.kind) for one in reads(text)] == [
        ("DVM_A", 2, "plain"),
        ("DVM_B", 2, "default"),
        ("DVM_C", 2, "needed"),
        ("DVM_D", 2, "plain"),
    ]
    assert sets(text) == {"DVM_E", "DVM_F", "DVM_G"}


def test_what_is_given_is_no_finding() -> None:
    assert found(HEAD + READS + 'DVM_MINE=1; echo "$DVM_MINE"\n') == []


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('echo "$DVM_COLOR"', "error"),
        ('echo "${DVM_COLOR}"', "error"),
        ('echo "${DVM_COLOR?}"', "error"),
        ('echo "${DVM_COLOR:-}"', "warning"),
        (': "${DVM_COLOR:=1}"; echo "$DVM_COLOR"', "warning"),
        ('echo "$DVM_API_TOKEN"', "error"),  # a secret comes as a file
        ('echo "$DVM_PORTS"', "error"),
    ],
)
def test_a_variable_that_nobody_gives_is_found_with_its_line(line: str, level: str) -> None:
    (one,) = of_variables(recipe(f"{HEAD}{READS}{line}\n"))
    assert (one.level, one.line, one.is_problem) == (level, 9, True)
    assert one.todo


def test_a_param_that_is_not_read_is_a_note() -> None:
    assert [one.level for one in of_variables(recipe(f"{HEAD}true\n"))] == ["note", "note"]


def test_a_recipe_of_bash_dvm_gets_what_it_reads_and_its_secrets_are_told() -> None:
    bare = 'echo "$DVM_NAME" "${DVM_TOOL_PORT:-1}" "$DVM_TOOL_TOKEN" "$DVM_CPUS"\n'
    assert found(bare) == [("error", 1, "DVM_CPUS"), ("note", 0, "DVM_TOOL_TOKEN")]


def test_no_bundled_recipe_reads_what_nobody_gives(paths: Paths) -> None:
    catalog = RecipeCatalog(replace(paths, bundled=bundled_folder()))
    wrong = {name: [one.what for one in of_variables(catalog.load(name)) if one.is_problem] for name in catalog.names()}
    assert not {name: what for name, what in wrong.items() if what}


def test_the_words_of_bash() -> None:
    said = "bash: line 3: syntax error near unexpected token `fi'\nbash: line 3: `fi'\nbash: line 9: warning: x\n"
    assert [(one.line, one.what) for one in of_bash(said)] == [
        (3, "syntax error near unexpected token `fi'"),
        (9, "warning: x"),
    ]
    assert of_bash("") == ()


def test_the_words_of_shellcheck() -> None:
    comment = {"file": "-", "line": 4, "level": "info", "code": 2086, "message": "Double\x1b quote"}
    (one,) = of_shellcheck(json.dumps({"comments": [comment]}).encode()) or ()
    assert (one.level, one.line, one.code, one.is_problem) == ("note", 4, "SC2086", False)
    assert "\x1b" not in one.what


@pytest.mark.parametrize("said", [b"", b"[]", b'{"comments": [{}]}', b'{"comments": 1}', b"[" * 9999])
def test_what_is_not_shellchecks_is_no_all_clear(said: bytes) -> None:
    assert of_shellcheck(said) is None


def test_the_library_is_named_and_no_line_moves() -> None:
    text = 'set -e\n. "$DVM_LIB"\n  source ${DVM_LIB}\necho "$DVM_LIB"\n'
    assert for_shellcheck(text) == 'set -e\n. _lib.sh\n  source _lib.sh\necho "$DVM_LIB"\n'


def test_the_verdict_is_never_green_where_something_was_not_looked_at() -> None:
    note, problem = Finding("note", "bash", "x"), Finding("warning", "bash", "x")
    assert Checked("a", ()).words == "no problems found"
    assert Checked("a", (), ("shellcheck was not run.",)).words == "no problems found, some checks did not run"
    assert Checked("a", (note, problem, problem)).words == "2 problems and 1 note"
