"""The frozen values that the templates of the form show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvmweb import recipes
from dvmweb.config.model import Defaults, FormField
from dvmweb.errors import DvmError
from dvmweb.verbs.drafts import Draft
from dvmweb.web.form.input import Typed
from dvmweb.web.form.messages import Link


@dataclass(frozen=True)
class Choice:
    """One option of a select."""

    value: str
    label: str
    is_chosen: bool


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
    kind: str  # text, number, choice or secret
    errors: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    suggestions: tuple[str, ...] = ()
    is_required: bool = False  # by its recipe
    is_optional: bool = False  # an empty input means no value

    @property
    def described_by(self) -> str:
        """Return the ids of the texts that describe the input."""
        parts = ("error" if self.errors else "", "help" if self.help else "", "note" if self.note else "")
        return " ".join(f"{self.id}-{part}" for part in parts if part)


@dataclass(frozen=True)
class Group:
    """A panel of inputs."""

    id: str
    title: str
    fields: tuple[Field, ...]  # below each other
    trio: tuple[Field, ...] = ()  # side by side
    below: tuple[Field, ...] = ()


@dataclass(frozen=True)
class RecipeRow:
    """One recipe or bundle that can be chosen."""

    name: str  # safe to show
    value: str  # as it is, for the input
    id: str
    tag: str  # its category, "bundle", "unknown recipe" or "invalid"
    summary: str
    is_chosen: bool
    added: str  # why it was added automatically, "" if it was not
    facts: str  # which recipes it requires, and the ports it listens on
    fields: tuple[Field, ...]
    is_open: bool  # its params have values, so they are shown even if it is not chosen
    errors: tuple[str, ...]


@dataclass(frozen=True)
class FormView:
    """All inputs of the form."""

    project: Group
    system: Group
    recipes: tuple[RecipeRow, ...]
    recipe_errors: tuple[str, ...]
    errors: tuple[Link, ...]  # all of them, for the list
    secrets: tuple[str, ...]  # names of inputs that no preview sends


@dataclass(frozen=True)
class Shown:
    """The data from which a form is rendered."""

    typed: Typed
    draft: Draft
    defaults: Defaults
    fields: tuple[FormField, ...]
    catalog: tuple[recipes.Recipe | DvmError, ...]  # the error for a recipe that cannot be read
    catalog_names: tuple[str, ...]
    notes: Mapping[str, str]  # by field: what the host has left, what is on disk now
    has_errors: bool  # whether problems are shown: not before the first input
