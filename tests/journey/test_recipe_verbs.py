"""`dvm recipe` as a process: what it lists, makes, forks and finds, and how a recipe stands in a VM."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import House

TOOL = "#!/usr/bin/env bash\n# /// recipe\n# summary: A tool\n# params:\n#   colour: {default: red}\n# ///\n"


def put(house: House, name: str, text: str) -> Path:
    file = house.paths.local_recipes / f"{name}.sh"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(text)
    return file


def config(house: House, name: str, text: str) -> None:
    file = house.paths.vm_config(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def listed(house: House, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(house.ok("recipe", "ls", "--json"))
    return next(one for one in found if one["name"] == name)


def without_shellcheck(folder: Path) -> str:
    """A PATH with bash and no shellcheck."""
    folder.mkdir()
    (folder / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    return str(folder)


def test_new_fork_and_check(house: House) -> None:
    said = house.ok("recipe", "new", "mine")
    assert "dvm recipe check mine" in said
    assert house.dvm("recipe", "new", "mine").code == 2
    assert house.dvm("recipe", "new", "node").code == 2  # it would hide the bundled one unseen
    assert house.dvm("recipe", "fork", "nothing").code == 3
    house.ok("recipe", "fork", "node")
    assert house.dvm("recipe", "fork", "node").code == 2
    one = listed(house, "node")
    assert (one["from"], one["changed"], one["forked"]["bundled_has_changed"]) == ("local over bundled", False, False)
    assert "does what the bundled one does" in house.ok("recipe", "show", "node", "--diff")
    checked = house.dvm("recipe", "check", "mine", "node")
    assert (checked.code, "node: nothing found" in checked.out) == (0, True)

    file = house.paths.local_recipes / "node.sh"
    file.write_text(file.read_text().replace("0.34.0", "0.99.0"))
    assert '+#     default: "0.99.0"' in house.ok("recipe", "show", "node", "--diff")
    assert "local over bundled (changed)" in house.ok("recipe", "ls")
    assert "0.34.0" in house.ok("recipe", "show", "node", "--bundled")
    file.write_text(file.read_text().replace(listed(house, "node")["forked"]["digest"], "0" * 64))
    assert listed(house, "node")["forked"]["bundled_has_changed"]


def test_show_tells_all_that_a_header_says(house: House) -> None:
    put(house, "tool", f'{TOOL[:-6]}# ports: [8080]\n# probe: tool -V\n# ///\necho "$DVM_COLOUR"\n')
    config(house, "app", "recipes: [tool]\n")
    said = house.ok("recipe", "show", "tool")
    for words in ("A tool", "local: /", "8080", "tool -V", "default 'red'; $DVM_COLOUR", "app, by name: not applied"):
        assert words in said
    assert house.dvm("recipe", "show", "nothing").code == 3


def test_check_finds_each_kind_with_its_line(house: House, tmp_path: Path) -> None:
    put(house, "tool", f'{TOOL}echo "$DVM_COLOR" $DVM_COLOUR\nif true; then\n')
    put(house, "odd", "# /// recipe\n# needs: [odd]\n# ///\n")
    config(house, "app", "recipes: [tool]\nparams: {tool: {size: 1}}\n")
    said = house.dvm("recipe", "check", "tool", "odd")
    assert said.code == 1
    lines = said.out.splitlines()
    for start in (
        "tool:7: error: DVM_COLOR is given by no param",
        "tool: error: app: params.tool.size",
        "odd:2: error",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert any("[bash]" in line and "syntax error" in line for line in lines)
    found = json.loads(house.dvm("recipe", "check", "--json", "tool").out)[0]
    assert found["problems"] >= 3
    assert house.dvm("recipe", "check", "nothing").code == 3


def test_check_uses_shellcheck_and_says_where_it_is_not(house: House, tmp_path: Path) -> None:
    put(house, "tool", f'{TOOL}. "$DVM_LIB"\ncd $DVM_COLOUR\n')
    none = without_shellcheck(tmp_path / "bin")
    said = house.dvm("recipe", "check", "tool", PATH=none)
    assert (said.code, "not everything was checked" in said.out) == (0, True)
    assert "shellcheck was not run" in said.out
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    said = house.dvm("recipe", "check", "tool")
    assert said.code == 1
    assert "tool:8: warning: " in said.out
    assert "SC2164" in said.out
    assert "SC1090" not in said.out  # the library was found
    assert "not everything" not in said.out


def test_check_runs_nothing_of_a_recipe(house: House, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    put(house, "tool", f"{TOOL}touch {mark}\n$(touch {mark})\n")
    house.dvm("recipe", "check", "tool", BASH_ENV=str(house.paths.local_recipes / "tool.sh"))
    assert not mark.exists()


def test_which_vms_use_a_recipe_and_how(house: House) -> None:
    put(house, "tool", f"{TOOL}true\n")
    put(house, "other", "# /// recipe\n# summary: x\n# needs: [tool]\n# ///\n")
    config(house, "a", "recipes: [web]\n")
    config(house, "b", "recipes: [other]\n")
    config(house, "broken", "cpus: -1\n")
    (house.paths.config / "config.yaml").write_text("bundles: {web: [tool]}\n")
    ways = {use["name"]: use["how"] for use in listed(house, "tool")["vms"]}
    assert ways == {"a": "by the bundle web", "b": "needed by other"}


def test_recipes_are_listed_without_an_engine(house: House) -> None:
    config(house, "app", "recipes: [git]\n")
    found = house.dvm("recipe", "ls", "--json", DVM_ENGINE="lima", DVM_LIMACTL="/nope/limactl")
    assert found.code == 0
    assert "not known" in found.err
    assert {one["name"] for one in json.loads(found.out)} >= {"git", "node"}


@pytest.mark.usefixtures("guests_work")
def test_how_a_recipe_stands_is_what_the_guest_told_last(house: House) -> None:
    file = put(house, "tool", f'{TOOL}echo "$DVM_COLOUR"\n')
    put(house, "old", 'echo "$DVM_NAME ${DVM_OLD_WORD:-none}" >told\n')  # as for bash DVM
    config(house, "app", "baseline: false\nrecipes: [tool, old]\nparams: {old: {old_word: given}}\n")

    def standing() -> tuple[str, str]:
        (use,) = listed(house, "tool")["vms"]
        return use["standing"], use["note"] or ""

    assert standing() == ("not applied", "the VM is not created")
    house.ok("sync", "app")
    assert standing()[0] == "applied"
    assert house.guest("app", "cat ~/told") == "app given\n"
    config(house, "app", "baseline: false\nrecipes: [tool]\nparams: {tool: {colour: blue}}\n")
    assert standing()[0] == "changed since it was applied"
    house.ok("sync", "app")
    assert standing()[0] == "applied"
    file.write_text(f"{TOOL}exit 3\n")
    assert standing()[0] == "changed since it was applied"
    assert house.dvm("sync", "app").code == 1
    assert standing() == ("not known", "nobody has asked the guest")  # half-way is not applied, and nobody looked
    assert house.dvm("sync", "app").code == 1
    file.write_text(f"{TOOL}true\n")
    house.ok("sync", "app")
    house.ok("stop", "app")
    word, note = standing()
    assert word == "not known"
    assert "does not run; applied, as of" in note
    house.ok("start", "app")
    word, note = standing()
    assert word == "not known"
    assert "since it was started" in note


def test_a_config_dir_that_is_closed_is_told(house: House) -> None:
    folder = house.paths.local_recipes
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    said = house.dvm("recipe", "new", "mine")
    assert said.code == 2
    assert "chmod 700" in said.err
    assert list(folder.iterdir()) == []
