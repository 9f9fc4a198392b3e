"""How a command line is shown to a person: copyable where it runs as it stands, else a comment that says why not."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dvmweb.guest_text import visible
from dvmweb.lima.ledger import LONGEST_WORD
from dvmweb.lima.script_payload import BOOTSTRAP

# As comments such lines do no harm where they are pasted with others.
ON_STDIN = "# not to copy, its script goes in on stdin: "
IS_CUT = "# not to copy, only its beginning was kept: "
BOOTSTRAP_QUOTED = shlex.quote(BOOTSTRAP)


def shown(argv: Sequence[str]) -> str:
    """A command line that can be copied into a shell, on one line: hidden characters stand in it as escapes.

    One that does not run as it stands is a comment, with the reason: a guest script goes in on stdin, or it is cut.
    """
    text = " ".join("'…'" if word == BOOTSTRAP else _word(word) for word in argv)
    if any(BOOTSTRAP in word or BOOTSTRAP_QUOTED in word for word in argv):
        return f"{ON_STDIN}{text}"
    return f"{IS_CUT}{text}" if any(_is_cut(word) for word in argv) else text


def _is_cut(word: str) -> bool:
    """Say whether the ledger kept only the beginning of a word, or of the words."""
    return (len(word) > LONGEST_WORD and word.endswith("…")) or word.startswith("… (+")


def _word(word: str) -> str:
    if BOOTSTRAP_QUOTED in word:  # inside the one word that ssh takes
        word = word.replace(BOOTSTRAP_QUOTED, "'…'")
    return shlex.quote(word) if visible(word, len(word)) == word else f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    """A character as it stands in $'...' of bash and zsh, also of the bash 3.2 of macOS."""
    if character in "\\'":
        return f"\\{character}"
    if visible(character) == character:
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
