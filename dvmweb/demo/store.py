"""Instances in LIMA_HOME, with a status computed from their files and running processes, never stored."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvmweb.demo import documents, effective, faults
from dvmweb.demo.documents import BadYaml, Document
from dvmweb.demo.logs import Fatal
from dvmweb.process_identity import is_alive

VERSION = "2.2.0"
NAME_RULE = r"[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*"
NAME_LENGTH = 76


@dataclass(frozen=True)
class Agent:
    """The host agent of an instance, from agent.json; its processes are checked."""

    pid: int = 0
    born: str = ""
    driver_pid: int = 0  # the sandbox's first process, its pid on the host
    driver_born: str = ""
    port: int = 0
    is_ready: bool = False  # ssh responds
    no_guest: str = ""  # why there is no guest, "" if there is one

    @property
    def is_up(self) -> bool:
        return is_alive(self.pid, self.born)

    @property
    def is_driver_up(self) -> bool:
        return is_alive(self.driver_pid, self.driver_born)


@dataclass(frozen=True)
class Instance:
    """One instance, inspected."""

    name: str
    folder: Path
    status: str
    config: Document | None = None
    errors: tuple[str, ...] = ()
    is_missing_yaml: bool = False
    agent: Agent = field(default_factory=Agent)
    agent_pid: int = 0
    driver_pid: int = 0
    ssh_port: int = 0
    is_protected: bool = False
    version: str = ""

    @property
    def hostname(self) -> str:
        return "" if self.is_missing_yaml else hostname(self.name)

    @property
    def vm_type(self) -> str:
        return str(self.config["vmType"]) if self.config else ""


def hostname(name: str) -> str:
    """The guest's host name, also its ssh alias."""
    return "lima-" + name.replace(".", "-").replace("_", "-")


def lima_home() -> Path:
    """LIMA_HOME with links resolved; ~/.lima if it is not set."""
    return Path(os.path.realpath(os.environ.get("LIMA_HOME") or Path.home() / ".lima"))


def names(home: Path) -> list[str]:
    """All instances, in the order of a folder listing."""
    try:
        entries = list(os.scandir(home))
    except FileNotFoundError:
        return []
    return sorted(e.name for e in entries if e.name[0] not in "_." and e.is_dir(follow_symlinks=False))


def check_name(name: str) -> str:
    """Return `name`. Raises Fatal if it is not valid in Lima."""
    import re

    problem = ""
    if not re.fullmatch(NAME_RULE, name):
        problem = f"identifier `{name}` must match ^{NAME_RULE}$"
    elif len(name) > NAME_LENGTH:
        problem = f"identifier `{name}` greater than maximum length ({NAME_LENGTH} characters)"
    if problem:
        raise Fatal(f"instance name `{name}` is not a valid identifier: {problem}")
    return name


def inspect(home: Path, name: str) -> Instance:
    """Inspect one instance. An unreadable folder is an instance with errors; a missing one raises Fatal."""
    folder = home / check_name(name)
    agent, is_protected = read_agent(folder), (folder / "protected").exists()
    if not folder.is_dir():
        raise Fatal(f"open {folder}/lima.yaml: no such file or directory")
    try:
        config = load_config(home, folder)
    except FileNotFoundError:
        error = f"open {folder}/lima.yaml: no such file or directory"
        return Instance(name, folder, "Broken", errors=(error,), is_missing_yaml=True)
    except BadYaml as error:
        message = f"failed to unmarshal YAML (main file `{folder}/lima.yaml`): {error}"
        return Instance(name, folder, "", errors=(message,), agent=agent, is_protected=is_protected)
    status, errors = _status(folder, agent, str(config["vmType"]))
    status = str(faults.of_instance(folder).get("status", status))
    return Instance(
        name,
        folder,
        status,
        config,
        errors,
        agent=agent,
        agent_pid=agent.pid if agent.is_up else 0,
        driver_pid=agent.driver_pid if agent.is_driver_up else 0,
        ssh_port=ssh_port(folder),
        is_protected=is_protected,
        version=_first_line(folder / "lima-version"),
    )


def _status(folder: Path, agent: Agent, driver: str) -> tuple[str, tuple[str, ...]]:
    if agent.is_up and agent.is_driver_up:
        if (folder / "ha.sock").exists():
            return "Running", ()
        return "Broken", (f"failed to connect to `{folder}/ha.sock`: stat {folder}/ha.sock: no such file or directory",)
    if agent.is_up:
        return "Broken", ("host agent is running but driver is not",)
    if agent.is_driver_up:
        return "Broken", (f"{driver} driver is running but host agent is not",)
    return "Stopped", ()


def load_config(home: Path, folder: Path) -> Document:
    """The effective config. Raises FileNotFoundError or BadYaml for the instance's lima.yaml."""
    own = documents.read((folder / "lima.yaml").read_text())
    return effective.fill(effective.merge(_global(home, "default"), own, _global(home, "override")), folder)


def _global(home: Path, name: str) -> Document:
    try:
        return documents.read((home / "_config" / f"{name}.yaml").read_text())
    except FileNotFoundError:
        return {}


def read_agent(folder: Path) -> Agent:
    """The host agent of an instance; an empty Agent if there is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / "agent.json").read_text())
        return Agent(**facts)
    except (OSError, ValueError, TypeError):
        return Agent()


def write_agent(folder: Path, agent: Agent) -> None:
    """Replace agent.json in one step."""
    facts = {name: getattr(agent, name) for name in Agent.__dataclass_fields__}
    fresh = folder / "agent.json.tmp"
    fresh.write_text(json.dumps(facts))
    fresh.replace(folder / "agent.json")


def ssh_port(folder: Path) -> int:
    """The port in ssh.config, which survives a stop and is copied by a clone; 0 for none."""
    for line in ssh_config(folder):
        if line.strip().startswith("Port "):
            return int(line.split()[1])
    return 0


def ssh_config(folder: Path) -> list[str]:
    """The lines of ssh.config, none if it does not exist."""
    try:
        return (folder / "ssh.config").read_text().splitlines()
    except OSError:
        return []


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def sockets_and_pids(folder: Path) -> Iterator[Path]:
    """The files that only a running instance has."""
    for pattern in ("*.pid", "*.sock", "*.tmp"):
        yield from sorted(folder.glob(pattern))
