"""The command lines by which a person enters a guest, and how any command line is shown."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dvmweb.guest_text import visible
from dvmweb.lima import commands
from dvmweb.lima.guest_script import BOOTSTRAP

# Constant scripts; the code dir, the terminal and the command are arguments. A code dir that is not there yet means the
# home. They pass through two shells, one of which may be fish: no single quote, and a backslash only before a digit.
# A TERM that the guest has no description of would break every full-screen program. COLORTERM does not arrive over
# Lima's shared connection.
KNOWN_TERM = """known() {
  for d in ~/.terminfo /etc/terminfo /lib/terminfo /usr/share/terminfo; do
    [ -e "$d/${1%"${1#?}"}/$1" ] && return
  done
  return 1
}
known "${TERM:-none}" || { for TERM in xterm-256color xterm vt100 dumb; do known "$TERM" && break; done; export TERM; }
"""
SHELL = (
    KNOWN_TERM
    + """cd -- "$1" 2>/dev/null
[ -z "$2" ] || export DVM_TERMINAL="$2" COLORTERM=truecolor
exec "${SHELL:-/bin/bash}" -l"""
)
# An agent's hooks write one word into $DVM_TELL; it reaches the terminal as an escape sequence that shows nothing.
AGENT = (
    KNOWN_TERM
    + '''cd -- "$1" 2>/dev/null
export DVM_TERMINAL="$2" COLORTERM=truecolor
shift 2
command -v "$1" >/dev/null || {
  echo "$1 is not installed in this VM. Add its recipe to the config, then sync."
  exit 127
}
trap : INT QUIT
d=$(mktemp -d /tmp/dvm-tell.XXXXXXXX) && chmod 711 "$d" && mkfifo "$d/tell" && chmod 622 "$d/tell" && {
  export DVM_TELL=$d/tell
  (
    trap "" INT QUIT TSTP
    while IFS= read -r -n 16 word; do
      case $word in works | waits) printf "\\033]777;dvm;%s\\007" "$word" ;; esac
    done <>"$DVM_TELL"
  ) &
  relay=$!
}
"$@"
code=$?
[ -z "$relay" ] || kill "$relay" 2>/dev/null
[ -z "$d" ] || rm -rf -- "$d"
exit "$code"'''
)
BOOTSTRAP_QUOTED = shlex.quote(BOOTSTRAP)
COMMAND = 'cd -- "$1" 2>/dev/null; shift; exec env -- "$@"'


def enter(instance: str, code_dir: str, command: Sequence[str] = (), terminal: str = "") -> tuple[str, ...]:
    """Open the guest user's own shell in the code dir, or run `command` there; its exit code is the guest's.

    The processes of a shell have DVM_TERMINAL=`terminal` in their environment, by which they are found again.
    """
    if command:
        return commands.shell(instance, ("bash", "-c", COMMAND, "dvm-enter", code_dir, *command))
    return commands.shell(instance, ("bash", "-c", SHELL, "dvm-enter", code_dir, terminal))


def enter_agent(instance: str, code_dir: str, command: Sequence[str], terminal: str) -> tuple[str, ...]:
    """Run an agent in the code dir, with a pipe through which its hooks tell how it stands."""
    return commands.shell(instance, ("bash", "-c", AGENT, "dvm-enter", code_dir, terminal, *command))


def shown(argv: Sequence[str]) -> str:
    """A command line that can be copied into a shell.

    A word with hidden characters is shown with marks; the fixed words that start a guest script are cut short.
    """
    return " ".join("'…'" if word == BOOTSTRAP else _word(word) for word in argv)


def _word(word: str) -> str:
    if BOOTSTRAP_QUOTED in word:  # inside the one word that ssh takes
        word = word.replace(BOOTSTRAP_QUOTED, "'…'")
    return shlex.quote(word) if visible(word, len(word)) == word else visible(word)
