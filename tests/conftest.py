"""What holds for every test: no time limit for hypothesis, a worker more than processors, and Ctrl-C that works."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("dvm", deadline=None)  # a busy machine is no fault of ours
settings.load_profile("dvm")
# What was started with `&` in a script ignores it, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: about a third of the time a test waits for another process, and the processor for it."""
    return (os.cpu_count() or 1) + 1
