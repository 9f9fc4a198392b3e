"""The chosen recipes as chips, in the order in which a sync runs them, with those that they require. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvmweb.guest_text import visible
from dvmweb.recipes import Recipe


@dataclass(frozen=True)
class Chip:
    """One recipe or bundle; a chosen one can be moved and removed."""

    name: str  # safe to show
    value: str  # as it is
    reason: str  # why a recipe runs that was not chosen: "for claude"; "" for a chosen one
    is_bad: bool = False  # chosen, and it cannot run

    @property
    def is_chosen(self) -> bool:
        return not self.reason


def chips(
    chosen: Sequence[str], ordered: Sequence[Recipe], bundles: Mapping[str, Sequence[str]], kind: str
) -> tuple[Chip, ...]:
    """Return the chips for the `chosen` names; `ordered` are all recipes of the sync, as they run."""
    shown: dict[str, Chip] = {}
    for recipe in ordered:
        owners = [name for name in chosen if recipe.name in bundles.get(name, ())]
        for owner in owners:  # a bundle stands before its first recipe
            shown.setdefault(owner, _chosen(owner))
        if recipe.name in chosen:
            shown[recipe.name] = _chosen(recipe.name)
        else:
            reason = _reason(recipe.name, owners, ordered, kind)
            shown[recipe.name] = Chip(visible(recipe.name, 60), recipe.name, reason)
    rest = [name for name in chosen if name not in shown]
    return (*shown.values(), *(Chip(visible(name, 60), name, "", is_bad=True) for name in rest))


def _chosen(name: str) -> Chip:
    return Chip(visible(name, 60), name, "")


def _reason(name: str, owners: Sequence[str], ordered: Sequence[Recipe], kind: str) -> str:
    needing = [recipe.name for recipe in ordered if name in recipe.needs]
    if name == "baseline":
        return "always first"
    if name == kind:
        return "for the kind"
    return f"for {' and '.join(owners or needing)}" if owners or needing else "inherited"
