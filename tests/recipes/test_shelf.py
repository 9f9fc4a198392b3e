"""The shelf: local before bundled, and files that are never read (threats.md C14)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.config.model import VmConfig
from dvmweb.errors import ConfigError, NotFound
from dvmweb.files import RECIPE_BYTES
from dvmweb.jobs.worlds import recipe_wishes
from dvmweb.paths import Paths, bundled_folder
from dvmweb.recipes import Shelf, order, recipe_hash

SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----"


def put(folder: Path, name: str, text: str = "# Words\n") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_local_wins_over_bundled(paths: Paths) -> None:
    put(paths.bundled_recipes, "node.sh", "# bundled\n")
    put(paths.bundled_recipes, "git.sh")
    put(paths.local_recipes, "node.sh", "# local\n")
    put(paths.local_recipes, "mine.sh")
    shelf = Shelf(paths)
    assert shelf.names() == ("git", "mine", "node")
    assert (shelf.load("node").summary, shelf.load("node").is_local) == ("local", True)
    assert not shelf.load("git").is_local
    assert shelf.problems() == ()


def test_scripts_of_ours_are_not_listed_and_never_local(paths: Paths) -> None:
    put(paths.bundled_recipes, "_lib.sh", "ours")
    put(paths.local_recipes, "_lib.sh", "theirs")
    shelf = Shelf(paths)
    assert shelf.names() == ()
    assert shelf.library() == "ours"
    with pytest.raises(NotFound):
        shelf.load("_lib")


def test_a_recipe_gets_its_own_releases_without_their_sources(paths: Paths) -> None:
    assert Shelf(paths).releases("a") == ""
    row = "\t".join(("1", "x86_64", "unknown", "https://x", "https://published", "source"))
    put(paths.bundled_recipes, "_versions.tsv", f"# a\ta\na\t{row}\nab\t{row}\n")
    assert Shelf(paths).releases("a") == "a\t1\tx86_64\tunknown\thttps://x\n"
    assert Shelf(paths).releases("c") == ""


def test_files_beside_a_recipe_are_the_bundled_ones_and_count_in_its_hash(paths: Paths) -> None:
    text = "#!/bin/bash\n# /// recipe\n# files: [_b.py]\n# ///\n"
    put(paths.local_recipes, "a.sh", text)
    put(paths.local_recipes, "_b.py", "theirs")
    put(paths.bundled_recipes, "_b.py", "ours")
    put(paths.bundled_recipes, "_lib.sh", "")
    shelf = Shelf(paths)
    recipe = shelf.load("a")
    assert shelf.files(recipe) == {"_b.py": "ours"}
    (wish,) = recipe_wishes(paths, VmConfig(name="app", code_dir="~/code/app", recipes=("a",)), (recipe,))
    assert wish.files == {"_b.py": "ours"}
    put(paths.bundled_recipes, "_b.py", "newer")
    (newer,) = recipe_wishes(paths, VmConfig(name="app", code_dir="~/code/app", recipes=("a",)), (recipe,))
    assert newer.digest != wish.digest
    (paths.bundled_recipes / "_b.py").unlink()
    with pytest.raises(ConfigError):
        shelf.files(recipe)


def test_without_a_local_folder_the_bundled_ones_are_there(paths: Paths) -> None:
    put(paths.bundled_recipes, "git.sh")
    paths.local_recipes.rmdir()
    assert Shelf(paths).names() == ("git",)


def test_c14_a_link_is_never_followed(paths: Paths, tmp_path: Path) -> None:
    (paths.local_recipes / "x.sh").symlink_to(put(tmp_path, "id_ed25519", SECRET))
    (paths.local_recipes / "dead.sh").symlink_to(tmp_path / "nowhere")
    for name in ("x", "dead"):
        with pytest.raises(ConfigError) as raised:
            Shelf(paths).load(name)
        assert "link" in str(raised.value)
        assert SECRET not in str(raised.value)
    assert len(Shelf(paths).problems()) == 2


def test_c14_a_bad_local_file_does_not_give_way_to_the_bundled_one(paths: Paths, tmp_path: Path) -> None:
    put(paths.bundled_recipes, "node.sh")
    (paths.local_recipes / "node.sh").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError):
        Shelf(paths).load("node")


def test_c14_a_device_a_pipe_and_a_folder_are_never_read(paths: Paths) -> None:
    os.mkfifo(paths.local_recipes / "pipe.sh")
    (paths.local_recipes / "folder.sh").mkdir()
    for name in ("pipe", "folder"):  # opening a pipe must not wait for its writer either
        with pytest.raises(ConfigError, match="not a plain file"):
            Shelf(paths).load(name)


@pytest.mark.parametrize("name", ["X.SH", "X.sh", "a b.sh", "a\n.sh", "-f.sh", "a--b.sh", "é.sh", "a.b.sh", ".SH"])
def test_c14_an_odd_name_is_marked_bad(paths: Paths, name: str) -> None:
    put(paths.local_recipes, name, SECRET)
    shelf = Shelf(paths)
    assert shelf.names() == ()
    if name == ".SH":
        return  # a hidden file is nobody's recipe
    (problem,) = shelf.problems()
    assert "\n" not in str(problem)
    assert "lowercase" in problem.todo


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "x.sh", "", "X", "a\nb", "a\0b", "-f", "x" * 41])
def test_c14_a_name_never_leaves_the_shelf(paths: Paths, name: str) -> None:
    put(paths.config, "x.sh", SECRET)
    put(paths.local_recipes, "x.sh")
    with pytest.raises(NotFound) as raised:
        Shelf(paths).load(name)
    assert "\n" not in raised.value.what


def test_other_files_of_a_fork_are_no_recipes(paths: Paths) -> None:
    for name in ("README.md", ".gitignore", "notes.txt"):
        put(paths.local_recipes, name)
    (paths.local_recipes / ".git").mkdir()
    assert Shelf(paths).names() == ()
    assert Shelf(paths).problems() == ()


@pytest.mark.parametrize("data", [b"\xff\xfe#", b"# a\0b", b"# a\r\necho\r\n", b"#" * (RECIPE_BYTES + 1)])
def test_what_bash_cannot_run_is_a_problem(paths: Paths, data: bytes) -> None:
    (paths.local_recipes / "x.sh").write_bytes(data)
    (problem,) = Shelf(paths).problems()
    assert problem.file.endswith("/x.sh")


def test_c13_a_bad_header_is_a_problem_of_that_recipe_only(paths: Paths) -> None:
    put(paths.local_recipes, "bad.sh", "# /// recipe\n# needs: [bad]\n# ///\n")
    put(paths.local_recipes, "good.sh")
    (problem,) = Shelf(paths).problems()
    assert (problem.file, problem.line) == (str(paths.local_recipes / "bad.sh"), 2)
    assert Shelf(paths).load("good").summary == "Words"


def test_the_local_folder_may_be_no_folder(paths: Paths) -> None:
    paths.local_recipes.rmdir()
    put(paths.config, "recipes")
    assert Shelf(paths).names() == ()
    assert "folder" in Shelf(paths).problems()[0].what


def test_the_bundled_recipes_are_in_order(paths: Paths) -> None:
    shelf = Shelf(replace(paths, bundled=bundled_folder()))
    assert shelf.problems() == ()
    assert {"baseline", "git", "zsh", "python", "node", "tmux"} <= set(shelf.names())
    for name in shelf.names():
        recipe = shelf.load(name)
        assert recipe.summary, name
        assert recipe.probe, name
        assert recipe.category != "other", name
        assert len(recipe.text.splitlines()) < 80, name


def test_the_bundled_releases_reach_their_recipes(paths: Paths) -> None:
    paths = replace(paths, bundled=bundled_folder())
    shelf, config = Shelf(paths), VmConfig(name="app", code_dir="~/code/app", recipes=("lazygit", "yazi", "fzf"))
    wishes = {wish.recipe.name: wish for wish in recipe_wishes(paths, config, order(config.recipes, shelf))}
    assert {row.split("\t")[0] for row in wishes["yazi"].releases.splitlines()} == {"yazi"}
    assert wishes["fzf"].releases == ""
    recipe = wishes["yazi"].recipe
    assert wishes["yazi"].digest == recipe_hash(recipe, shelf.library(), {}, wishes["yazi"].releases)
    assert wishes["yazi"].digest != recipe_hash(recipe, shelf.library(), {})
