"""The build hook: static/vendor is filled before a wheel, an sdist or an editable install is made."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VendorHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own parameter is not public
    """Runs scripts/vendor.py, which does nothing where its files are there already (an sdist brings them)."""

    PLUGIN_NAME = "custom"

    def _script(self) -> dict[str, Any]:
        return runpy.run_path(str(Path(self.root) / "scripts" / "vendor.py"))

    def dependencies(self) -> list[str]:
        """Deno from PyPI, only where files are missing and the machine has no npm."""
        script = self._script()
        return [] if script["is_made"]() or script["npm_command"]() else [script["DENO_WHEEL"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._script()["make"]()
