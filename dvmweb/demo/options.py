"""Parses limactl's command line: global flags anywhere, flags per command, and its parser's errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dvmweb.demo.logs import Fatal

# Flag -> whether it takes a value.
GLOBAL = {
    "log-level": True,
    "log-format": True,
    "debug": False,
    "tty": False,
    "yes": False,
    "help": False,
    "version": False,
}
SHORT = {"y": "yes", "h": "help", "v": "version"}
EDIT = {
    **dict.fromkeys(
        [
            "cpus",
            "memory",
            "disk",
            "set",
            "param",
            "dns",
            "mount",
            "mount-only",
            "mount-type",
            "network",
            "ssh-port",
            "video",
            "vm-type",
            "shell",
        ],
        True,
    ),
    **dict.fromkeys(["mount-none", "mount-writable", "mount-inotify", "nested-virt", "rosetta"], False),
}
NEW = {
    **EDIT,
    **dict.fromkeys(
        ["name", "arch", "image-variant", "containerd", "port-forward", "audio-device", "audio-interface"], True
    ),
    "plain": False,
}
COMMANDS: Mapping[str, Mapping[str, bool]] = {
    "list": {
        **dict.fromkeys(["format", "yq", "filter"], True),
        **dict.fromkeys(["json", "quiet", "all-fields", "list-fields"], False),
    },
    "info": {"yq": True},
    "validate": {"fill": False},
    "create": {**NEW, "list-templates": False, "list-drivers": False},
    "start": {**NEW, "foreground": False, "timeout": True, "progress": False},
    "stop": {"force": False},
    "restart": {**EDIT, "force": False, "progress": False},
    "delete": {"force": False},
    "edit": {**EDIT, "start": False},
    "clone": {**EDIT, "start": False},
    "rename": {**EDIT, "start": False},
    "protect": {},
    "unprotect": {},
    "factory-reset": {},
    "shell": {
        **dict.fromkeys(["shell", "workdir", "instance", "sync"], True),
        **dict.fromkeys(["preserve-env", "start", "reconnect"], False),
    },
    "copy": {"backend": True, "recursive": False, "verbose": False},
}
SHORT_OF = {
    "list": {"f": "format", "q": "quiet", "l": "filter"},
    "stop": {"f": "force"},
    "restart": {"f": "force"},
    "delete": {"f": "force"},
    "copy": {"r": "recursive", "v": "verbose"},
}
ALIASES = {"ls": "list", "rm": "delete", "remove": "delete", "cp": "copy"}


@dataclass(frozen=True)
class Call:
    """One call of limactl: the command ("" for none), its flags with all given values, and its other arguments."""

    command: str
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def has(self, flag: str) -> bool:
        """Whether a boolean flag is on."""
        return self.flags.get(flag, ("false",))[-1] not in ("false", "0", "f", "F", "False", "FALSE")

    def value(self, flag: str, default: str = "") -> str:
        """The last value given for a flag."""
        return self.flags.get(flag, (default,))[-1]

    def values(self, flag: str) -> tuple[str, ...]:
        """Every value given for a flag, in order."""
        return self.flags.get(flag, ())


def parse(arguments: tuple[str, ...]) -> Call:
    """Parse a limactl command line. Raises Fatal with cobra's messages."""
    found: dict[str, list[str]] = {}
    rest = _flags(arguments, GLOBAL, SHORT, found, interspersed=False)
    if not rest:
        return Call("", _frozen(found))
    command = ALIASES.get(rest[0], rest[0])
    if command not in COMMANDS:
        raise Fatal(f'unknown command "{rest[0]}" for "limactl"')
    known = {**GLOBAL, **COMMANDS[command]}
    short = {**SHORT, **SHORT_OF.get(command, {})}
    words = _flags(rest[1:], known, short, found, interspersed=command != "shell")
    return Call(command, _frozen(found), words)


def _frozen(found: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {flag: tuple(values) for flag, values in found.items()}


def _flags(
    arguments: tuple[str, ...],
    known: Mapping[str, bool],
    short: Mapping[str, str],
    found: dict[str, list[str]],
    *,
    interspersed: bool,
) -> tuple[str, ...]:
    words: list[str] = []
    index = 0
    while index < len(arguments):
        word = arguments[index]
        index += 1
        if word == "--":
            return (*words, *arguments[index:])
        if not word.startswith("-") or word == "-":
            if not interspersed:
                return arguments[index - 1 :]
            words.append(word)
            continue
        flag, equals, value = _split(word, known, short)
        if known[flag] and not equals:
            if index == len(arguments):
                raise Fatal(f"flag needs an argument: {word}")
            value, index = arguments[index], index + 1
        found.setdefault(flag, []).append(value if equals or known[flag] else "true")
    return tuple(words)


def _split(word: str, known: Mapping[str, bool], short: Mapping[str, str]) -> tuple[str, str, str]:
    if word.startswith("--"):
        flag, equals, value = word[2:].partition("=")
        if flag not in known:
            raise Fatal(f"unknown flag: --{flag}")
        return flag, equals, value
    if word[1] not in short:
        raise Fatal(f"unknown shorthand flag: {word[1]!r} in {word}")
    flag, value = short[word[1]], word[2:].removeprefix("=")
    return flag, "=" if value else "", value
