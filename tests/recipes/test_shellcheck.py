"""shellcheck finds nothing in any script of recipes/."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from .conftest import RECIPES


def test_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed (apt-get install shellcheck, brew install shellcheck)")
    files = [str(file) for file in sorted(RECIPES.glob("*.sh"))]
    done = subprocess.run((shellcheck, "-x", *files), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
