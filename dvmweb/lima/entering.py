"""The command lines by which a person enters a guest, and how any command line is shown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dvmweb.guest_text import visible
from dvmweb.lima import commands

# Constant scripts; the code dir and the command are arguments. A code dir that is not there yet means the home.
SHELL = 'cd -- "$1" 2>/dev/null; exec "${SHELL:-/bin/bash}" -l'
COMMAND = 'cd -- "$1" 2>/dev/null; shift; exec env -- "$@"'


def enter(instance: str, code_dir: str, command: Sequence[str] = ()) -> tuple[str, ...]:
    """Open the guest user's own shell in the code dir, or run `command` there; its exit code is the guest's."""
    script = COMMAND if command else SHELL
    return commands.shell(instance, ("bash", "-c", script, "dvm-enter", code_dir, *command))


def shown(argv: Sequence[str]) -> str:
    """A command line that can be copied into a shell; a word that holds hidden characters is shown with marks."""
    words = [shlex.quote(word) if visible(word, len(word)) == word else visible(word) for word in argv]
    return " ".join(words)
