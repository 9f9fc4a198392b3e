"""What the query string asks of the list, and the filter chips with their counts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from dvmweb.web.list.card import Card
from dvmweb.web.ui.preferences import SORTS

FILTERS = {
    "": "All",
    "running": "Running",
    "unsaved": "Unsaved work",
    "unknown": "Not known",
    "waiting": "Agent waiting",
    "agent": "Agent",
    "service": "Services",
    "clean": "No unsaved work",
}
CHOICES = ("recipe", "kind")
QUERY_LENGTH = 200  # characters
WORD_LENGTH = 80


@dataclass(frozen=True)
class Filter:
    """A filter of the list."""

    name: str
    text: str
    number: int
    query: str
    is_current: bool


@dataclass(frozen=True)
class Choice:
    """A list to choose from: all recipes of the VMs, or all kinds."""

    name: str
    title: str  # of no choice
    options: tuple[tuple[str, int], ...]  # each with its number of VMs
    value: str


@dataclass(frozen=True)
class ListQuery:
    """What the query string asks for."""

    query: str = ""
    show: str = ""
    recipe: str = ""
    kind: str = ""
    sort: str = ""  # "" for the user's own
    is_descending: bool = False
    seen: str = ""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> ListQuery:
        """Read the query string; an unknown filter or column counts as none."""
        show, sort = arguments.get("show", ""), arguments.get("sort", "")
        return cls(
            query=arguments.get("q", "")[:QUERY_LENGTH].strip(),
            show=show if show in FILTERS else "",
            recipe=arguments.get("recipe", "")[:WORD_LENGTH],
            kind=arguments.get("kind", "")[:WORD_LENGTH],
            sort=sort if sort in SORTS else "",
            is_descending=arguments.get("direction") == "descending",
            seen=arguments.get("seen", ""),
        )

    @property
    def is_filtered(self) -> bool:
        """Whether some VMs can be left out."""
        return bool(self.query or self.show or self.recipe or self.kind)

    def shows(self, one: Card) -> bool:
        """Return whether a card has every tag and contains every word."""
        wanted = (self.show, self.recipe and f"recipe={self.recipe}", self.kind and f"kind={self.kind}")
        has_tags = all(tag in one.tags for tag in wanted if tag)
        return has_tags and all(word in one.search for word in self.query.lower().split())

    def address(self, **changes: object) -> str:
        """Return the query string of this list with changes, "" for the whole list."""
        one = replace(self, **changes)  # type: ignore[arg-type]
        facts = {"q": one.query, "show": one.show, "recipe": one.recipe, "kind": one.kind, "sort": one.sort}
        if one.sort and one.is_descending:
            facts["direction"] = "descending"
        words = {name: value for name, value in facts.items() if value}
        return f"?{urlencode(words)}" if words else ""


def filters(every: Sequence[Card], wanted: ListQuery) -> tuple[Filter, ...]:
    """Return the chips: *All*, those that show a VM, and the current one."""
    found = []
    for name, text in FILTERS.items():
        number = sum(not name or name in one.tags for one in every)
        if number or not name or wanted.show == name:
            found.append(Filter(name, text, number, wanted.address(show=name), wanted.show == name))
    return tuple(found)


def choices(every: Sequence[Card], wanted: ListQuery) -> tuple[Choice, ...]:
    """Return the lists of recipes and kinds; one of a single word is left out, as it leaves out nothing."""
    found = []
    for name, title in zip(CHOICES, ("All recipes", "All kinds"), strict=True):
        value = wanted.recipe if name == "recipe" else wanted.kind
        counted = Counter(tag.partition("=")[2] for one in every for tag in one.tags if tag.startswith(f"{name}="))
        options = tuple(sorted(counted.items()))
        if len(options) > 1 or value:
            found.append(Choice(name, title, options, value))
    return tuple(found)
