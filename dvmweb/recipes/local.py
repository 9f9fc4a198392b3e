"""The user's own recipes on disk: make, fork, save and delete them. Nothing is ever written outside their folder."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb import __version__, files
from dvmweb.errors import DvmError, NotFound, UsageError
from dvmweb.files import RECIPE_BYTES
from dvmweb.guest_text import visible
from dvmweb.names import is_recipe_name
from dvmweb.paths import Paths
from dvmweb.recipes.shelf import SUFFIX, Shelf

PIN_LINES = 10  # of the file, among which the pin of a fork is looked for
_PIN = re.compile(r"# dvm fork of ([a-z0-9-]{1,40}), dvm (\S{1,40}), sha256 ([0-9a-f]{64})")

TEMPLATE = """\
#!/usr/bin/env bash
# /// recipe
# summary: What {name} puts into the VM
# category: other
# needs: [baseline]
# params:
#   {word}_version: {{label: Version, default: latest}}
# probe: command -v {name}
# ///
set -euo pipefail
# shellcheck source=_lib.sh
. "$DVM_LIB"

# Safe to run twice. A param comes as a variable: $DVM_{variable}_VERSION here.
# pkg_install takes the names of Fedora and Debian packages: docs/recipes.md has all that _lib.sh gives.
say "{name}: $DVM_{variable}_VERSION is wanted"
pkg_install {name}
"""


@dataclass(frozen=True)
class Pin:
    """From which bundled recipe a fork was made."""

    recipe: str
    version: str  # of dvm
    digest: str  # SHA-256 of the bundled text


def pin_of(text: str) -> Pin | None:
    """The pin that a fork carries, None for a recipe that is none."""
    found = next((match for line in text.split("\n", PIN_LINES)[:PIN_LINES] if (match := _PIN.fullmatch(line))), None)
    return Pin(*found.groups()) if found else None


def unpinned(text: str) -> str:
    """The text without its pin: what a fork does."""
    return "\n".join(line for line in text.split("\n") if not _PIN.fullmatch(line))


def pinned(name: str, text: str) -> str:
    """The text of a fork of the bundled `text`."""
    pin = f"# dvm fork of {name}, dvm {__version__}, sha256 {files.digest(text.encode())}"
    first, line_end, rest = text.partition("\n")
    return f"{first}{line_end}{pin}\n{rest}" if first.startswith("#!") else f"{pin}\n{text}"


def difference(bundled: str, local: str, path: Path) -> tuple[str, ...]:
    """The lines of a unified diff from the bundled recipe to the local one; the pin is no difference."""
    ours, theirs = bundled.splitlines(), unpinned(local).splitlines()
    return tuple(difflib.unified_diff(ours, theirs, f"bundled/{path.name}", str(path), lineterm=""))


@dataclass(frozen=True)
class LocalRecipes:
    """The folder of local recipes. Nothing is kept: each call looks at the files."""

    paths: Paths

    def path(self, name: str) -> Path:
        """Where the local recipe lies, whether it is there or not. Raises UsageError for what is no recipe name."""
        if not is_recipe_name(name):
            raise UsageError(
                f"{visible(name, 60)!r} is not a recipe name.",
                "Use a lowercase letter first, then lowercase letters, digits and single hyphens, "
                "40 characters at most.",
            )
        return self.paths.local_recipes / f"{name}{SUFFIX}"

    def has(self, name: str) -> bool:
        """Whether something lies in the place of the local recipe, a dead link too."""
        path = self.path(name)
        return path.exists() or path.is_symlink()

    def text(self, name: str) -> str:
        """The text of the local recipe. Raises NotFound, and ConfigError for what is no plain script."""
        if not self.has(name):
            raise NotFound(f"There is no local recipe {name}.", f"Make one: dvm recipe new {name}")
        return Shelf(self.paths).read(self.path(name))

    def bundled(self, name: str) -> str:
        """The text of the bundled recipe. Raises NotFound."""
        path = self.paths.bundled_recipes / self.path(name).name
        if not path.is_file():
            raise NotFound(f"dvm brings no recipe {name}.", "See all recipes with: dvm recipe ls")
        return Shelf(self.paths).read(path)

    def has_bundled(self, name: str) -> bool:
        """Whether dvm brings a recipe of this name."""
        return is_recipe_name(name) and (self.paths.bundled_recipes / f"{name}{SUFFIX}").is_file()

    def new(self, name: str) -> Path:
        """Write a template. Raises UsageError where there is a recipe of that name."""
        if self.has_bundled(name):
            raise UsageError(
                f"dvm brings a recipe {name}; a new one would hide it.",
                f"Copy it to change it: dvm recipe fork {name}. Or choose another name.",
            )
        return self.create(name, template(name))

    def fork(self, name: str) -> Path:
        """Copy the bundled recipe to the user's folder, pinned. Raises NotFound, UsageError where there is one."""
        return self.create(name, pinned(name, self.bundled(name)))

    def create(self, name: str, text: str) -> Path:
        """Write a local recipe that is not there yet. Raises UsageError where it is."""
        if self.has(name):
            raise UsageError(f"{self.path(name)} is there already.", "Edit it, or move it away first.")
        self.save(name, text, "")
        return self.path(name)

    def save(self, name: str, text: str, expected: str) -> str:
        """Write a local recipe whole, and return its digest. `expected`: that of the file as it was read, "" for none.

        Raises ChangedOnDisk when the file is another by now, and UsageError for a link, a text that no guest could run
        or that is too long; then nothing is written.
        """
        path, data = self.path(name), script_bytes(text)
        files.private_folder(self.paths.local_recipes)
        self._refuse_odd(path)
        try:
            files.write_whole(path, data, expected=expected)
        except OSError as error:
            raise DvmError(f"{path} could not be written: {error.strerror}.", "Nothing was changed.") from error
        return files.digest(data)

    def delete(self, name: str, expected: str) -> None:
        """Delete the local recipe that was shown. Raises NotFound, UsageError for a link, ChangedOnDisk."""
        path = self.path(name)
        self._refuse_odd(path)
        if files.digest(self.text(name).encode()) != expected:
            raise files.ChangedOnDisk(f"{path} was changed meanwhile.", "Nothing was deleted.")
        try:
            path.unlink()
            files.sync_folder(path.parent)
        except OSError as error:
            raise DvmError(f"{path} could not be deleted: {error.strerror}.", "Delete it by hand.") from error

    def _refuse_odd(self, path: Path) -> None:
        """Refuse what lies there and is no file of the folder itself: a link could lead anywhere."""
        if self.paths.local_recipes.is_symlink():
            raise UsageError(
                f"{self.paths.local_recipes} is a link.", "dvm writes no recipe through it: change the files there."
            )
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UsageError(f"{path} is not a plain file.", "Move it away; dvm does not write through it.")


def template(name: str) -> str:
    """The text that a new recipe begins with."""
    word = name.replace("-", "_")
    return TEMPLATE.format(name=name, word=word, variable=word.upper())


def script_bytes(text: str) -> bytes:
    """The bytes of a script that a guest can run: Unix line ends, one at the end. Raises UsageError."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    data = b""
    with suppress(UnicodeEncodeError):
        data = plain.encode()
    if not plain.strip():
        raise UsageError("The recipe is empty.", "Write a script.")
    if not data or "\0" in plain:
        raise UsageError("The recipe holds characters that no script can hold.", "Write plain UTF-8 text.")
    if len(data) > RECIPE_BYTES:
        raise UsageError(f"The recipe is larger than {RECIPE_BYTES} bytes.", "Make it smaller.")
    return data
