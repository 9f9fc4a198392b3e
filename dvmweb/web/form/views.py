"""The frozen values that the templates of the form show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvmweb import recipes
from dvmweb.config.model import Defaults, FormField
from dvmweb.errors import DvmError
from dvmweb.verbs.drafts import Draft
from dvmweb.web.form.chips import Chip
from dvmweb.web.form.input import Typed
from dvmweb.web.form.messages import Link
from dvmweb.web.form.sizes import Size


@dataclass(frozen=True)
class Choice:
    """One option of a select, or one of a row of segments."""

    value: str
    label: str
    is_chosen: bool
    stands_for: str = ""  # of a segment: the value, also where the default is chosen
    id: str = ""  # of a segment


@dataclass(frozen=True)
class Field:
    """One input with its label, help, note and errors."""

    name: str
    id: str
    label: str
    help: str  # shown behind the "?"
    value: str
    placeholder: str
    note: str  # a fact shown below the input: what the host has left, or what is on disk
    kind: str  # text, number, size, choice, segments, switch or secret
    errors: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    sends: tuple[str, str] = ("", "")  # of a switch: what it posts when it is off, and on
    is_on: bool = False  # of a switch
    is_required: bool = False  # by its recipe
    is_optional: bool = False  # an empty input means no value

    @property
    def described_by(self) -> str:
        """Return the ids of the texts that describe the input."""
        parts = ("error" if self.errors else "", "help" if self.help else "", "note" if self.note else "")
        return " ".join(f"{self.id}-{part}" for part in parts if part)


@dataclass(frozen=True)
class RecipeRow:
    """One recipe or bundle that can be chosen."""

    name: str  # safe to show
    value: str  # as it is, for the input
    id: str
    group: str
    tag: str  # its category, "bundle", "unknown recipe" or "invalid"
    summary: str
    is_chosen: bool
    added: str  # why it was added automatically, "" if it was not
    facts: str  # which recipes it requires, and the ports it listens on
    fields: tuple[Field, ...]
    is_open: bool  # its params are shown even if it is not chosen: they have values, or are asked for
    errors: tuple[str, ...]
    is_yours: bool = False
    mark: str = ""  # the word beside its name: yours, bundle, unknown recipe or invalid
    needs_input: bool = False  # a secret or a required param, to be entered also if another recipe requires it
    of_kind: bool = False  # a kind of VM runs it, so its params stand beside the kind


@dataclass(frozen=True)
class RecipeGroup:
    """Recipes under one heading."""

    title: str
    rows: tuple[RecipeRow, ...]


@dataclass(frozen=True)
class ImageChoice:
    """The select that fills the input of the image."""

    choices: tuple[Choice, ...]
    is_other: bool  # the image is none of them


@dataclass(frozen=True)
class FormView:
    """All inputs of the form."""

    main: Mapping[str, Field]  # name, repo, kind, cpus, memory, disk, image and ports by name
    advanced: tuple[Field, ...]
    sizes: tuple[Size, ...]
    image: ImageChoice
    host: str  # what the host has left
    recipes: tuple[RecipeRow, ...]
    groups: tuple[RecipeGroup, ...]
    chips: tuple[Chip, ...]
    order: tuple[str, ...]  # the chosen recipes as the config lists them
    recipe_errors: tuple[str, ...]
    errors: tuple[Link, ...]  # all of them, for the list
    secrets: tuple[str, ...]  # names of inputs that no preview sends

    @property
    def is_advanced_open(self) -> bool:
        """Return whether a value of the folded part is set or wrong."""
        return any(field.value or field.errors or field.note for field in self.advanced)

    @property
    def has_size_notes(self) -> bool:
        """Return whether a size field has an error or a note, and so must be seen."""
        return any(self.main[name].errors or self.main[name].note for name in ("cpus", "memory", "disk"))


@dataclass(frozen=True)
class Shown:
    """The data from which a form is rendered."""

    typed: Typed
    draft: Draft
    defaults: Defaults
    fields: tuple[FormField, ...]
    catalog: tuple[recipes.Recipe | DvmError, ...]  # the error for a recipe that cannot be read
    catalog_names: tuple[str, ...]
    notes: Mapping[str, str]  # by field: what is on disk now
    host: str
    images: tuple[str, ...]  # that exist
    has_errors: bool  # whether problems are shown: not before the first input
