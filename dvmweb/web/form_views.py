"""What the templates of the form get: small frozen values, and nothing that they would have to work out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvmweb import recipes
from dvmweb.config.model import Defaults, FormField
from dvmweb.drafts import Draft
from dvmweb.errors import DvmError
from dvmweb.web.form_input import Typed
from dvmweb.web.form_messages import Link


@dataclass(frozen=True)
class Choice:
    """One word of a choice."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Field:
    """One input with what stands around it."""

    name: str
    id: str
    label: str
    help: str
    value: str
    placeholder: str
    note: str  # what an empty input means, or what else is worth knowing
    kind: str  # text, number, choice or secret
    errors: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    suggestions: tuple[str, ...] = ()
    is_optional: bool = False  # an empty input means that there is none

    @property
    def described_by(self) -> str:
        """The ids of the texts that belong to the input."""
        parts = ("error" if self.errors else "", "help" if self.help else "", "note" if self.note else "")
        return " ".join(f"{self.id}-{part}" for part in parts if part)


@dataclass(frozen=True)
class Group:
    """A sheet of inputs."""

    id: str
    title: str
    fields: tuple[Field, ...]  # one under the other
    trio: tuple[Field, ...] = ()  # side by side
    below: tuple[Field, ...] = ()


@dataclass(frozen=True)
class RecipeRow:
    """One recipe or bundle that can be chosen."""

    name: str  # safe to show
    value: str  # as it is, for the input
    id: str
    tag: str  # its category, "local", "bundle" or "not on the shelf"
    summary: str
    is_chosen: bool
    added: str  # why it comes along although nobody chose it, "" otherwise
    facts: str  # what it needs and listens on
    fields: tuple[Field, ...]
    is_open: bool  # its settings say something, so they are shown also where it is not chosen
    errors: tuple[str, ...]


@dataclass(frozen=True)
class FormView:
    """All that can be filled in."""

    project: Group
    system: Group
    recipes: tuple[RecipeRow, ...]
    recipe_errors: tuple[str, ...]
    errors: tuple[Link, ...]  # all of them, for the list on top
    secrets: tuple[str, ...]  # names of inputs whose content no preview may carry


@dataclass(frozen=True)
class Shown:
    """What a form is drawn from."""

    typed: Typed
    draft: Draft
    defaults: Defaults
    fields: tuple[FormField, ...]
    shelf: tuple[recipes.Recipe | DvmError, ...]  # in the place of a recipe that cannot be read: why
    shelf_names: tuple[str, ...]
    notes: Mapping[str, str]  # more to know at a field: what the computer has, what is on the disk meanwhile
    has_errors: bool  # whether problems are told: not before anything was typed
