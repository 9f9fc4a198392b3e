"""Words and operators of a bash file, as values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

ASSIGNS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_GLOB = frozenset("*?[{")
_OTHER_HOME = re.compile(r"(?:^|[:=])~(?![/:]|$)")


@dataclass(frozen=True)
class Text:
    """Text of a word."""

    text: str
    is_quoted: bool


@dataclass(frozen=True)
class Variable:
    """`$NAME`, `${NAME:-default}`, `${NAME:=default}` or `${NAME[@]}`."""

    name: str
    is_quoted: bool
    default: tuple[Part, ...] | None = None
    sets: bool = False
    is_list: bool = False


Part: TypeAlias = Text | Variable


@dataclass(frozen=True)
class Word:
    """One word; `items` are the elements of `NAME=(...)`, whose `NAME=` is then its only part."""

    parts: tuple[Part, ...]
    line: int
    last: int
    fault: str = ""  # why it cannot be understood
    items: tuple[Word, ...] | None = None

    @property
    def plain(self) -> str | None:
        """The text of a word without quotes, variables and faults, else None."""
        is_plain = not self.fault and self.items is None
        texts = [part.text for part in self.parts if isinstance(part, Text) and not part.is_quoted]
        return "".join(texts) if is_plain and len(texts) == len(self.parts) else None


@dataclass(frozen=True)
class Operator:
    """`;`, `&&`, `(` and so on, and a line end; with it the here-documents that begin there, up to line `last`."""

    text: str
    line: int
    last: int


Token: TypeAlias = Word | Operator


def has_pattern(word: Word) -> bool:
    """Whether bash would expand it to names of files, or to several words."""
    return any(isinstance(part, Text) and not part.is_quoted and _GLOB & set(part.text) for part in word.parts)


def has_other_home(word: Word) -> bool:
    """Whether bash would expand a `~NAME` or `~-` in it; a plain `~` means the home in the guest."""
    texts = (part.text for part in word.parts if isinstance(part, Text) and not part.is_quoted)
    return any(_OTHER_HOME.search(text) for text in texts)


def assignment(word: Word) -> tuple[str, bool, Word] | None:
    """The name, whether it appends, and the value of `NAME=value`; None for another word."""
    first = word.parts[0] if word.parts else None
    found = ASSIGNS.match(first.text) if isinstance(first, Text) and not first.is_quoted else None
    if found is None or not isinstance(first, Text):
        return None
    rest = first.text[found.end() :]
    parts = (Text(rest, False), *word.parts[1:]) if rest else word.parts[1:]
    value = Word(parts, word.line, word.last, word.fault, word.items)
    return found[0].rstrip("=").rstrip("+"), found[0].endswith("+="), value


def merged(parts: list[Part]) -> tuple[Part, ...]:
    """The parts, with neighbouring texts as one."""
    found: list[Part] = []
    texts: list[str] = []
    for number, part in enumerate(parts):
        if not isinstance(part, Text):
            found.append(part)
            continue
        texts.append(part.text)
        following = parts[number + 1] if number + 1 < len(parts) else None
        if not isinstance(following, Text) or following.is_quoted != part.is_quoted:
            found.append(Text("".join(texts), part.is_quoted))
            texts = []
    return tuple(found)
