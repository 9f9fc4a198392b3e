"""The groups in which recipes are offered, by what people look for. Pure."""

from __future__ import annotations

BY_CATEGORY = {  # by the category of the recipe header
    "agent": "Agents",
    "language": "Languages",
    "shell": "Shell",
    "dotfiles": "Shell",
    "editor": "Editors",
    "git": "Git",
    "service": "Services",
    "network": "Services",
}
OTHER = "Other"
GROUPS = (*dict.fromkeys(BY_CATEGORY.values()), OTHER)  # in their order


def group_of(category: str) -> str:
    """Return the group of a category of the recipe header."""
    return BY_CATEGORY.get(category, OTHER)
