"""Where recipes lie: the user's folder before the bundled one; what is no plain recipe is never read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.errors import ConfigError, DvmError, NotFound, Problem, UsageError
from dvmweb.files import RECIPE_BYTES, read_bounded
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name
from dvmweb.paths import Paths
from dvmweb.recipes.header import parse_header
from dvmweb.recipes.model import Recipe

SUFFIX = ".sh"
MAX_FILES = 1000  # in one folder
LIBRARY = "_lib"
VERSIONS, GUEST_COLUMNS = "_versions.tsv", 5  # name, version, arch, sha256, url


@dataclass(frozen=True)
class Shelf:
    """The recipes that a config may name. Nothing is kept, but by `at_once`: each call looks at the folders."""

    paths: Paths
    known: dict[str, Recipe] | None = field(default=None, repr=False, compare=False)

    def at_once(self) -> Shelf:
        """The same shelf for one look at many VMs: it reads each recipe once."""
        return Shelf(self.paths, {})

    def names(self) -> tuple[str, ...]:
        """Every well-named recipe, sorted; its header may still have problems."""
        local, _ = _scan(self.paths.local_recipes)
        bundled, _ = _scan(self.paths.bundled_recipes)
        return tuple(sorted({*local, *bundled}))

    def load(self, name: str) -> Recipe:
        """Read one recipe. Raises NotFound, and ConfigError when its file or header is bad.

        A bad local file never gives way to the bundled one: the user meant the local one.
        """
        if self.known is not None and name in self.known:
            return self.known[name]
        recipe = self._load(name)
        if self.known is not None:
            self.known[name] = recipe
        return recipe

    def _load(self, name: str) -> Recipe:
        is_local = self._has(self.paths.local_recipes, name)
        if not is_local and not self._has(self.paths.bundled_recipes, name):
            raise NotFound(f"There is no recipe {visible(name, 60)!r}.", f"There are: {', '.join(self.names())}.")
        path = (self.paths.local_recipes if is_local else self.paths.bundled_recipes) / f"{name}{SUFFIX}"
        return parse_header(name, _read_script(path), path, is_local=is_local)

    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong on the shelf: odd files, and the headers of all recipes."""
        found = [*self.odd_files()]
        for name in self.names():
            try:
                self.load(name)
            except ConfigError as error:
                found += error.problems
            except DvmError as error:  # gone since the look
                found.append(Problem("", error.what.rstrip("."), error.todo, name))
        return tuple(found)

    def odd_files(self) -> tuple[Problem, ...]:
        """What pretends to be a recipe and is none, and folders that cannot be read."""
        return (*_scan(self.paths.local_recipes)[1], *_scan(self.paths.bundled_recipes)[1])

    def library(self) -> str:
        """The text of `_lib.sh`, which goes beside every recipe into the guest."""
        return self.own(LIBRARY)

    def releases(self, name: str) -> str:
        """The pinned releases of one recipe: its rows of the bundled table, without where a checksum came from."""
        path = self.paths.bundled_recipes / VERSIONS
        rows = [line.split("\t") for line in (_read_script(path) if path.exists() else "").splitlines()]
        return "".join("\t".join(row[:GUEST_COLUMNS]) + "\n" for row in rows if row[0] == name)

    def files(self, recipe: Recipe) -> dict[str, str]:
        """What lies beside a recipe in the guest: the bundled files that its header names."""
        return {name: _read_script(self.paths.bundled_recipes / name) for name in recipe.files}

    def own(self, name: str) -> str:
        """A guest script of ours (`_state`, `_apply`, …): always the bundled one. Raises ConfigError."""
        return _read_script(self.paths.bundled_recipes / f"{name}{SUFFIX}")

    def read(self, path: Path) -> str:
        """The text of one script. Raises ConfigError for what is no plain text file."""
        return _read_script(path)

    def _has(self, folder: Path, name: str) -> bool:
        # By listing, not by opening: a file system that ignores case would find NODE.sh for node.
        try:
            return is_recipe_name(name) and folder / f"{name}{SUFFIX}" in folder.iterdir()
        except OSError:
            return False


def _scan(folder: Path) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The recipe names in a folder, and what else pretends to be a recipe there."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_file(follow_symlinks=False)) for entry in entries)
    except FileNotFoundError:
        return (), ()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return (), (Problem("", f"the folder cannot be read: {reason}", "Put a plain folder there.", str(folder)),)
    if len(found) > MAX_FILES:
        todo = f"Keep at most {MAX_FILES} there."
        return (), (Problem("", "the folder holds too many files", todo, str(folder)),)
    names: list[str] = []
    problems: list[Problem] = []
    for file, is_plain in found:
        stem, suffix = file[: -len(SUFFIX)], file[-len(SUFFIX) :]
        if suffix.lower() != SUFFIX or file.startswith(("_", ".")):
            continue
        if suffix == SUFFIX and is_recipe_name(stem):
            names.append(stem)  # also a link or a device: load() says what is wrong with it, and reads nothing
        else:
            problems.append(_odd(folder, file, is_plain=is_plain))
    return tuple(names), tuple(problems)


def _odd(folder: Path, file: str, *, is_plain: bool) -> Problem:
    what = "this is no recipe name" if is_plain else "this is no plain file"
    todo = "Name it with lowercase letters, digits and single hyphens, ending in .sh."
    return Problem("", what, todo, f"{folder}/{visible(file, 80)}")


def _read_script(path: Path) -> str:
    """The text of a script that can go to a guest; raises ConfigError for anything else."""
    try:
        text = read_bounded(path, RECIPE_BYTES, follow=False).decode("utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem("", "the file is gone", "Put it back.", str(path))]) from None
    except UsageError as error:
        what = error.what.removeprefix(f"{path} ").rstrip(".")
        raise ConfigError([Problem("", what, error.todo, str(path))]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", "the file is not UTF-8", "Save it as UTF-8 text.", str(path))]) from None
    if "\0" in text or "\r" in text:
        todo = "Save it as text with Unix line ends."
        raise ConfigError([Problem("", "the file holds NUL or carriage return characters", todo, str(path))])
    return text
