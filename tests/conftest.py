"""What holds for every test: no example of hypothesis has a time limit, and a worker more than there are processors."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("dvm", deadline=None)  # a busy machine is no fault of ours
settings.load_profile("dvm")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: about a third of the time a test waits for another process, and the processor for it."""
    return (os.cpu_count() or 1) + 1
