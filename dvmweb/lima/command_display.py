"""Command lines as text for people: ready to copy, or as a comment if they cannot run as they are."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dvmweb.guest_text import visible
from dvmweb.lima.ledger import LONGEST_WORD
from dvmweb.lima.script_payload import BOOTSTRAP

# Comments, so that they are harmless if they are pasted together with other lines.
ON_STDIN = "# cannot be copied (script on stdin): "
IS_CUT = "# cannot be copied (only the start was kept): "
BOOTSTRAP_QUOTED = shlex.quote(BOOTSTRAP)


def shown(argv: Sequence[str]) -> str:
    """A command line on one line, ready to copy into a shell; hidden characters are written as escapes.

    If it cannot run as it is, it is a comment with the reason: its script comes on stdin, or the ledger has cut it.
    """
    text = " ".join("'…'" if word == BOOTSTRAP else _word(word) for word in argv)
    if any(BOOTSTRAP in word or BOOTSTRAP_QUOTED in word for word in argv):
        return f"{ON_STDIN}{text}"
    return f"{IS_CUT}{text}" if any(_is_cut(word) for word in argv) else text


def _is_cut(word: str) -> bool:
    """Whether the ledger kept only a part of the command line."""
    return (len(word) > LONGEST_WORD and word.endswith("…")) or word.startswith("… (+")


def _word(word: str) -> str:
    if BOOTSTRAP_QUOTED in word:  # inside the single argument of ssh
        word = word.replace(BOOTSTRAP_QUOTED, "'…'")
    return shlex.quote(word) if visible(word, len(word)) == word else f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    """A character as an escape for $'...' in bash (also 3.2, on macOS) and zsh."""
    if character in "\\'":
        return f"\\{character}"
    if visible(character) == character:
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
