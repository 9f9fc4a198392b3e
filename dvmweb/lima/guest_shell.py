"""The command lines that open a shell, a command or an agent in a guest."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from dvmweb.lima import commands, direct_ssh
from dvmweb.lima.client import Lima
from dvmweb.paths import CHILD_VARIABLES

# Constant scripts; the code folder, the terminal and the command are arguments. If the code folder does not exist, they
# run in the home. They pass through two shells, one of which can be fish: no single quotes, and a backslash only before
# a digit. A TERM that the guest does not know would break every full-screen program. Lima's shared connection does not
# pass COLORTERM on.
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
# An agent's hooks write one word into $DVM_TELL; it is sent to the terminal as an escape sequence that shows nothing.
# The variable keeps its old name, because wrappers that are installed in guests and users' own hooks read it.
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
# What a login shell reads, without starting another shell. On a slow guest that takes the most time, mostly for the two
# programs that Debian's profiles run; functions replace them here.
LOGIN = """id() { if [ "$*" = -u ]; then echo "$EUID"; else command id "$@"; fi; }
locale() { [ "$#" -eq 0 ] || command locale "$@"; }
if [ -r /etc/profile ]; then . /etc/profile; fi
for dvm in ~/.bash_profile ~/.bash_login ~/.profile; do
  if [ -r "$dvm" ]; then . "$dvm"; break; fi
done
unset -f id locale
unset -v dvm"""
COMMAND = 'cd -- "$1" 2>/dev/null; shift; exec env -- "$@"'


def enter(instance: str, code_dir: str, command: Sequence[str] = (), terminal: str = "") -> tuple[str, ...]:
    """The command line that opens the guest user's shell in the code folder, or runs `command` there.

    The processes of the shell have DVM_TERMINAL=`terminal` in their environment, so that they can be found.
    """
    if command:
        return commands.shell(instance, ("bash", "-c", COMMAND, "dvm-enter", code_dir, *command))
    return commands.shell(instance, ("bash", "-c", SHELL, "dvm-enter", code_dir, terminal))


def enter_agent(instance: str, code_dir: str, command: Sequence[str], terminal: str) -> tuple[str, ...]:
    """The command line that runs an agent in the code folder, with a pipe for the status that its hooks report."""
    return commands.shell(instance, ("bash", "-c", AGENT, "dvm-enter", code_dir, terminal, *command))


def enter_directly(lima: Lima, instance: str, code_dir: str, command: Sequence[str]) -> int | None:
    """Open a shell or run `command` over plain ssh and store the route; None if it needs `limactl shell`."""
    route = direct_ssh.store_route(lima.environ, lima.paths.vm_state(lima.vm), _route(lima, instance, code_dir))
    if route is None or (command and command[0].startswith("-")):
        return None
    return direct_ssh.follow(route, command, lima.environ)


def _route(lima: Lima, instance: str, code_dir: str) -> tuple[tuple[str, ...], ...]:
    """The route into a VM for `direct_ssh`, and the files on which it depends."""
    paths, engine = lima.paths, lima.engine
    on = (paths.vm_config(lima.vm), paths.config_file, Path(engine.limactl[0]), Path(__file__))
    environment = lima.environment(network=True)
    fixed = tuple(f"{name}={value}" for name, value in environment.items() if name not in CHILD_VARIABLES - {"HOME"})
    return (
        tuple(direct_ssh.stamped([str(path) for path in on])),
        (engine.kind, str(paths.lima_home / instance), commands.ssh_alias(instance)),
        engine.ssh,
        (
            f"eval {shlex.quote(LOGIN)}; cd -- {shlex.quote(code_dir)} 2>/dev/null",
            _login(COMMAND, code_dir),
            f"exec {_login(SHELL, code_dir, '')}",
        ),
        tuple(sorted(CHILD_VARIABLES - {"HOME"})),
        fixed,
    )


def _login(script: str, *words: str) -> str:
    """The command in a login shell, as limactl runs it, but with one shell instead of two."""
    return shlex.join(("/bin/bash", "-lc", script, "dvm-enter", *words))
