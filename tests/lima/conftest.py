"""The fixtures of the Lima room."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lima.dvm_home import DvmHome


@pytest.fixture
def dvm_home(tmp_path: Path) -> DvmHome:
    return DvmHome(tmp_path)


@pytest.fixture
def child() -> Callable[[str], tuple[str, ...]]:
    """A Python program given as text, as a command line."""
    return lambda body: (sys.executable, "-ISc", "import os, signal, sys, time, subprocess\n" + body)
