"""The error of a failed limactl or ssh command: its cause, the last lines of output, and what to do."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress

from dvmweb.errors import DvmError, ExitCode
from dvmweb.guest_text import in_prose, log_lines
from dvmweb.lima.process import CANCELLED, DEADLINE, Finished
from dvmweb.names import INSTANCE_PREFIX

LAST_LINES = 15
LINE_LENGTH = 500  # characters
VERBS = frozenset(
    "--version list create start stop edit delete clone rename protect unprotect shell copy".split()  # noqa: SIM905
)
_LOGRUS = re.compile(r'time="[^"]*" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)(.*)')
# The same on a terminal, without its colours.
_ON_TERMINAL = re.compile(r"(DEBU|INFO|WARN|ERRO|FATA)\[\d+\] ?(.*)")
_LEVELS = {"DEBU": "debug", "INFO": "info", "WARN": "warning", "ERRO": "error", "FATA": "fatal"}

# What limactl prints -> what the user can do. The first match counts.
WAYS_OUT = (
    ("must not run as the root user", "Lima refuses root: run dvm as your ordinary user."),
    ("no space left on device", "Free some disk space, then try again."),
    ("No space left on device", "Free some disk space, then try again."),
    (
        "could not find firmware",
        "Install the UEFI firmware (Debian: `ovmf`), or set `firmware: {legacyBIOS: true}` in lima.yaml.",
    ),
    (
        '"qemu-img": executable file not found',
        "Install QEMU, for example: sudo apt-get install qemu-system-x86 qemu-utils",
    ),
    ("qemu-system-", "Check that QEMU is installed, for example: sudo apt-get install qemu-system-x86 qemu-utils"),
    (
        "guest agent binary could not be found",
        "Install Lima's additional guest agents (brew install lima-additional-guestagents).",
    ),
    (
        "did not receive an event with the `running` status",
        "The VM is still booting: run the same again to wait for it.",
    ),
    (
        "degraded, status=",
        "The VM is running, but Lima's guest agent was too slow, so ports may be closed: run the same again. "
        "If a port stays closed: `dvm stop {vm}`, then `dvm start {vm}`.",
    ),
    ("seems running (hint: remove", "Its host agent crashed: `dvm stop {vm} --force`, then try again."),
    ("errors inspecting instance", "The VM is Broken: `dvm stop {vm} --force`, then try again."),
    ("is protected to prohibit", "The instance is protected. To remove the protection: `limactl unprotect {instance}`"),
    ("cannot edit a running instance", "Stop it first: `dvm stop {vm}`"),
    ("cannot clone a running instance", "Stop it first: `dvm stop {vm}`"),
    ("cannot rename a running instance", "Stop it first: `dvm stop {vm}`"),
    ("could not be read; it was NOT deleted", "If no limactl is working on it, remove that folder yourself."),
    (
        "usernet unable to resolve IP",
        "The guest did not get an address in time: try again, or raise LIMA_USERNET_RESOLVE_IP_ADDRESS_TIMEOUT.",
    ),
    ("failed to download", "Check that the host can reach the server of the image, then try again."),
    ("no such host", "Check that the host can reach the internet, then try again."),
    ("expected digest", "The image is not the one that Lima expects: `limactl prune`, then try again."),
    ("template requires Lima version", "Upgrade Lima: https://lima-vm.io/docs/installation/"),
    ("disk shrinking", "The image is larger than the disk: set a larger `disk` in the config."),
    ("shrinking the disk", "A disk cannot shrink: keep its size, or create a new VM."),
    ("already exists", "A failed create can leave an instance behind: `limactl delete -f {instance}`"),
)

# What limactl prints -> the cause in our words, where Lima's own sentence hides it at its end. The first match counts.
PLAIN = (
    ("no space left on device", "The disk of the host is full"),
    ("no such host", "The host does not find the server of the image"),
    ("network is unreachable", "The host has no network"),
    ("expected digest", "The image is not the one that Lima expects"),
    ("failed to download", "The image cannot be downloaded"),
    ('"qemu-img": executable file not found', "QEMU is not installed"),
    ("did not receive an event with the `running` status", "The VM did not finish booting in time"),
)


class LimaError(DvmError):
    """limactl failed, hung, or its output cannot be parsed."""

    def __init__(self, finished: Finished, todo: str = "") -> None:
        self.finished = finished
        lines = last_lines(finished.stderr or finished.stdout)
        way_out = todo or _way_out(finished)
        super().__init__("\n  ".join((_headline(finished, lines), *lines)), way_out, shlex.join(finished.argv))
        if finished.ended == CANCELLED:
            self.exit_code = ExitCode.CANCELLED


def _headline(finished: Finished, lines: tuple[str, ...]) -> str:
    name = f"`{command_name(finished.argv)}`"
    if finished.ended == DEADLINE:
        return f"{name} did not finish within {span(finished.seconds)} and was stopped."
    if finished.ended == CANCELLED:
        return f"{name} was cancelled."
    output = finished.stderr.decode("utf-8", "replace").lower()
    if plain := next((words for sign, words in PLAIN if sign in output), ""):
        return f"{plain}: {name} failed (exit code {finished.code})."
    cause = next((line.partition(": ")[2] for line in reversed(lines) if line.startswith(("fatal: ", "error: "))), "")
    if cause:
        return f"{name} failed: {in_prose(cause, 200).rstrip('.')} (exit code {finished.code})."
    return f"{name} failed (exit code {finished.code})."


def span(seconds: float) -> str:
    """A duration for a sentence: "40 s", "10 min"."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def command_name(argv: tuple[str, ...]) -> str:
    """The short name of a command for a sentence: "limactl start", "ssh"."""
    for word in argv[1:]:
        if word in VERBS:
            return f"limactl {word}"
    return "ssh" if "-F" in argv else argv[0]


def _way_out(finished: Finished) -> str:
    output = finished.stderr.decode("utf-8", "replace")
    for sign, todo in WAYS_OUT:
        if sign in output:
            return _named(todo, finished.argv)
    if finished.ended == CANCELLED:
        return ""
    return "Try again. The job's log has the whole output; Lima's is ha.stderr.log in the instance's folder."


def _named(todo: str, argv: tuple[str, ...]) -> str:
    """What to do, with the names from the command filled in, ready to copy."""
    words = [word.removeprefix("--name=") for word in argv]
    instance = next((word for word in reversed(words) if word.startswith(INSTANCE_PREFIX)), "")
    if not instance:
        return todo.replace("{vm}", "NAME").replace("{instance}", "NAME")
    return todo.replace("{vm}", instance.removeprefix(INSTANCE_PREFIX)).replace("{instance}", instance)


def last_lines(output: bytes, count: int = LAST_LINES) -> tuple[str, ...]:
    """The last lines of some output, safe to show; of limactl's log lines only level and message."""
    text = output[-64_000:].decode("utf-8", "replace")
    plain = [line for raw in re.split(r"[\n\r]+", text) for line in _plain(raw)]
    shown = log_lines("\n".join(plain).encode("utf-8", "replace"), LINE_LENGTH).split("\n")
    return tuple([line for line in shown if line.strip()][-count:])


def reason(finished: Finished) -> str:
    """The last line of a failed command, to be a part of a sentence."""
    return in_prose(" ".join(last_lines(finished.stderr, 1)) or "no reason given", 160)


def _plain(line: str) -> list[str]:
    if (shown := _ON_TERMINAL.match(line)) is not None:
        level = _LEVELS[shown[1]]
        return [shown[2] if level == "info" else f"{level}: {shown[2]}"]
    match = _LOGRUS.match(line)
    if match is None:
        return [line]
    level, message, rest = match[1], match[2], match[3].strip()
    if message.startswith('"'):
        import ast  # 3 ms, and only a failure needs it

        with suppress(ValueError, SyntaxError):  # Go quotes like Python, except for a few escapes
            message = str(ast.literal_eval(message))
    prefix = "" if level == "info" else f"{level}: "
    first, *more = message.splitlines() or [""]
    return [f"{prefix}{first}", *more, *([rest] if rest else [])]
