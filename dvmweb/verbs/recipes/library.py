"""All recipes as values, and the verbs of local ones, for `dvm recipe` and the pages of recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvmweb import files
from dvmweb.errors import ConfigError, DvmError, Problem
from dvmweb.paths import Paths
from dvmweb.recipes import Recipe, RecipeCatalog, checking, parse_header
from dvmweb.recipes.checking import Checked, Finding
from dvmweb.recipes.local import LocalRecipes, Pin, difference, pin_of, unpinned
from dvmweb.verbs.recipes import usage as uses_room
from dvmweb.verbs.recipes.shell_checks import Programs
from dvmweb.verbs.recipes.usage import Use, Uses
from dvmweb.verbs.vms import Vm

BUNDLED, LOCAL, OVER = "bundled", "local", "local over bundled"


@dataclass(frozen=True)
class Entry:
    """One recipe of the catalog."""

    name: str
    origin: str  # bundled, local, local over bundled
    path: Path
    recipe: Recipe | None  # None: invalid
    problem: str = ""  # why it is invalid
    pin: Pin | None = None  # of a fork
    is_changed: bool = False  # a local recipe that differs from the bundled one
    has_moved: bool = False  # a fork whose bundled recipe has changed since
    uses: tuple[Use, ...] = ()

    @property
    def is_local(self) -> bool:
        return self.origin != BUNDLED

    @property
    def mark(self) -> str:
        """How a local recipe differs from the bundled one, in words; "" if it does not."""
        parts = ("changed" if self.is_changed else "", "the bundled one is newer" if self.has_moved else "")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class RecipeLibrary:
    """The recipes of one set of folders. Nothing is cached: each call reads the files."""

    paths: Paths
    environ: Mapping[str, str]

    @property
    def local(self) -> LocalRecipes:
        return LocalRecipes(self.paths)

    def names(self) -> tuple[str, ...]:
        return RecipeCatalog(self.paths).names()

    def odd_files(self) -> tuple[Problem, ...]:
        """Files in the folder of local recipes with a name that no recipe can have."""
        return RecipeCatalog(self.paths).odd_files()

    def uses(self, vms: Sequence[Vm] | None) -> Uses:
        """Which VMs use which recipe. `vms`: as last listed, None without a listing."""
        return uses_room.uses(self.paths, vms)

    def entries(self, vms: Sequence[Vm] | None) -> tuple[Entry, ...]:
        """All recipes, sorted by name."""
        found = self.uses(vms)
        return tuple(self._entry(name, found.of(name)) for name in self.names())

    def entry(self, name: str, vms: Sequence[Vm] | None) -> Entry:
        """One recipe. Raises NotFound."""
        if name not in self.names():
            RecipeCatalog(self.paths).load(name)  # raises the error that lists the others
        return self._entry(name, self.uses(vms).of(name))

    def _entry(self, name: str, of_it: tuple[Use, ...]) -> Entry:
        local = self.local
        is_local, is_bundled = local.has(name), local.has_bundled(name)
        origin = (OVER if is_bundled else LOCAL) if is_local else BUNDLED
        path = local.path(name) if is_local else RecipeCatalog(self.paths).bundled(name) or local.path(name)
        try:
            recipe = RecipeCatalog(self.paths).load(name)
        except DvmError as error:
            text = self._readable(name) if is_local else ""
            return Entry(name, origin, path, None, str(error), pin_of(text), uses=of_it)
        pin = pin_of(recipe.text) if is_local else None
        bundled = local.bundled(name) if origin == OVER else ""
        is_changed = origin == OVER and unpinned(recipe.text) != bundled
        has_moved = pin is not None and origin == OVER and files.digest(bundled.encode()) != pin.digest
        return Entry(name, origin, path, recipe, "", pin, is_changed, has_moved, of_it)

    def _readable(self, name: str) -> str:
        try:
            return self.local.text(name)
        except DvmError:
            return ""

    def text(self, name: str) -> str:
        """The script of the recipe: the local one if there is one, valid or not. Raises NotFound, ConfigError."""
        return self.local.text(name) if self.local.has(name) else self.local.bundled(name)

    def difference(self, name: str) -> tuple[str, ...]:
        """The diff from the bundled recipe to the local one; empty if they are the same. Raises NotFound."""
        return difference(self.local.bundled(name), self.local.text(name), self.local.path(name))

    def check(self, name: str, found: Uses | None = None) -> Checked:
        """Check the recipe: the local one if there is one. Raises NotFound."""
        if name not in self.names():
            RecipeCatalog(self.paths).load(name)
        try:
            text = self.text(name)
        except ConfigError as error:
            return Checked(name, checking.of_header(error.problems), ("The script was not checked.",))
        return self.check_text(name, text, found, is_local=self.local.has(name))

    def check_text(self, name: str, text: str, found: Uses | None = None, *, is_local: bool = True) -> Checked:
        """Check a text as the script of a recipe, which need not be saved."""
        findings: list[Finding] = []
        found = found or self.uses(None)
        try:
            recipe = parse_header(name, text, Path(f"{name}.sh"), is_local=is_local)
            findings += (*checking.of_variables(recipe), *checking.of_configs(found.problems(recipe)))
        except ConfigError as error:
            findings += checking.of_header(error.problems)
        programs = Programs(self.paths, self.environ)
        outputs = (programs.bash(text), programs.shellcheck(text))
        for one in outputs:
            findings += one.findings
        return Checked(name, tuple(findings), tuple(one.not_run for one in outputs if one.not_run))

    def needed_by(self, name: str) -> tuple[str, ...]:
        """The VMs whose configs use the recipe."""
        return tuple(use.vm for use in self.uses(None).of(name))
