"""Types of params: what a header can say, which values fit, and that a type alone does not run a recipe again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.errors import ConfigError
from dvmweb.recipes import Recipe, parse_header
from dvmweb.recipes.model import CHOICE, NUMBER, TEXT, YES_NO
from dvmweb.recipes.param_types import untyped
from dvmweb.recipes.selection import param_values, recipe_hash, validate_params
from tests.places import RECIPES

HEADER = "#!/bin/sh\n# /// recipe\n# summary: x\n# params:\n{}\n# ///\necho ', type: number}}'\n"


def parsed(*params: str) -> Recipe:
    text = HEADER.format("\n".join(f"#   {one}" for one in params))
    return parse_header("one", text, Path("one.sh"), is_local=True)


def test_the_header_says_the_type_of_a_param() -> None:
    recipe = parsed(
        'bypass: {label: Bypass, default: "1", type: yes-no}',
        'port: {default: "8080", type: number}',
        "size: {default: small, choices: [small, large]}",
        "name: {label: Name}",
    )
    assert [param.kind for param in recipe.params] == [YES_NO, NUMBER, CHOICE, TEXT]
    assert recipe.params[2].choices == ("small", "large")


@pytest.mark.parametrize(
    ("param", "what"),
    [
        ("a: {type: bool}", "unknown value 'bool'"),
        ("a: {type: number, default: many}", "the default does not fit the type"),
        ('a: {type: yes-no, default: "2"}', "the default does not fit the type"),
        ("a: {choices: [one, two], default: three}", "the default does not fit the type"),
        ("a: {choices: [one]}", "these are not the choices of a param"),
        ("a: {choices: [one, one]}", "these are not the choices of a param"),
        ("a: {choices: [one, two], type: text}", "these are not the choices of a param"),
        ("a: {choices: one}", "this is not a list"),
        ("a: {secret: true, type: number}", "a secret cannot have a type or choices"),
    ],
)
def test_a_type_that_cannot_be_used_is_an_error_at_its_line(param: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(param)
    assert any(what in problem.what and problem.line == 5 for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("param", "good", "bad"),
    [
        ("a: {type: yes-no}", [True, False, 0, 1, "0", "1", "yes", "no", "true", "false", ""], [2, "maybe", "Yes"]),
        ("a: {type: number}", [0, 8080, "8080", "-1", ""], ["many", "1.5", "0x10", "9" * 16]),
        ("a: {choices: [one, two]}", ["one", "two", ""], ["three", "One", 1]),
        ("a: {label: A}", ["any text", 1, True], []),
    ],
)
def test_a_value_fits_its_type_or_is_a_problem(param: str, good: list[object], bad: list[object]) -> None:
    recipe = parsed(param)
    assert not [value for value in good if validate_params(recipe, {"a": value})]
    assert not [value for value in bad if not validate_params(recipe, {"a": value})]


def test_yes_and_no_reach_the_script_as_1_and_0() -> None:
    recipe = parsed("a: {type: yes-no}", "b: {label: B}")
    for value, told in ((True, "1"), ("yes", "1"), ("1", "1"), (False, "0"), ("no", "0"), ("", "")):
        assert param_values(recipe, {"a": value})["a"] == told
    assert param_values(recipe, {"b": "yes"})["b"] == "yes"


def test_a_type_alone_does_not_run_a_recipe_again() -> None:
    before = parsed('bypass: {label: Bypass, default: "1"}', "b:", "  label: B")
    types = ('bypass: {label: Bypass, default: "1", type: yes-no}', "b:", "  label: B", "  choices: [c, d]")
    assert recipe_hash(before, "", {}) == recipe_hash(parsed(*types), "", {})
    for other in ("label: Bypass, default: '0'", "label: Other"):
        changed = parsed(f"bypass: {{{other}}}", "b:", "  label: B")
        assert recipe_hash(before, "", {}) != recipe_hash(changed, "", {})


def test_only_the_header_is_read_for_types() -> None:
    text = parsed("a: {label: A, type: number}").text
    assert untyped(text).endswith("echo ', type: number}'\n")
    assert untyped("# type: number\ntrue\n") == "# type: number\ntrue\n"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*/*.sh")), ids=lambda path: path.stem)
def test_every_param_that_is_0_or_1_is_a_switch(path: Path) -> None:
    recipe = parse_header(path.stem, path.read_text(), path, is_local=False)
    for param in recipe.params:
        assert (param.default in ("0", "1")) == (param.kind == YES_NO), param.name
        assert "type:" not in untyped(recipe.text).partition("\n# ///\n")[0]
