"""The inputs in which a secret is given to one sync. What is typed there goes to the job, and into no page again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from dvmweb.cookbook.needed import Secret
from dvmweb.guest_text import visible
from dvmweb.web.form_input import SECRET


@dataclass(frozen=True)
class SecretField:
    """One input."""

    field: str
    id: str
    label: str
    help: str
    recipes: str
    is_must: bool  # without it no sync can go on
    note: str


def fields(secrets: Iterable[Secret]) -> tuple[SecretField, ...]:
    """The inputs for the secrets of a VM."""
    return tuple(
        SecretField(
            SECRET + one.name,
            f"secret-{one.name}",
            visible(one.label),
            visible(one.help, 500),
            " and ".join(one.recipes),
            one.is_needed and not one.is_kept,
            _note(one),
        )
        for one in secrets
    )


def _note(one: Secret) -> str:
    """When to type it. Whether a guest has a secret that it keeps, only its recipe can say."""
    if one.is_kept:
        return "The guest keeps it: type it the first time, and to change it. Never saved on this computer."
    if one.is_needed:
        return "Needed when the recipe runs; never saved."
    return "The recipe is applied: type it only to have it run again. Never saved."


def given(form: MultiDict[str, str]) -> dict[str, bytes]:
    """What was typed, by the name of the secret."""
    found = {name: next((one for one in form.getlist(name) if one), "") for name in form if name.startswith(SECRET)}
    return {name.removeprefix(SECRET): text.encode() for name, text in found.items() if text}
