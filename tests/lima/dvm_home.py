"""Small real programs in the place of limactl and ssh, and the folders of one throwaway home."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.lima.lima_yaml.rendering import DesiredInstance
from dvmweb.paths import Paths, from_environment

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Port:
    """A declared forward, as config/fields.py has it."""

    host_port: int
    guest_port: int
    host_ip: str = "127.0.0.1"


def desired(**changes: Any) -> DesiredInstance:
    """The wish behind data/rendered-2.2.0.jsonl, with changes."""
    values: dict[str, Any] = {
        "instance": "dvm-t1",
        "cpus": 1,
        "memory_bytes": 1 << 30,
        "disk_bytes": 4 << 30,
        "user": "dev",
        "image": "/opt/lima-bed/debian-12.qcow2",
        "arch": "default",
        "ports": (Port(3000, 3000), Port(8081, 80)),
    }
    return DesiredInstance(**{**values, **changes})


class DvmHome:
    """One home with a limactl and an ssh that do what the test says."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.environ: dict[str, str] = {
            "HOME": str(folder),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "LIMA_HOME": str(folder / "lima"),
            "DVM_LIMACTL": str(self.bin / "limactl"),
            "DVM_ENGINE": "lima",
        }
        self.calls = folder / "calls"
        self.limactl("")
        self.ssh("")

    def limactl(self, body: str) -> None:
        """Make `limactl` a Python program: `argv` is its arguments, `verb` the first of them."""
        self._program("limactl", body)

    def ssh(self, body: str) -> None:
        """Make `ssh` a Python program."""
        self._program("ssh", body)

    def _program(self, name: str, body: str) -> None:
        path = self.bin / name
        prelude = (
            f"#!{sys.executable} -IS\nimport json, os, signal, sys, time\nargv = sys.argv[1:]\n"
            f"verb = argv[0] if argv else ''\n"
            f"with open({str(self.calls)!r}, 'a') as calls:\n"
            f"    calls.write(json.dumps([{name!r}, *argv]) + '\\n')\n"
        )
        path.write_text(prelude + body)
        path.chmod(0o755)

    def said(self) -> list[list[str]]:
        """Every call so far."""
        return [json.loads(line) for line in self.calls.read_text().splitlines()] if self.calls.exists() else []

    @property
    def paths(self) -> Paths:
        return from_environment(self.environ)

    def lima(self, **more: Any) -> Lima:
        return Lima(find_engine(self.environ, self.paths), self.paths, self.environ, **more)


def listing(**changes: Any) -> str:
    """Python text for a limactl whose `list` shows one instance dvm-t1, with changes."""
    facts: Mapping[str, Any] = {"name": "dvm-t1", "status": "Stopped", "protected": False, **changes}
    return f"if verb == 'list':\n    print({json.dumps(facts)!r})\n    sys.exit(0)\n"
