"""Parses and validates the output of `limactl list`: one instance per line; invalid lines are kept separately."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from dvmweb.errors import DvmError
from dvmweb.guest_text import visible


@dataclass(frozen=True)
class Instance:
    """One Lima VM as reported. Its name and status are shown only through guest_text.visible."""

    name: str
    status: str  # verbatim: Running, Stopped, Broken, "" (lima.yaml cannot be read), or a newer status
    directory: str = ""
    hostname: str = ""
    vm_type: str = ""
    arch: str = ""
    cpus: int = 0  # 0 if not known
    memory: int = 0  # bytes, as configured
    disk: int = 0  # bytes, as configured
    ssh_port: int = 0  # on 127.0.0.1; a stopped VM shows its last one, a fresh clone that of its origin
    host_agent_pid: int = 0
    driver_pid: int = 0
    protected: bool = False
    lima_version: str = ""  # the Lima version that created it
    config: Mapping[str, Any] | None = None  # the effective lima.yaml; None if it cannot be read
    errors: tuple[str, ...] = ()  # Lima's own reasons for Broken, safe to show

    @property
    def is_running(self) -> bool:
        """Whether its status is Running; the guest can still be booting, or already stopping."""
        return self.status == "Running"


def birth_mark(instance: Instance) -> str:
    """A value that differs between instances created one after the other under the same name.

    `lima-version` is written once, at create or clone; `disk` is created again by a factory reset (lima.md 7.1).
    """
    marks = []
    for name in ("lima-version", "disk"):
        try:
            facts = (Path(instance.directory) / name).lstat()
            marks.append(f"{facts.st_ino}:{facts.st_ctime_ns if name == 'lima-version' else ''}")
        except OSError:
            marks.append("-")
    return " ".join(marks)


@dataclass(frozen=True)
class Listing:
    """All instances in the order of the listing, and the lines that could not be parsed."""

    instances: tuple[Instance, ...]
    odd_lines: tuple[str, ...] = ()  # safe to show

    def find(self, name: str) -> Instance | None:
        """The instance of that name, or None. Raises DvmError if an invalid line can be that instance."""
        for instance in self.instances:
            if instance.name == name:
                return instance
        if self.odd_lines:
            raise DvmError(
                f"`limactl list` printed something that dvm cannot read, so it is not known whether {name} exists: "
                f"{self.odd_lines[0]}",
                "Run `limactl list --format '{{json .}}'` and check what it prints besides the instances.",
            )
        return None


_HAS_ERRORS = re.compile(r'msg="instance `([^`]{1,200})` has errors" errors=("(?:[^"\\]|\\.)*"|\S+)')
ERROR_LENGTH = 400  # characters
MOST = 1_000  # instances in one listing


def parse_list(stdout: bytes, stderr: bytes = b"") -> Listing:
    """Parse the output of `commands.list_all()`; never raises.

    The text of an instance's errors is only on stderr; in the JSON most of them are empty objects.
    """
    instances: list[Instance] = []
    reasons = _reasons(stderr)
    odd: list[str] = []
    for line in stdout.split(b"\n"):
        if not line.strip():
            continue
        try:
            here = islice(_objects(line.decode("utf-8")), MOST + 1)
            instances.extend([_instance(facts, reasons) for facts in here])
        except (ValueError, RecursionError):
            odd.append(visible(line))
        if len(instances) + len(odd) > MOST:
            odd.append(f"more than {MOST} instances")
            break
    return Listing(tuple(instances), tuple(odd))


def _reasons(stderr: bytes) -> dict[str, str]:
    """Instance -> its errors, from Lima's warnings."""
    found: dict[str, str] = {}
    for name, problem in _HAS_ERRORS.findall(stderr.decode("utf-8", "replace")):
        text = problem
        with suppress(ValueError):  # Go quotes like JSON, except for a few escapes
            text = json.loads(problem) if problem.startswith('"') else problem
        text = str(text).removeprefix("[").removesuffix("]").partition("\n")[0].strip()
        found.setdefault(name, visible(text, ERROR_LENGTH))
    return found


_decoder = json.JSONDecoder()


def _objects(line: str) -> Iterator[Any]:
    """The JSON values on one line: usually one, but there can be several."""
    line = line.strip()
    start = 0
    while start < len(line):
        value, start = _decoder.raw_decode(line, start)
        yield value
        while start < len(line) and line[start].isspace():
            start += 1


def _instance(facts: Any, reasons: Mapping[str, str]) -> Instance:
    if not isinstance(facts, dict):
        raise ValueError("not an object")
    name = facts.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("no name")
    config = facts.get("config")
    return Instance(
        name=name,
        status=_text(facts, "status"),
        directory=_text(facts, "dir"),
        hostname=_text(facts, "hostname"),
        vm_type=_text(facts, "vmType"),
        arch=_text(facts, "arch"),
        cpus=_count(facts, "cpus"),
        memory=_count(facts, "memory"),
        disk=_count(facts, "disk"),
        ssh_port=_count(facts, "sshLocalPort"),
        host_agent_pid=_count(facts, "hostAgentPID"),
        driver_pid=_count(facts, "driverPID"),
        protected=facts.get("protected") is True,
        lima_version=_text(facts, "limaVersion"),
        config=config if isinstance(config, dict) else None,
        errors=(reasons[name],) if reasons.get(name) else (),
    )


def has_protection(folder: Path) -> bool:
    """Whether the folder of an instance has Lima's mark of protection; asks no engine."""
    return (folder / "protected").exists()


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key, "")
    return value if isinstance(value, str) else ""


def _count(facts: Mapping[str, Any], key: str) -> int:
    value = facts.get(key, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62 else 0
