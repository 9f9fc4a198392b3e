"""The shelf: local before bundled, and files that are never read (threats.md C14)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.config.model import VmConfig
from dvmweb.errors import ConfigError, NotFound
from dvmweb.files import RECIPE_BYTES
from dvmweb.guest import bundled
from dvmweb.jobs.inputs import desired_recipes
from dvmweb.paths import Paths, bundled_folder
from dvmweb.plans import DesiredRecipe
from dvmweb.recipes import RecipeCatalog, order, recipe_hash
from dvmweb.recipes.catalog import LIBRARY
from dvmweb.recipes.model import BASH_DVM
from tests.places import SCRIPTS

SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----"


def put(folder: Path, name: str, text: str = "# Words\n") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def group(paths: Paths) -> Path:
    return paths.bundled_recipes / "shell"


def put_library(paths: Paths) -> None:
    for name in LIBRARY:
        put(paths.bundled_recipes, name, "")


def desired_for(paths: Paths, recipe: str) -> DesiredRecipe:
    config = VmConfig(name="app", code_dir="~/code/app", recipes=(recipe,))
    (desired,) = desired_recipes(paths, config, (RecipeCatalog(paths).load(recipe),))
    return desired


def test_local_wins_over_bundled(paths: Paths) -> None:
    put(group(paths), "node.sh", "# bundled\n")
    put(group(paths), "git.sh")
    put(paths.local_recipes, "node.sh", "# local\n")
    put(paths.local_recipes, "mine.sh")
    catalog = RecipeCatalog(paths)
    assert catalog.names() == ("git", "mine", "node")
    assert (catalog.load("node").summary, catalog.load("node").is_local) == ("local", True)
    assert not catalog.load("git").is_local
    assert catalog.problems() == ()


def test_scripts_of_ours_are_not_listed_and_never_local(paths: Paths) -> None:
    for name in LIBRARY:
        put(paths.bundled_recipes, name, f"ours {name}")
        put(paths.local_recipes, name, "theirs")
    catalog = RecipeCatalog(paths)
    assert catalog.names() == ()
    assert catalog.library() == {name: f"ours {name}" for name in LIBRARY}
    with pytest.raises(NotFound):
        catalog.load("_lib")


def test_a_recipe_gets_its_own_releases_without_their_sources(paths: Paths) -> None:
    assert RecipeCatalog(paths).releases("a") == ""
    row = "\t".join(("1", "x86_64", "unknown", "https://x", "https://published", "source"))
    put(paths.bundled_recipes, "_versions.tsv", f"# a\ta\na\t{row}\nab\t{row}\n")
    assert RecipeCatalog(paths).releases("a") == "a\t1\tx86_64\tunknown\thttps://x\n"
    assert RecipeCatalog(paths).releases("c") == ""


def test_files_beside_a_recipe_are_the_bundled_ones_and_count_in_its_hash(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "agent"
    ours.mkdir()
    monkeypatch.setattr(bundled, "AGENT", ours)
    text = "#!/bin/bash\n# /// recipe\n# files: [b.py]\n# ///\n"
    put(paths.local_recipes, "a.sh", text)
    put(paths.local_recipes, "b.py", "theirs")
    put(ours, "b.py", "ours")
    put_library(paths)
    assert bundled.recipe_files(RecipeCatalog(paths).load("a").files) == {"b.py": "ours"}
    desired = desired_for(paths, "a")
    assert desired.files == {"b.py": "ours"}
    put(ours, "b.py", "newer")
    assert desired_for(paths, "a").digest != desired.digest
    (ours / "b.py").unlink()
    with pytest.raises(ConfigError):
        bundled.recipe_files(("b.py",))
    with pytest.raises(ConfigError):
        desired_for(paths, "a")


def test_a_recipe_of_bash_dvm_gets_what_it_finds_there(paths: Paths) -> None:
    put(paths.local_recipes, "hello.sh", "#!/usr/bin/env bash\ndvm_recipe_arch hello\n")
    put_library(paths)
    assert desired_for(paths, "hello").files == {BASH_DVM: (SCRIPTS / BASH_DVM).read_text()}


def test_without_a_local_folder_the_bundled_ones_are_there(paths: Paths) -> None:
    put(group(paths), "git.sh")
    paths.local_recipes.rmdir()
    assert RecipeCatalog(paths).names() == ("git",)


def test_c14_a_link_is_never_followed(paths: Paths, tmp_path: Path) -> None:
    (paths.local_recipes / "x.sh").symlink_to(put(tmp_path, "id_ed25519", SECRET))
    (paths.local_recipes / "dead.sh").symlink_to(tmp_path / "nowhere")
    for name in ("x", "dead"):
        with pytest.raises(ConfigError) as raised:
            RecipeCatalog(paths).load(name)
        assert "link" in str(raised.value)
        assert SECRET not in str(raised.value)
    assert len(RecipeCatalog(paths).problems()) == 2


def test_c14_a_bad_local_file_does_not_give_way_to_the_bundled_one(paths: Paths, tmp_path: Path) -> None:
    put(group(paths), "node.sh")
    (paths.local_recipes / "node.sh").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError):
        RecipeCatalog(paths).load("node")


def test_c14_a_device_a_pipe_and_a_folder_are_never_read(paths: Paths) -> None:
    os.mkfifo(paths.local_recipes / "pipe.sh")
    (paths.local_recipes / "folder.sh").mkdir()
    for name in ("pipe", "folder"):  # opening a pipe must not wait for its writer either
        with pytest.raises(ConfigError, match=r"is not a plain file|is a folder"):
            RecipeCatalog(paths).load(name)


@pytest.mark.parametrize("name", ["X.SH", "X.sh", "a b.sh", "a\n.sh", "-f.sh", "a--b.sh", "é.sh", "a.b.sh", ".SH"])
def test_c14_an_odd_name_is_marked_bad(paths: Paths, name: str) -> None:
    put(paths.local_recipes, name, SECRET)
    catalog = RecipeCatalog(paths)
    assert catalog.names() == ()
    if name == ".SH":
        return  # a hidden file is nobody's recipe
    (problem,) = catalog.problems()
    assert "\n" not in str(problem)
    assert "lowercase" in problem.todo


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "x.sh", "", "X", "a\nb", "a\0b", "-f", "x" * 41])
def test_c14_a_name_never_leaves_the_shelf(paths: Paths, name: str) -> None:
    put(paths.config, "x.sh", SECRET)
    put(paths.local_recipes, "x.sh")
    with pytest.raises(NotFound) as raised:
        RecipeCatalog(paths).load(name)
    assert "\n" not in raised.value.what


def test_other_files_of_a_fork_are_no_recipes(paths: Paths) -> None:
    for name in ("README.md", ".gitignore", "notes.txt"):
        put(paths.local_recipes, name)
    (paths.local_recipes / ".git").mkdir()
    assert RecipeCatalog(paths).names() == ()
    assert RecipeCatalog(paths).problems() == ()


@pytest.mark.parametrize("data", [b"\xff\xfe#", b"# a\0b", b"# a\r\necho\r\n", b"#" * (RECIPE_BYTES + 1)])
def test_what_bash_cannot_run_is_a_problem(paths: Paths, data: bytes) -> None:
    (paths.local_recipes / "x.sh").write_bytes(data)
    (problem,) = RecipeCatalog(paths).problems()
    assert problem.file.endswith("/x.sh")


def test_c13_a_bad_header_is_a_problem_of_that_recipe_only(paths: Paths) -> None:
    put(paths.local_recipes, "bad.sh", "# /// recipe\n# needs: [bad]\n# ///\n")
    put(paths.local_recipes, "good.sh")
    (problem,) = RecipeCatalog(paths).problems()
    assert (problem.file, problem.line) == (str(paths.local_recipes / "bad.sh"), 2)
    assert RecipeCatalog(paths).load("good").summary == "Words"


def test_the_local_folder_may_be_no_folder(paths: Paths) -> None:
    paths.local_recipes.rmdir()
    put(paths.config, "recipes")
    assert RecipeCatalog(paths).names() == ()
    assert "folder" in RecipeCatalog(paths).problems()[0].what


def test_the_bundled_recipes_are_in_order(paths: Paths) -> None:
    catalog = RecipeCatalog(replace(paths, bundled=bundled_folder()))
    assert catalog.problems() == ()
    assert {"baseline", "git", "zsh", "python", "node", "tmux"} <= set(catalog.names())
    for name in catalog.names():
        recipe = catalog.load(name)
        assert recipe.summary, name
        assert recipe.probe, name
        assert recipe.category != "other", name
        assert len(recipe.text.splitlines()) < 80, name


def test_the_bundled_releases_reach_their_recipes(paths: Paths) -> None:
    paths = replace(paths, bundled=bundled_folder())
    catalog, config = (
        RecipeCatalog(paths),
        VmConfig(name="app", code_dir="~/code/app", recipes=("lazygit", "yazi", "fzf")),
    )
    wanted_recipes = {
        desired.recipe.name: desired for desired in desired_recipes(paths, config, order(config.recipes, catalog))
    }
    assert {row.split("\t")[0] for row in wanted_recipes["yazi"].releases.splitlines()} == {"yazi"}
    assert wanted_recipes["fzf"].releases == ""
    recipe = wanted_recipes["yazi"].recipe
    library = "".join(catalog.library().values())
    assert wanted_recipes["yazi"].digest == recipe_hash(recipe, library, {}, wanted_recipes["yazi"].releases)
    assert wanted_recipes["yazi"].digest != recipe_hash(recipe, library, {})
