"""Form inputs for the secrets of one sync. Their values go to the job and never into a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from dvmweb.guest_text import visible
from dvmweb.verbs.recipes.requirements import Secret
from dvmweb.web.ui.values import SECRET


@dataclass(frozen=True)
class SecretField:
    """One input."""

    field: str
    id: str
    label: str
    help: str
    recipes: str
    is_required: bool  # a sync fails without it
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
    """When to enter it. Only the recipe knows whether the guest already has a secret that it keeps."""
    if one.is_kept:
        return "Kept in the guest: enter it the first time, and to change it. Never saved on the host."
    if one.is_needed:
        return "Required when the recipe runs. Never saved."
    return "The recipe is already applied: enter it only to run the recipe again. Never saved."


def given(form: MultiDict[str, str]) -> dict[str, bytes]:
    """The values from the form, by the name of the secret."""
    found = {name: next((one for one in form.getlist(name) if one), "") for name in form if name.startswith(SECRET)}
    return {name.removeprefix(SECRET): text.encode() for name, text in found.items() if text}
