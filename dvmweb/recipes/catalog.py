"""Finds and loads recipes: local ones take precedence over bundled ones; only plain files are read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.errors import ConfigError, DvmError, NotFound, Problem
from dvmweb.files import read_script
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name
from dvmweb.paths import Paths
from dvmweb.recipes.header import parse_header
from dvmweb.recipes.model import Recipe

SUFFIX = ".sh"
MAX_FILES = 1000  # in one folder
LIBRARY = ("_lib.sh", "_packages.sh", "_downloads.sh", "_services.sh", "_agents.sh")  # in the order of the hash
VERSIONS, GUEST_COLUMNS = "_versions.tsv", 5  # name, version, arch, sha256, url


@dataclass(frozen=True)
class RecipeCatalog:
    """All recipes that a config can name. Each call reads the folders again, except after `at_once`."""

    paths: Paths
    known: dict[str, Recipe] | None = field(default=None, repr=False, compare=False)

    def at_once(self) -> RecipeCatalog:
        """The same catalog with a cache, for a check of many VMs: it reads each recipe once."""
        return RecipeCatalog(self.paths, {})

    def names(self) -> tuple[str, ...]:
        """The valid names of all recipes, sorted. Their headers are not checked."""
        folders = (self.paths.local_recipes, *self._groups())
        return tuple(sorted({name for folder in folders for name in _scan(folder)[0]}))

    def bundled(self, name: str) -> Path | None:
        """The path of the bundled recipe of that name, None if there is none."""
        is_named = is_recipe_name(name)
        return next(self.paths.bundled_recipes.glob(f"*/{name}{SUFFIX}"), None) if is_named else None

    def _groups(self) -> tuple[Path, ...]:
        return tuple(path for path in sorted(self.paths.bundled_recipes.glob("*")) if path.is_dir())

    def load(self, name: str) -> Recipe:
        """Read one recipe. Raises NotFound, and ConfigError if its file or header is invalid.

        An invalid local file is an error; the bundled recipe is not used instead.
        """
        if self.known is not None and name in self.known:
            return self.known[name]
        recipe = self._load(name)
        if self.known is not None:
            self.known[name] = recipe
        return recipe

    def _load(self, name: str) -> Recipe:
        is_local = self._has(self.paths.local_recipes, name)
        path = self.paths.local_recipes / f"{name}{SUFFIX}" if is_local else self.bundled(name)
        if path is None:
            raise NotFound(
                f"There is no recipe {visible(name, 60)!r}.", f"Available recipes: {', '.join(self.names())}."
            )
        return parse_header(name, read_script(path), path, is_local=is_local)

    def problems(self) -> tuple[Problem, ...]:
        """All problems of the catalog: invalid files, and invalid headers of recipes."""
        found = [*self.odd_files()]
        for name in self.names():
            try:
                self.load(name)
            except ConfigError as error:
                found += error.problems
            except DvmError as error:  # deleted in the meantime
                found.append(Problem("", error.what.rstrip("."), error.todo, name))
        return tuple(found)

    def odd_files(self) -> tuple[Problem, ...]:
        """Files that look like recipes but are not valid ones, and folders that cannot be read."""
        return tuple(odd for folder in (self.paths.local_recipes, *self._groups()) for odd in _scan(folder)[1])

    def library(self) -> dict[str, str]:
        """The text of `_lib.sh` and its parts, by file name; every recipe gets them. Raises ConfigError."""
        return {name: read_script(self.paths.bundled_recipes / name) for name in LIBRARY}

    def releases(self, name: str) -> str:
        """The rows of one recipe in the bundled table of releases, without the columns on the checksum's source."""
        path = self.paths.bundled_recipes / VERSIONS
        rows = [line.split("\t") for line in (read_script(path) if path.exists() else "").splitlines()]
        return "".join("\t".join(row[:GUEST_COLUMNS]) + "\n" for row in rows if row[0] == name)

    def _has(self, folder: Path, name: str) -> bool:
        # List, do not open: on a case-insensitive file system node would open NODE.sh.
        try:
            return is_recipe_name(name) and folder / f"{name}{SUFFIX}" in folder.iterdir()
        except OSError:
            return False


def _scan(folder: Path) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The recipe names in a folder, and its problems."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_file(follow_symlinks=False)) for entry in entries)
    except FileNotFoundError:
        return (), ()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return (), (Problem("", f"the folder cannot be read: {reason}", "Check its permissions.", str(folder)),)
    if len(found) > MAX_FILES:
        todo = f"Keep at most {MAX_FILES} files there."
        return (), (Problem("", "the folder has too many files", todo, str(folder)),)
    names: list[str] = []
    problems: list[Problem] = []
    for file, is_plain in found:
        stem, suffix = file[: -len(SUFFIX)], file[-len(SUFFIX) :]
        if suffix.lower() != SUFFIX or file.startswith(("_", ".")):
            continue
        if suffix == SUFFIX and is_recipe_name(stem):
            names.append(stem)  # a link or a device too: load() reports it and reads nothing
        else:
            problems.append(_odd(folder, file, is_plain=is_plain))
    return tuple(names), tuple(problems)


def _odd(folder: Path, file: str, *, is_plain: bool) -> Problem:
    what = "this is not a recipe name" if is_plain else "this is not a plain file"
    todo = "Name it with lowercase letters, digits and single hyphens, ending in .sh."
    return Problem("", what, todo, f"{folder}/{visible(file, 80)}")
