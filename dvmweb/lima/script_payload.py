"""Packs a script with its files, variables and secrets for the guest: one payload on stdin, one fixed command line."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dvmweb.errors import UsageError
from dvmweb.names import is_param_name

MARK = "dvm-script"  # $0 of the bootstrap, which marks the command lines of guest scripts
CUT = 70  # exit code if the payload did not arrive completely, or no folder could be created
FILE_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}")
VARIABLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,80}")
MAX_BYTES = 4_000_000
NONCE = "DVM_NONCE"  # the variable that ties an answer to its question

# What `bash -c` runs in the guest. It saves exactly $1 bytes of stdin, so that an incomplete script never runs, and
# nothing in the script can read the rest of it. Stdin stays open while the script runs: its end means that dvm has
# ended or cancelled, and then the script is ended with everything it started. With a second argument, the bytes after
# the payload go to the script through the named pipe `stream`. A signal ends that pipe before the script: a shell can
# lose a TERM just before an exec, and what waits for bytes would then have to be killed. It runs as few programs as
# possible, because each is slow on a slow guest, and does not rely on their output. It contains no backslash and no
# single quote, because it passes through two shells, one of which can be fish.
BOOTSTRAP = """set -m
umask 077
for room in "${XDG_RUNTIME_DIR:-/tmp}" /tmp /tmp; do
  top=$room/dvm.$$.$RANDOM$RANDOM$RANDOM
  mkdir -- "$top" "$top/work" "$top/secrets" >/dev/null 2>&1 && break
  rmdir -- "$top/work" "$top" 2>/dev/null
  top=
done
[ "$top" ] || { echo "dvm: no room in the guest for the script" >&2; exit 70; }
clean_up() { rm -rf -- "$top"; }
trap clean_up EXIT
rest=/dev/null
[ -z "$2" ] || { rest="$top/work/stream"; mkfifo "$rest" || exit 70; }
head -c "$1" >"$top/payload"
(LC_ALL=C; IFS= read -r -d "" -N "$(($1 + 1))" all <"$top/payload"; [ "${#all}" -eq "$1" ]) 2>/dev/null || {
  echo "dvm: the script did not arrive whole in the guest, so nothing was run" >&2
  exit 70
}
exec 3<&0 </dev/null
(cd "$top/work" && . "$top/payload" && : >"$top/payload" && exec bash ./main) 3<&- &
main=$!
end_main() {
  kill -s TERM -- "-$main" || sudo -n kill -s TERM -- "-$main"
  for i in 1 2 3 4 5 6 7; do kill -0 -- "-$main" || break; sleep 0.3; done
  kill -s KILL -- "-$main"
  sudo -n kill -s KILL -- "-$main"
} 2>/dev/null
hear() { if [ "$1" ]; then cat <&3 >"$rest"; else while IFS= read -r -N 1 <&3; do :; done; fi; }
(hear "$2"; : >"$top/gone"; end_main) >/dev/null 2>&1 &
watch=$!
exec 3<&-
set +m
on_signal() { trap : HUP INT TERM; kill -s KILL -- "-$watch" 2>/dev/null; end_main; exit 143; }
trap on_signal HUP INT TERM
{ wait "$main"; code=$?; } 2>/dev/null
{ if [ -e "$top/gone" ]; then wait "$watch"; else kill -s KILL -- "-$watch"; wait "$watch"; fi; } 2>/dev/null
exit "$code"
"""


@dataclass(frozen=True)
class GuestScript:
    """A bash script with its files for the guest. `secrets` are never in argv, an environment or a log."""

    main: str
    files: Mapping[str, str] = field(default_factory=dict)  # name -> text, in the script's working directory
    variables: Mapping[str, str] = field(default_factory=dict)  # exported
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # token -> the file in $DVM_TOKEN_FILE
    takes_stream: bool = False  # reads more bytes from the named pipe `stream` beside it

    def with_nonce(self, nonce: str) -> GuestScript:
        """The same script with another nonce of the same length."""
        return replace(self, variables={**self.variables, NONCE: nonce}) if NONCE in self.variables else self

    def payload(self) -> bytes:
        """The bytes for stdin. Raises UsageError for a name or text that cannot be sent."""
        lines = [
            *(_file_line(name, text) for name, text in {**self.files, "main": self.main}.items()),
            *(_variable_line(name, value) for name, value in self.variables.items()),
            *(_secret_line(name, secret) for name, secret in self.secrets.items()),
        ]
        try:
            data = ("\n".join(lines) + "\n").encode()
        except UnicodeEncodeError as error:
            raise UsageError("A script for the guest is not text.", "Save it as UTF-8.") from error
        if len(data) > MAX_BYTES:
            raise UsageError(f"A script for the guest is larger than {MAX_BYTES} bytes.", "Make it smaller.")
        return data

    def argv(self) -> tuple[str, ...]:
        """The command that runs the payload in the guest; it contains the payload's length and no data."""
        more = ("stream",) if self.takes_stream else ()
        return ("bash", "-c", BOOTSTRAP, MARK, str(len(self.payload())), *more)


def is_guest_script(argv: Sequence[str]) -> bool:
    """Whether a `limactl shell` or `ssh` command line runs a guest script, whose stdin must stay open."""
    return any(word == MARK or f" {MARK} " in word for word in argv)


def _file_line(name: str, text: str) -> str:
    if not FILE_PATTERN.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a file beside a guest script.", "Use letters, digits, `.`, `_`, `-`.")
    return f"printf %s {_quoted(text, name)} >./{name} || exit {CUT}"


def _variable_line(name: str, value: str) -> str:
    if not VARIABLE_PATTERN.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a variable.", "Use letters, digits and `_`.")
    return f"export {name}={_quoted(value, name)}"


def _secret_line(name: str, secret: bytes) -> str:
    if not is_param_name(name):
        raise UsageError(f"{name!r} cannot name a secret.", "Use lowercase letters, digits and `_`.")
    packed = base64.b64encode(secret).decode()
    place = f'"$top/secrets/{name}"'
    return f"printf %s '{packed}' | base64 -d >{place} || exit {CUT}\nexport DVM_{name.upper()}_FILE={place}"


def _quoted(text: str, name: str) -> str:
    if "\0" in text:
        raise UsageError(f"{name} contains a NUL byte.", "Remove it; no shell can read it.")
    return shlex.quote(text)
