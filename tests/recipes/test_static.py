"""What every bundled recipe is held to before it runs anywhere: header, grammar, shellcheck, variables, length."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dvmweb.paths import Paths, bundled_folder
from dvmweb.recipes import RecipeCatalog
from dvmweb.recipes.model import OUR_VARIABLES
from dvmweb.recipes.variables import reads, sets
from dvmweb.verbs.recipes import RecipeLibrary
from dvmweb.verbs.recipes.shell_checks import Programs
from tests.needs import needs
from tests.places import GUEST, RECIPES, SCRIPTS

MOST_LINES = 85
# Set by bash or by every login; another one may be missing, and `set -u` then ends the recipe.
ALWAYS_SET = frozenset("HOME PATH PWD UID EUID IFS BASHPID BASH_SOURCE PIPESTATUS RANDOM SECONDS".split())  # noqa: SIM905
BARE = re.compile(r"\$(?:\{([A-Z][A-Z0-9_]*)(?=[}/#%^,\[])|([A-Z][A-Z0-9_]*))")
NAMES = sorted(file.stem for file in RECIPES.glob("*/*.sh"))
OURS = sorted([*RECIPES.glob("_*.sh"), *GUEST.rglob("*.sh")])


@pytest.fixture
def bundled(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path / "config", tmp_path / "state", tmp_path / "lima", bundled_folder(), is_demo=True)


@pytest.mark.slow  # a second and a half of shellcheck for each; `make check` reads them too
@needs("shellcheck")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_in_a_bundled_recipe(bundled: Paths, name: str) -> None:
    checked = RecipeLibrary(bundled, os.environ).check(name)
    assert checked.findings == ()
    assert checked.not_run == ()


@needs("shellcheck")
def test_shellcheck_reads_no_file_that_a_recipe_names(bundled: Paths, tmp_path: Path) -> None:
    """With its -x it reads /dev/zero until no memory is left, and a pipe for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "other").write_text("echo $HOME\n", "ascii")
    words = f'# shellcheck source=/dev/zero\n. "$1"\n. {tmp_path}/pipe\n. {tmp_path}/other\n'
    text = f'. "$DVM_LIB"\nsay hello\n{words}echo $2\n'
    said = Programs(bundled, os.environ).shellcheck(text)
    assert ([(found.code, found.line) for found in said.findings], said.not_run) == ([("SC2086", 7)], "")


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_recipe_says_what_it_is_and_how_one_knows_that_it_is_there(bundled: Paths, name: str) -> None:
    recipe = RecipeCatalog(bundled).load(name)
    assert recipe.summary
    assert recipe.category != "other"
    assert recipe.probe
    assert name == "baseline" or recipe.needs, "a recipe that uses _lib.sh needs what baseline brings"
    assert all(param.label != param.name for param in recipe.params), "a form shows the label"
    lines = recipe.text.splitlines()
    assert len(lines) <= MOST_LINES
    assert "set -euo pipefail" in lines


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_recipe_reads_no_variable_that_may_be_missing(bundled: Paths, name: str) -> None:
    recipe = RecipeCatalog(bundled).load(name)
    code = "\n".join(line for line in recipe.text.splitlines() if not line.lstrip().startswith("#"))
    found = {one or other for one, other in BARE.findall(_without_heredocs_and_single_quotes(code))}
    known = {*ALWAYS_SET, *sets(recipe.text), *re.findall(r"\b([A-Z][A-Z0-9_]*)=", code)}
    known |= {"DVM_LIB", "DVM_INSTANCE", "DVM_CODE_DIR", *(param.variable for param in recipe.params)}
    assert found <= known, f"not set for sure: {sorted(found - known)}"


def _without_heredocs_and_single_quotes(code: str) -> str:
    """What the shell expands: the body of <<'WORD' and text in single quotes stay as they are."""
    code = re.sub(r"<<-?'(\w+)'.*?^\s*\1$", "", code, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"'[^'\n]*'", "''", code)


@pytest.mark.parametrize("script", OURS, ids=lambda script: str(script.name))
def test_our_scripts_read_only_variables_that_a_plan_gives(script: Path) -> None:
    text = script.read_text()
    plans = "".join(file.read_text() for file in (GUEST.parent / "plans").glob("*.py"))
    given = {"DVM_LIB", *re.findall(r"DVM_[A-Z_]+", plans), *sets(text)}
    assert {read.name for read in reads(text) if read.kind == "plain"} <= given


@pytest.mark.parametrize("script", [SCRIPTS / "apply.sh", *RECIPES.glob("_*.sh")], ids=lambda script: str(script.name))
def test_no_param_can_take_a_variable_of_what_runs_recipes(script: Path) -> None:
    text = script.read_text()
    assert {read.name for read in reads(text)} - sets(text) <= OUR_VARIABLES
