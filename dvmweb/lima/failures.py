"""Turn a command that failed into an error that says the command, the exit code, the last lines and the way out."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress

from dvmweb.errors import DvmError, ExitCode
from dvmweb.guest_text import log_lines
from dvmweb.lima.process import CANCELLED, DEADLINE, Finished

LAST_LINES = 15
LINE_LENGTH = 500  # characters
VERBS = frozenset(
    "--version list create start stop edit delete clone rename protect unprotect shell copy".split()  # noqa: SIM905
)
_LOGRUS = re.compile(r'time="[^"]*" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)(.*)')

# What limactl says -> what the user can do about it. The first that fits is taken.
WAYS_OUT = (
    ("must not run as the root user", "Lima refuses root: run dvm as your ordinary user."),
    ("no space left on device", "Free some disk space, then try again."),
    ("No space left on device", "Free some disk space, then try again."),
    (
        "could not find firmware",
        "Install the UEFI firmware (Debian: ovmf), or set `firmware: {legacyBIOS: true}` in lima.yaml.",
    ),
    (
        '"qemu-img": executable file not found',
        "Install QEMU, for example: sudo apt-get install qemu-system-x86 qemu-utils",
    ),
    ("qemu-system-", "See that QEMU is installed: sudo apt-get install qemu-system-x86 qemu-utils"),
    (
        "guest agent binary could not be found",
        "Install Lima's additional guest agents (brew install lima-additional-guestagents).",
    ),
    (
        "did not receive an event with the `running` status",
        "The VM goes on booting: run the same again to wait for it.",
    ),
    ("seems running (hint: remove", "Its host agent died badly: `dvm stop NAME --force`, then try again."),
    ("errors inspecting instance", "It is Broken: `dvm stop NAME --force` ends what is left of it, then try again."),
    ("is protected to prohibit", "It is protected: take that away with `limactl unprotect NAME` if you mean it."),
    ("cannot edit a running instance", "Stop it first."),
    ("cannot clone a running instance", "Stop it first."),
    ("cannot rename a running instance", "Stop it first."),
    ("could not be read; it was NOT deleted", "If no limactl works on it, remove that folder by hand."),
    (
        "usernet unable to resolve IP",
        "The guest got no address in time: try again, or raise LIMA_USERNET_RESOLVE_IP_ADDRESS_TIMEOUT.",
    ),
    ("failed to download", "See that this computer reaches the image's server, then try again."),
    ("no such host", "See that this computer reaches the internet, then try again."),
    ("expected digest", "The downloaded image is not the one that Lima knows: `limactl prune`, then try again."),
    ("template requires Lima version", "Upgrade Lima: https://lima-vm.io/docs/installation/"),
    ("disk shrinking", "The image is larger than the disk you asked for: set a larger `disk`."),
    ("shrinking the disk", "A disk cannot get smaller: keep its size, or make a new VM."),
    ("already exists", "Look with `limactl list`; a failed create leaves a VM behind: `limactl delete -f NAME`."),
)


class LimaError(DvmError):
    """limactl failed, hung, or said what cannot be read."""

    def __init__(self, finished: Finished, todo: str = "") -> None:
        self.finished = finished
        said = last_lines(finished.stderr or finished.stdout)
        way_out = todo or _way_out(finished)
        super().__init__("\n  ".join((_what(finished), *said)), way_out, shlex.join(finished.argv))
        if finished.ended == CANCELLED:
            self.exit_code = ExitCode.CANCELLED


def _what(finished: Finished) -> str:
    name = command_name(finished.argv)
    if finished.ended == DEADLINE:
        return f"{name} did not end by its deadline and was ended after {finished.seconds:.0f} seconds."
    if finished.ended == CANCELLED:
        return f"{name} was cancelled."
    return f"{name} failed with exit code {finished.code}."


def command_name(argv: tuple[str, ...]) -> str:
    """The short name of a command for a sentence: "limactl start", "ssh"."""
    for word in argv[1:]:
        if word in VERBS:
            return f"limactl {word}"
    return "ssh" if "-F" in argv else argv[0]


def _way_out(finished: Finished) -> str:
    said = finished.stderr.decode("utf-8", "replace")
    for sign, todo in WAYS_OUT:
        if sign in said:
            return todo
    if finished.ended == CANCELLED:
        return ""
    return "Try again; the whole output is in the job's log, and Lima's own in ha.stderr.log of the instance's folder."


def last_lines(output: bytes, count: int = LAST_LINES) -> tuple[str, ...]:
    """The last lines of some output, safe to show; of limactl's log lines only level and message."""
    text = output[-64_000:].decode("utf-8", "replace")
    plain = [line for raw in re.split(r"[\n\r]+", text) for line in _plain(raw)]
    shown = log_lines("\n".join(plain).encode("utf-8", "replace"), LINE_LENGTH).split("\n")
    return tuple([line for line in shown if line.strip()][-count:])


def _plain(line: str) -> list[str]:
    match = _LOGRUS.match(line)
    if match is None:
        return [line]
    level, message, rest = match[1], match[2], match[3].strip()
    if message.startswith('"'):
        import ast  # 3 ms, and only a failure needs it

        with suppress(ValueError, SyntaxError):  # Go quotes as Python does, but for a few odd escapes
            message = str(ast.literal_eval(message))
    prefix = "" if level == "info" else f"{level}: "
    first, *more = message.splitlines() or [""]
    return [f"{prefix}{first}", *more, *([rest] if rest else [])]
