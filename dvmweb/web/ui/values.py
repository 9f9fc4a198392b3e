"""Frozen values that pages of several areas show: a state, a button, a waiting terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SECRET = "secret."  # prefix of the names of inputs for secrets  # noqa: S105


@dataclass(frozen=True)
class Badge:
    """A state: text, icon and colour."""

    tone: str  # ok idle warn bad info
    icon: str
    word: str
    age: str = ""
    title: str = ""


@dataclass(frozen=True)
class Mark:
    """A terminal of a VM that waits for the user."""

    id: str  # of the element
    path: str  # below the prefix
    text: str
    age: str


@dataclass(frozen=True)
class Action:
    """A button: a link, or a form with one button."""

    id: str  # of the element, so that focus survives a refresh
    text: str
    icon: str
    path: str  # below the prefix
    is_post: bool = True
    tone: str = ""  # primary danger quiet
    fields: Mapping[str, str] | None = None
