"""The command lines by which a person enters a guest, and how any command line is shown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dvmweb.guest_text import visible
from dvmweb.lima import commands
from dvmweb.lima.guest_script import BOOTSTRAP

# Constant scripts; the code dir and the command are arguments. A code dir that is not there yet means the home.
SHELL = 'cd -- "$1" 2>/dev/null; exec "${SHELL:-/bin/bash}" -l'
BOOTSTRAP_QUOTED = shlex.quote(BOOTSTRAP)
COMMAND = 'cd -- "$1" 2>/dev/null; shift; exec env -- "$@"'


def enter(instance: str, code_dir: str, command: Sequence[str] = ()) -> tuple[str, ...]:
    """Open the guest user's own shell in the code dir, or run `command` there; its exit code is the guest's."""
    script = COMMAND if command else SHELL
    return commands.shell(instance, ("bash", "-c", script, "dvm-enter", code_dir, *command))


def shown(argv: Sequence[str]) -> str:
    """A command line that can be copied into a shell.

    A word with hidden characters is shown with marks; the fixed words that start a guest script are cut short.
    """
    return " ".join("'…'" if word == BOOTSTRAP else _word(word) for word in argv)


def _word(word: str) -> str:
    if BOOTSTRAP_QUOTED in word:  # inside the one word that ssh takes
        word = word.replace(BOOTSTRAP_QUOTED, "'…'")
    return shlex.quote(word) if visible(word, len(word)) == word else visible(word)
