"""The build hook: fills static/vendor before each build, and makes the man page of a wheel."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VendorHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own parameter is not public
    """Runs scripts/vendor.py, which does nothing where its files are there already (an sdist brings them).

    For a wheel it also runs scripts/manual.py, whose page goes to share/man.
    """

    PLUGIN_NAME = "custom"

    def _script(self) -> dict[str, Any]:
        return runpy.run_path(str(Path(self.root) / "scripts" / "vendor.py"))

    def dependencies(self) -> list[str]:
        """Deno from PyPI where files are missing and the machine has no npm; click, which knows the commands."""
        script = self._script()
        deno = [] if script["is_made"]() or script["npm_command"]() else [script["DENO_WHEEL"]]
        click = [one for one in self.metadata.core.dependencies if one.startswith("click")]
        return deno + (click if self.target_name == "wheel" else [])

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._script()["make"]()
        if self.target_name == "wheel" and version == "standard":
            build_data["shared_data"] = {self._man_page(): "share/man/man1/dvm.1"}

    def _man_page(self) -> str:
        page = Path(self.root) / "build" / "dvm.1"
        page.parent.mkdir(exist_ok=True)
        command = (sys.executable, str(Path(self.root) / "scripts" / "manual.py"), str(page))
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": self.root})
        return str(page)
