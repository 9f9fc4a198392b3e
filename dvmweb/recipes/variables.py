"""Finds the DVM_* variables that a script reads and sets, from its text. Pure; runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Set for every recipe, in addition to its params.
GIVEN = frozenset("DVM_LIB DVM_CODE_DIR DVM_INSTANCE DVM_NONCE DVM_RECIPE DVM_RECIPE_HASH DVM_ROOT".split())  # noqa: SIM905
# Set by `bash_dvm.sh` for recipes of bash DVM.
GIVEN_TO_BASH_DVM = frozenset("DVM_NAME DVM_USER DVM_ARCH DVM_CODE_ROOT DVM_AI_AGENT_USER".split())  # noqa: SIM905
# Set by bash DVM, but not here: these are fields of the config.
NOT_GIVEN = frozenset("DVM_CPUS DVM_MEMORY DVM_DISK DVM_PORTS DVM_HOST_IP DVM_NO_BASELINE DVM_RECIPES".split())  # noqa: SIM905

_NAME = "(DVM_[A-Z0-9_]*[A-Z0-9])"
_READS = re.compile(rf"\$(?:\{{[#!]?{_NAME}(:?[-=?+])?|{_NAME})")
_SETS = re.compile(
    rf"(?:(?<![\w${{-]){_NAME}\+?=)"
    rf"|(?:\b(?:for|read(?:\s+-\w+)*|mapfile(?:\s+-\w+)*|readarray(?:\s+-\w+)*|printf\s+-v)\s+{_NAME}\b)"
    rf"|(?:\$\{{{_NAME}:?=)"
)
# `: "${X:=1}"` and `X="${X:-1}"`
_DEFAULTS = re.compile(rf'(?:\$\{{{_NAME}:?=)|(?:(?<![\w${{-]){_NAME}="?\$\{{\2:?-)')


@dataclass(frozen=True)
class Read:
    """A place where a script reads a variable."""

    name: str
    line: int
    kind: str  # "plain"; "default": it can be unset; "needed": the script ends if it is unset


def reads(text: str) -> tuple[Read, ...]:
    """Every place where `text` reads a DVM_* variable, in order."""
    return tuple(_reads(text))


def _reads(text: str) -> Iterator[Read]:
    for number, line in _lines(text):
        for match in _READS.finditer(line):
            braced, how, plain = match.groups()
            kind = {"": "plain", "?": "needed"}.get((how or "").lstrip(":"), "default")
            yield Read(braced or plain, number, kind)


def sets(text: str) -> frozenset[str]:
    """The DVM_* variables that `text` itself sets."""
    return frozenset(
        name for _, line in _lines(text) for match in _SETS.finditer(line) for name in match.groups() if name
    )


def defaults_itself(text: str) -> frozenset[str]:
    """The variables that `text` sets only if they are unset: a config can set them."""
    return frozenset(match[1] or match[2] for _, line in _lines(text) for match in _DEFAULTS.finditer(line))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines, without comment lines."""
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if not line.lstrip().startswith("#"))
