"""A config store in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.config.store import ConfigStore
from dvmweb.paths import Paths


@pytest.fixture
def store(tmp_path: Path) -> ConfigStore:
    config = tmp_path / "config"
    (config / "vms").mkdir(parents=True)
    return ConfigStore(Paths(tmp_path, config, tmp_path / "state", tmp_path / ".lima", tmp_path, False))
