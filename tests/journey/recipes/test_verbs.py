"""`dvm recipe` as a process: what it lists, makes, forks and finds, and how a recipe stands in a VM."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.journey.driver import User
from tests.needs import need

COLOUR = "params:\n  colour: {default: red}"


def listed(user: User, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = user.dvm("recipe ls --json").json
    return next(one for one in found if one["name"] == name)


def without_shellcheck(folder: Path) -> str:
    """A PATH with bash and no shellcheck."""
    folder.mkdir()
    (folder / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    return str(folder)


def test_new_fork_and_check(user: User) -> None:
    user.dvm("recipe new mine").succeeds().prints("dvm recipe check mine")
    user.dvm("recipe new mine").exits("usage error")
    user.dvm("recipe new node").exits("usage error")  # it would hide the bundled one unseen
    user.dvm("recipe fork nothing").exits("not found")
    user.dvm("recipe fork node").succeeds()
    user.dvm("recipe fork node").exits("usage error")
    one = listed(user, "node")
    assert (one["from"], one["changed"], one["forked"]["bundled_has_changed"]) == ("local over bundled", False, False)
    user.dvm("recipe show node --diff").succeeds().prints("has the same code as the bundled one")
    user.dvm("recipe check mine node").succeeds().prints("node: no problems found")

    file = user.paths.local_recipes / "node.sh"
    file.write_text(file.read_text().replace("0.34.0", "0.99.0"))
    user.dvm("recipe show node --diff").succeeds().prints('+#     default: "0.99.0"')
    user.dvm("recipe ls").succeeds().prints("local over bundled (changed)")
    user.dvm("recipe show node --bundled").succeeds().prints("0.34.0")
    file.write_text(file.read_text().replace(listed(user, "node")["forked"]["digest"], "0" * 64))
    assert listed(user, "node")["forked"]["bundled_has_changed"]


def test_show_tells_all_that_a_header_says(user: User) -> None:
    user.has_recipe("tool", 'echo "$DVM_COLOUR"', f"{COLOUR}\nports: [8080]\nprobe: tool -V")
    user.vm("app").has_config("recipes: [tool]\n")
    shown = user.dvm("recipe show tool").succeeds()
    shown.prints("The recipe tool", "local: /", "8080", "tool -V", "default 'red'; $DVM_COLOUR")
    shown.prints("app, by name: not applied")
    user.dvm("recipe show nothing").exits("not found")


@pytest.mark.slow
def test_check_finds_each_kind_with_its_line(user: User) -> None:
    user.has_recipe("tool", 'echo "$DVM_COLOR" $DVM_COLOUR\nif true; then', COLOUR)
    (user.paths.local_recipes / "odd.sh").write_text("# /// recipe\n# needs: [odd]\n# ///\n")
    user.vm("app").has_config("recipes: [tool]\nparams: {tool: {size: 1}}\n")
    lines = user.dvm("recipe check tool odd").fails().out.splitlines()
    for start in (
        "tool:7: error: DVM_COLOR is not a param",
        "tool: error: app: params.tool.size",
        "odd:2: error",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert any("[bash]" in line and "syntax error" in line for line in lines)
    assert json.loads(user.dvm("recipe check --json tool").out)[0]["problems"] >= 3
    user.dvm("recipe check nothing").exits("not found")


def test_check_uses_shellcheck_and_says_where_it_is_not(user: User, tmp_path: Path) -> None:
    user.has_recipe("tool", '. "$DVM_LIB"\ncd $DVM_COLOUR', COLOUR)
    none = without_shellcheck(tmp_path / "bin")
    unchecked = user.dvm("recipe check tool", PATH=none).succeeds()
    unchecked.prints("some checks did not run", "shellcheck was not run")
    need("shellcheck")
    checked = user.dvm("recipe check tool").fails().prints("tool:8: warning: ", "SC2164")
    checked.never_says("SC1090", "some checks")  # the library was found


def test_check_runs_nothing_of_a_recipe(user: User, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    recipe = user.has_recipe("tool", f"touch {mark}\n$(touch {mark})", COLOUR)
    user.dvm("recipe check tool", BASH_ENV=str(recipe))
    assert not mark.exists()


def test_which_vms_use_a_recipe_and_how(user: User) -> None:
    user.has_recipe("tool", "true", COLOUR)
    user.has_recipe("other", "true", "needs: [tool]")
    user.vm("a").has_config("recipes: [web]\n")
    user.vm("b").has_config("recipes: [other]\n")
    user.vm("broken").has_config("cpus: -1\n")
    user.paths.config_file.write_text("bundles: {web: [tool]}\n")
    ways = {use["name"]: use["how"] for use in listed(user, "tool")["vms"]}
    assert ways == {"a": "in the bundle web", "b": "needed by other"}


def test_recipes_are_listed_without_an_engine(user: User) -> None:
    user.vm("app").has_config("recipes: [git]\n")
    found = user.dvm("recipe ls --json", DVM_ENGINE="lima", DVM_LIMACTL="/nope/limactl").warns("not known")
    assert {one["name"] for one in found.json} >= {"git", "node"}


@pytest.mark.slow
@pytest.mark.usefixtures("guests_work")
def test_how_a_recipe_stands_is_what_the_guest_told_last(user: User) -> None:
    file = user.has_recipe("tool", 'echo "$DVM_COLOUR"', COLOUR)
    text = file.read_text()
    old = user.paths.local_recipes / "old.sh"  # as for bash DVM
    old.write_text('echo "$DVM_NAME ${DVM_OLD_WORD:-none}" >told\n')
    app = user.vm("app").has_config("baseline: false\nrecipes: [tool, old]\nparams: {old: {old_word: given}}\n")

    def standing() -> tuple[str, str]:
        (use,) = listed(user, "tool")["vms"]
        return use["standing"], use["note"] or ""

    assert standing() == ("not applied", "the VM is not created")
    user.dvm("sync app").succeeds()
    assert standing()[0] == "applied"
    assert app.runs("cat ~/told") == "app given\n"
    app.has_config("baseline: false\nrecipes: [tool]\nparams: {tool: {colour: blue}}\n")
    assert standing()[0] == "changed since it was applied"
    user.dvm("sync app").succeeds()
    assert standing()[0] == "applied"
    file.write_text(f"{text}exit 3\n")
    assert standing()[0] == "changed since it was applied"
    user.dvm("sync app").fails()
    assert standing() == ("not known", "the guest was not checked")  # half-way is not applied, and nobody looked
    user.dvm("sync app").fails()
    file.write_text(f"{text}true\n")
    user.dvm("sync app").succeeds()
    user.dvm("stop app").succeeds()
    word, note = standing()
    assert word == "not known"
    assert "is not running; applied, as of" in note
    user.dvm("start app").succeeds()
    word, note = standing()
    assert word == "not known"
    assert "not checked since the VM was started" in note


def test_a_config_dir_that_is_closed_is_told(user: User) -> None:
    folder = user.paths.local_recipes
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    user.dvm("recipe new mine").exits("usage error").warns("chmod 700")
    assert list(folder.iterdir()) == []


def test_a_local_recipe_is_edited_and_deleted(user: User) -> None:
    file = user.has_recipe("mine", "say hello")
    user.dvm("init app --recipe mine").succeeds()
    user.dvm("recipe edit node").exits("usage error", "node is a bundled recipe.", "dvm recipe fork node")
    user.dvm("recipe edit mine").exits("usage error", "An editor needs a terminal.", str(file))
    user.dvm("recipe edit other").exits("not found")
    user.dvm("recipe rm node").exits("usage error", "node is a bundled recipe: it cannot be deleted.")
    user.dvm("recipe rm mine").exits("usage error", "Used by app; their configs have an error then.", "--yes")
    assert file.exists()
    asked = user.at_terminal("recipe rm mine")
    asked.waits_for("permanently?")
    asked.types("n")
    asked.ends("failed")
    assert file.exists()
    user.dvm("recipe rm mine --yes").succeeds().prints(f"Deleted {file}")
    assert not file.exists()
    user.dvm("recipe rm mine --yes").exits("not found")
    user.dvm("recipe fork node").succeeds()
    user.dvm("recipe rm node --yes").succeeds()
    user.dvm("recipe show node").succeeds()
