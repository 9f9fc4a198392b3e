"""The groups of the recipe grid, by what people look for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dvmweb.recipes.groups import GROUPS
from dvmweb.web.form.views import RecipeGroup, RecipeRow

BUNDLES = "Bundles"
ORDER = (BUNDLES, *GROUPS)


def grouped(rows: Iterable[RecipeRow]) -> tuple[RecipeGroup, ...]:
    """Return the groups that have recipes; within a group the recipes stay in their order."""
    found: dict[str, list[RecipeRow]] = {title: [] for title in ORDER}
    for row in rows:
        found[row.group].append(row)
    return tuple(RecipeGroup(title, _ordered(group)) for title, group in found.items() if group)


def _ordered(rows: Sequence[RecipeRow]) -> tuple[RecipeRow, ...]:
    """Put the user's own first and what other recipes bring along anyway last."""
    return tuple(sorted(rows, key=lambda row: (not row.is_yours, row.value == "agent-user")))
