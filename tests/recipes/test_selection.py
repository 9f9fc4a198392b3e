"""Order, params and hash of the recipes of one VM."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvmweb.errors import ConfigError
from dvmweb.paths import Paths
from dvmweb.recipes import (
    Recipe,
    RecipeCatalog,
    order,
    param_values,
    parse_header,
    recipe_hash,
    secret_params,
    validate_params,
)
from tests.places import TOP


def catalog_of(paths: Paths, needs: Mapping[str, str]) -> RecipeCatalog:
    for name, needed in needs.items():
        text = f"# /// recipe\n# needs: [{needed}]\n# ///\n"
        (paths.bundled_recipes / "shell" / f"{name}.sh").write_text(text)
    return RecipeCatalog(paths)


def names(recipes: tuple[Recipe, ...]) -> list[str]:
    return [recipe.name for recipe in recipes]


def test_needs_come_first_and_the_order_given_stays(paths: Paths) -> None:
    catalog = catalog_of(paths, {"baseline": "", "z": "m, a", "m": "baseline", "a": "", "b": ""})
    assert names(order(["z", "b", "a"], catalog)) == ["baseline", "m", "a", "z", "b"]
    assert names(order(["b", "a", "b"], catalog)) == ["baseline", "b", "a"]
    assert names(order([], catalog)) == ["baseline"]


def test_without_baseline_its_needs_go_too(paths: Paths) -> None:
    catalog = catalog_of(paths, {"baseline": "", "m": "baseline"})
    assert names(order(["m"], catalog, has_baseline=False)) == ["m"]
    assert names(order(["m", "baseline"], catalog, has_baseline=False)) == ["m", "baseline"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["a"], "a -> b -> c -> a"),
        (["nobody"], "'nobody'"),
        (["a\nb"], r"a\\x0ab"),
        (["lost"], "'gone'"),
        (["self"], "self needs itself"),
    ],
)
def test_c13_circles_and_unknown_names_are_errors(paths: Paths, wanted: list[str], said: str) -> None:
    catalog = catalog_of(paths, {"baseline": "", "a": "b", "b": "c", "c": "a", "lost": "gone", "self": "self"})
    with pytest.raises(ConfigError) as raised:
        order(wanted, catalog)
    assert said in str(raised.value)
    assert len(raised.value.problems) == 1
    if wanted == ["lost"]:
        assert raised.value.problems[0].file == str(paths.bundled_recipes / "shell" / "lost.sh")


def test_all_bad_names_are_told_at_once(paths: Paths) -> None:
    with pytest.raises(ConfigError) as raised:
        order(["x", "y", "x"], catalog_of(paths, {"baseline": ""}))
    assert [problem.field for problem in raised.value.problems] == ["recipes", "recipes"]


def test_a_very_long_row_is_an_error_not_a_crash(paths: Paths) -> None:
    chain = {f"r{number}": f"r{number + 1}" for number in range(900)}
    with pytest.raises(ConfigError, match="more than 50 recipes"):
        order(["r0"], catalog_of(paths, {**chain, "baseline": ""}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3, unique=True)),
    st.permutations("abcdef"),
)
def test_every_order_is_complete_and_has_needs_first(
    paths: Paths, needs: dict[str, list[str]], wanted: list[str]
) -> None:
    graph = {name: [need for need in needs.get(name, []) if need > name] for name in "abcdef"}  # no circles
    catalog = catalog_of(paths, {name: ", ".join(found) for name, found in graph.items()} | {"baseline": ""})
    found = names(order(wanted, catalog))
    assert sorted(found) == ["a", "b", "baseline", "c", "d", "e", "f"]
    for name, needed in graph.items():
        assert all(found.index(need) < found.index(name) for need in needed)


RECIPE = parse_header(
    "node",
    "# /// recipe\n# params: {version: {default: '1'}, fast: {}, token: {secret: true}}\n# ///\n",
    Path("/shelf/node.sh"),
    is_local=False,
)


def test_param_values_have_defaults_and_no_secrets() -> None:
    assert param_values(RECIPE, {"fast": True, "token": "canary"}) == {"version": "1", "fast": "1"}
    assert param_values(RECIPE, {"version": 22, "fast": False}) == {"version": "22", "fast": "0"}
    assert [param.variable for param in secret_params(RECIPE)] == ["DVM_TOKEN_FILE"]


@pytest.mark.parametrize("value", ["1.0", "", "ü $(x) ; `y`", 22, True])
def test_good_params(value: object) -> None:
    assert validate_params(RECIPE, {"version": value}) == ()


@pytest.mark.parametrize(
    ("given_params", "said"),
    [
        ({"colour": "red"}, "Its params are: version, fast, token."),
        ({"token": "canary"}, "--secret token=-"),
        ({"version": 1.5}, "whole number"),
        ({"version": ["a"]}, "whole number"),
        ({"version": None}, "whole number"),
        ({"version": "a\nb"}, "one line"),
        ({"version": "a\x1b"}, "one line"),
        ({"version": "a" * 4097}, "one line"),
        ({"a\nb": "x"}, "Its params are"),
    ],
)
def test_bad_params(given_params: dict[str, object], said: str) -> None:
    (problem,) = validate_params(RECIPE, given_params)
    assert said in problem.todo
    assert problem.field.startswith("params.node.")
    assert "canary" not in str(problem)
    assert "\n" not in str(problem)


def test_the_hash_follows_script_library_and_params() -> None:
    base = recipe_hash(RECIPE, "library", {"version": "1", "fast": ""})
    assert len(base) == 64
    assert base == recipe_hash(RECIPE, "library", {"fast": "", "version": "1"})
    others = {
        recipe_hash(replace(RECIPE, text=RECIPE.text + "#"), "library", {"version": "1", "fast": ""}),
        recipe_hash(RECIPE, "another", {"version": "1", "fast": ""}),
        recipe_hash(RECIPE, "library", {"version": "2", "fast": ""}),
        recipe_hash(RECIPE, "library", {"version": "", "fast": "1"}),
        recipe_hash(RECIPE, "library", {"version": "1", "fast": ""}, "node\t1\n"),
    }
    assert len(others | {base}) == 6
    assert base == recipe_hash(replace(RECIPE, path=Path("/x")), "library", {"version": "1", "fast": ""})


def test_importing_recipes_loads_no_yaml() -> None:
    code = "import sys, dvmweb.recipes; sys.exit('yaml' in sys.modules)"
    top = str(TOP)
    subprocess.run((sys.executable, "-c", code), env=os.environ | {"PYTHONPATH": top}, check=True)
