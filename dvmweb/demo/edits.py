"""Edit flags, and the subset of yq that dvm uses: `.a.b[0] = JSON`, `+=`, joined by `|`."""

from __future__ import annotations

import copy
import itertools
import json
import re
from typing import Any

from dvmweb.demo import effective
from dvmweb.demo.documents import Document
from dvmweb.demo.logs import Fatal
from dvmweb.demo.options import Call

_PATH = re.compile(r"\s*((?:\.[A-Za-z_][A-Za-z0-9_-]*|\[\d+\])+)\s*(\+?=)\s*")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")
_NOT_HERE = "the demo engine does not know the flag --{} here"
_KNOWN = {"cpus", "memory", "disk", "set", "mount-none"}


def has_edits(call: Call) -> bool:
    """Whether the call has a flag that changes lima.yaml."""
    return any(call.values(flag) for flag in _KNOWN | {"mount", "mount-only", "network", "param", "dns", "vm-type"})


def apply(call: Call, document: Document) -> Document:
    """Return a changed copy of the document. Raises Fatal for an unsupported expression."""
    changed = copy.deepcopy(document)
    for flag in call.flags:
        if flag in ("mount", "mount-only", "network", "param", "dns", "vm-type"):
            raise Fatal(_NOT_HERE.format(flag))
    if call.values("cpus"):
        changed["cpus"] = _number(call.value("cpus"), int)
    for flag in ("memory", "disk"):
        if call.values(flag):
            changed[flag] = f"{_number(call.value(flag), float):g}GiB"
    if call.has("mount-none"):
        changed["mounts"] = []
    for expression in call.values("set"):
        assign(changed, expression)
    return changed


def _number(text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError as error:
        raise Fatal(f'invalid argument "{text}": strconv.Parse: parsing "{text}": invalid syntax') from error


def assign(document: Document, expression: str) -> None:
    """Apply `path = value` assignments, joined by `|`, to `document` in place."""
    rest = expression
    while True:
        found = _PATH.match(rest)
        if not found:
            raise Fatal(f"the demo engine does not understand this yq expression: {expression}")
        path, operator = found[1], found[2]
        try:
            value, end = json.JSONDecoder().raw_decode(rest[found.end() :])
        except ValueError as error:
            if not rest[found.end() :].strip(" |"):
                raise Fatal(f"'{operator}' expects 2 args but there is 1") from error
            raise Fatal(f"the demo engine reads only JSON values: {rest[found.end() :]}") from error
        _put(document, path, value, add=operator == "+=")
        rest = rest[found.end() + end :].strip()
        if not rest:
            return
        if not rest.startswith("|"):
            raise Fatal(f"bad expression, please check expression syntax: {rest}")
        rest = rest[1:]


def _put(document: Document, path: str, value: Any, *, add: bool) -> None:
    steps: list[str | int] = [name or int(index) for name, index in _STEP.findall(path)]
    target: Any = document
    for step, following in itertools.pairwise(steps):
        target = _child(target, step, [] if isinstance(following, int) else {})
    last = steps[-1]
    if add:
        value = _sum(_child(target, last, type(value)()), value)
    if isinstance(last, int):
        _child(target, last, None)
    target[last] = value


def _child(target: Any, step: str | int, empty: Any) -> Any:
    if isinstance(step, int):
        while len(target) <= step:
            target.append(empty)
    elif target.get(step) is None:
        target[step] = empty
    return target[step]


def _sum(old: Any, new: Any) -> Any:
    return {**old, **new} if isinstance(old, dict) else old + new


def shrink_problem(old: Document, new: Document) -> str:
    """Lima's error for a smaller disk, "" if it is not smaller."""
    before, after = old.get("disk") or "100GiB", new.get("disk") or "100GiB"
    if effective.bytes_of(after) >= effective.bytes_of(before):
        return ""
    return f"field `disk`: shrinking the disk ({before} --> {after}) is not supported"
