"""The scripted evening of tests/journey/evening/evening.sh on a real limactl."""

from __future__ import annotations

import os

from tests.journey.evening.test_evening import runs
from tests.lima.real.conftest import BOOT, RealDvmHome
from tests.needs import need


def test_an_evening_on_a_real_limactl(real: RealDvmHome) -> None:
    need("jq")
    real.paths.config.mkdir(parents=True, exist_ok=True)
    real.paths.overlay_file.write_text("firmware:\n  legacyBIOS: true\n")
    real.paths.config_file.write_text(f"image: {os.environ['DVM_TEST_IMAGE']}\nmemory: 2GiB\ndisk: 4GiB\n")
    runs(real, 3 * BOOT)
