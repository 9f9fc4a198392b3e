"""Creates, forks, saves and deletes local recipes; writes only in their folder."""

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
from dvmweb.recipes.catalog import SUFFIX, RecipeCatalog

PIN_LINES = 10  # a fork's pin is in the first lines of the file
_PIN = re.compile(r"# dvm fork of ([a-z0-9-]{1,40}), dvm (\S{1,40}), sha256 ([0-9a-f]{64})")

TEMPLATE = """\
#!/usr/bin/env bash
# /// recipe
# summary: {name}
# category: other
# needs: [baseline]
# params:
#   {word}_version: {{label: Version, default: latest}}
# probe: command -v {name}
# ///
set -euo pipefail
# shellcheck source=_lib.sh
. "$DVM_LIB"

# A recipe must be safe to run twice. Each param is a variable, here $DVM_{variable}_VERSION.
# docs/reference/recipe-header.md lists the functions of _lib.sh, such as pkg_install.
say "Installing {name} $DVM_{variable}_VERSION"
pkg_install {name}
"""


@dataclass(frozen=True)
class Pin:
    """The bundled recipe that a fork was copied from."""

    recipe: str
    version: str  # of dvm
    digest: str  # SHA-256 of the bundled text


def pin_of(text: str) -> Pin | None:
    """The pin of a fork, None for a recipe that is not a fork."""
    found = next((match for line in text.split("\n", PIN_LINES)[:PIN_LINES] if (match := _PIN.fullmatch(line))), None)
    return Pin(*found.groups()) if found else None


def unpinned(text: str) -> str:
    """The text without its pin."""
    return "\n".join(line for line in text.split("\n") if not _PIN.fullmatch(line))


def pinned(name: str, text: str) -> str:
    """The text of a fork of the bundled `text`."""
    pin = f"# dvm fork of {name}, dvm {__version__}, sha256 {files.digest(text.encode())}"
    first, line_end, rest = text.partition("\n")
    return f"{first}{line_end}{pin}\n{rest}" if first.startswith("#!") else f"{pin}\n{text}"


def difference(bundled: str, local: str, path: Path) -> tuple[str, ...]:
    """The lines of a unified diff from the bundled recipe to the local one, ignoring the pin."""
    ours, theirs = bundled.splitlines(), unpinned(local).splitlines()
    return tuple(difflib.unified_diff(ours, theirs, f"bundled/{path.name}", str(path), lineterm=""))


@dataclass(frozen=True)
class LocalRecipes:
    """The folder of local recipes. Nothing is cached: each call reads the files."""

    paths: Paths

    def path(self, name: str) -> Path:
        """The path of the local recipe, which need not exist. Raises UsageError for an invalid name."""
        if not is_recipe_name(name):
            raise UsageError(
                f"{visible(name, 60)!r} is not a recipe name.",
                "Start with a lowercase letter and use lowercase letters, digits and single hyphens, "
                "at most 40 characters.",
            )
        return self.paths.local_recipes / f"{name}{SUFFIX}"

    def has(self, name: str) -> bool:
        """Whether the path of the local recipe exists; a broken link counts."""
        path = self.path(name)
        return path.exists() or path.is_symlink()

    def text(self, name: str) -> str:
        """The text of the local recipe. Raises NotFound, and ConfigError if it is not a plain script."""
        if not self.has(name):
            raise NotFound(f"There is no local recipe {name}.", f"Create it: `dvm recipe new {name}`")
        return files.read_script(self.path(name))

    def bundled(self, name: str) -> str:
        """The text of the bundled recipe. Raises NotFound."""
        path = RecipeCatalog(self.paths).bundled(self.path(name).stem)
        if path is None:
            raise NotFound(f"There is no bundled recipe {name}.", "List all recipes: `dvm recipe ls`")
        return files.read_script(path)

    def has_bundled(self, name: str) -> bool:
        """Whether there is a bundled recipe of this name."""
        return is_recipe_name(name) and RecipeCatalog(self.paths).bundled(name) is not None

    def new(self, name: str) -> Path:
        """Create a local recipe from the template. Raises UsageError if there is a recipe of that name."""
        if self.has_bundled(name):
            raise UsageError(
                f"There is a bundled recipe {name}, which the new one would hide.",
                f"Customize it with `dvm recipe fork {name}`, or choose another name.",
            )
        return self.create(name, template(name))

    def fork(self, name: str) -> Path:
        """Copy the bundled recipe to the user's folder, with a pin. Raises NotFound, and UsageError if it exists."""
        return self.create(name, pinned(name, self.bundled(name)))

    def create(self, name: str, text: str) -> Path:
        """Write a new local recipe. Raises UsageError if it exists."""
        if self.has(name):
            raise UsageError(f"{self.path(name)} already exists.", "Edit it, or move it away first.")
        self.save(name, text, "")
        return self.path(name)

    def save(self, name: str, text: str, expected: str) -> str:
        """Write a local recipe and return its digest. `expected`: the digest of the file as it was read, "" for none.

        Raises ChangedOnDisk if the file has changed, and UsageError for a link or an invalid or too long text; nothing
        is written then.
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
        """Delete the local recipe of digest `expected`. Raises NotFound, UsageError for a link, ChangedOnDisk."""
        path = self.path(name)
        self._refuse_odd(path)
        if files.digest(self.text(name).encode()) != expected:
            raise files.ChangedOnDisk(f"{path} has changed since it was shown.", "Nothing was deleted.")
        try:
            path.unlink()
            files.sync_folder(path.parent)
        except OSError as error:
            raise DvmError(f"{path} could not be deleted: {error.strerror}.", "Delete it manually.") from error

    def _refuse_odd(self, path: Path) -> None:
        """Raise UsageError if the path is not a plain file in the folder itself: a link could point anywhere."""
        if self.paths.local_recipes.is_symlink():
            raise UsageError(
                f"{self.paths.local_recipes} is a link.", "dvm does not write through links: edit the files there."
            )
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UsageError(f"{path} is not a plain file.", "Move it away; dvm does not write through links.")


def template(name: str) -> str:
    """The text of a new recipe."""
    word = name.replace("-", "_")
    return TEMPLATE.format(name=name, word=word, variable=word.upper())


def script_bytes(text: str) -> bytes:
    """The bytes of a script, with Unix line ends and one at the end. Raises UsageError."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    data = b""
    with suppress(UnicodeEncodeError):
        data = plain.encode()
    if not plain.strip():
        raise UsageError("The recipe is empty.", "Write a script.")
    if not data or "\0" in plain:
        raise UsageError("The recipe has characters that are not allowed in a script.", "Use plain UTF-8 text.")
    if len(data) > RECIPE_BYTES:
        raise UsageError(f"The recipe is larger than {RECIPE_BYTES} bytes.", "Make it smaller.")
    return data
