"""The user's own recipes: template, pinned fork, save and delete; nothing is written outside their folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.files import RECIPE_BYTES, ChangedOnDisk, digest
from dvmweb.paths import Paths, bundled_folder
from dvmweb.recipes import RecipeCatalog, parse_header, recipe_hash
from dvmweb.recipes.local import LocalRecipes, difference, pin_of, pinned, script_bytes, template, unpinned
from dvmweb.recipes.selection import param_values

TOOL = "#!/usr/bin/env bash\n# /// recipe\n# summary: A tool\n# ///\ntrue\n"


@pytest.fixture
def local(paths: Paths) -> LocalRecipes:
    (paths.bundled_recipes / "shell" / "tool.sh").write_text(TOOL)
    paths.local_recipes.chmod(0o700)
    return LocalRecipes(paths)


def test_a_fork_says_what_it_was_forked_from(local: LocalRecipes) -> None:
    text = local.fork("tool").read_text()
    pin = pin_of(text)
    assert pin is not None
    assert (pin.recipe, pin.digest) == ("tool", digest(TOOL.encode()))
    assert text.startswith("#!/usr/bin/env bash\n# dvm fork of tool, dvm ")
    assert unpinned(text) == TOOL
    assert RecipeCatalog(local.paths).load("tool").summary == "A tool"  # the pin hides no header


def test_a_fork_that_nobody_changed_runs_nothing_again(local: LocalRecipes) -> None:
    before = RecipeCatalog(local.paths).load("tool")
    local.fork("tool")
    after = RecipeCatalog(local.paths).load("tool")
    assert after.is_local
    assert recipe_hash(before, "library", {}) == recipe_hash(after, "library", {})


def test_a_text_without_a_first_line_for_the_kernel_is_pinned_too() -> None:
    text = pinned("tool", "true\n")
    assert pin_of(text)
    assert unpinned(text) == "true\n"


def test_a_pin_far_below_is_none() -> None:
    assert pin_of("true\n" * 20 + pinned("tool", "true\n")) is None


def test_the_difference_leaves_the_pin_out(local: LocalRecipes) -> None:
    text = local.fork("tool").read_text()
    assert difference(TOOL, text, Path("/x/tool.sh")) == ()
    lines = difference(TOOL, text.replace("true", "false"), Path("/x/tool.sh"))
    assert lines[:2] == ("--- bundled/tool.sh", "+++ /x/tool.sh")
    assert {"-true", "+false"} <= set(lines)


def test_nothing_is_written_over_a_recipe(local: LocalRecipes) -> None:
    local.new("mine")
    local.fork("tool")
    for act in (local.new, local.fork):
        with pytest.raises(DvmError):
            act("mine")
    with pytest.raises(UsageError, match="already"):
        local.fork("tool")
    with pytest.raises(UsageError, match="fork tool"):
        local.new("tool")
    with pytest.raises(NotFound):
        local.fork("nothing")


def test_the_template_is_a_good_recipe(local: LocalRecipes) -> None:
    local.new("my-tool")
    recipe = RecipeCatalog(local.paths).load("my-tool")
    assert [param.variable for param in recipe.params] == ["DVM_MY_TOOL_VERSION"]
    assert template("x") != template("y")


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "x.sh", "", "X", "a\nb", "-f", "x" * 41, "_lib"])
def test_a_name_never_leaves_the_folder(local: LocalRecipes, name: str) -> None:
    for act in (local.new, local.fork, local.text, local.bundled, lambda name: local.save(name, "true\n", "")):
        with pytest.raises(UsageError):
            act(name)
    assert sorted(path.name for path in local.paths.config.rglob("*")) == ["recipes"]


def test_a_link_is_neither_written_nor_deleted_nor_read(local: LocalRecipes, tmp_path: Path) -> None:
    target = tmp_path / "profile"
    target.write_text("mine\n")
    for name, to in (("x", target), ("dead", tmp_path / "nowhere")):
        (local.paths.local_recipes / f"{name}.sh").symlink_to(to)
        with pytest.raises(UsageError, match="not a plain file"):
            local.save(name, "true\n", digest(b"mine\n"))
        with pytest.raises(UsageError):
            local.delete(name, digest(b"mine\n"))
        with pytest.raises(UsageError):
            local.text(name)
    assert target.read_text() == "mine\n"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_a_link_is_not_written_through(local: LocalRecipes, tmp_path: Path) -> None:
    local.paths.local_recipes.rmdir()
    (tmp_path / "elsewhere").mkdir()
    local.paths.local_recipes.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        local.new("mine")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_others_can_write_is_refused(local: LocalRecipes) -> None:
    local.paths.local_recipes.chmod(0o777)
    with pytest.raises(UsageError, match="chmod 700"):
        local.new("mine")


def test_the_folder_is_made_for_the_user_alone(local: LocalRecipes) -> None:
    local.paths.local_recipes.rmdir()
    path = local.new("mine")
    assert path.stat().st_mode & 0o777 == 0o600
    assert local.paths.local_recipes.stat().st_mode & 0o777 == 0o700


def test_a_file_that_changed_meanwhile_stays(local: LocalRecipes) -> None:
    path = local.new("mine")
    seen = digest(path.read_bytes())
    path.write_text("echo theirs\n")
    with pytest.raises(ChangedOnDisk):
        local.save("mine", "echo ours\n", seen)
    with pytest.raises(ChangedOnDisk):
        local.delete("mine", seen)
    assert path.read_text() == "echo theirs\n"
    assert [file.name for file in path.parent.iterdir()] == ["mine.sh"]


def test_save_and_delete(local: LocalRecipes) -> None:
    path = local.fork("tool")
    seen = local.save("tool", "echo a\r\necho b\r", digest(path.read_bytes()))
    assert path.read_bytes() == b"echo a\necho b\n"
    local.delete("tool", seen)
    assert not path.exists()
    assert not RecipeCatalog(local.paths).load("tool").is_local


@pytest.mark.parametrize("text", ["", "\n\r\n", "a\0b", "\ud800", "x" * (RECIPE_BYTES + 1)])
def test_what_no_guest_can_run_is_not_saved(local: LocalRecipes, text: str) -> None:
    with pytest.raises(UsageError):
        local.save("mine", text, "")
    assert list(local.paths.local_recipes.iterdir()) == []


def test_script_bytes_end_with_one_line_end() -> None:
    assert script_bytes("a\r\n\r\n\r\n") == b"a\n"
    assert script_bytes("ä") == "ä\n".encode()


def test_every_bundled_recipe_can_be_forked(paths: Paths) -> None:
    paths = replace(paths, bundled=bundled_folder())
    paths.local_recipes.chmod(0o700)
    catalog, local = RecipeCatalog(paths), LocalRecipes(paths)
    for name in catalog.names():
        before = catalog.load(name)
        local.fork(name)
        after = catalog.load(name)
        assert (after.params, after.probe, after.needs) == (before.params, before.probe, before.needs)


def test_a_recipe_without_a_header_takes_what_it_reads() -> None:
    text = (
        'x="${DVM_TOOL_PORT:-8080}"\n: "${DVM_TOOL_HOST:=all}"\nDVM_OWN=1 cat "$DVM_OWN" "$DVM_CODE_DIR" "$DVM_NAME"\n'
    )
    recipe = parse_header("tool", text, Path("tool.sh"), is_local=True)
    assert [param.name for param in recipe.params] == ["tool_port", "tool_host"]
    assert param_values(recipe, {}) == {}  # not given: the script's own default counts
    assert param_values(recipe, {"tool_port": 1}) == {"tool_port": "1"}
    assert parse_header("tool", text, Path("tool.sh"), is_local=False).params == ()
