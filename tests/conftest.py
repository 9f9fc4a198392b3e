"""What holds for every test: no time limit for hypothesis, two workers for each processor, Ctrl-C, what was skipped."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests import needs

settings.register_profile("dvm", deadline=None)  # a busy machine is no fault of ours
settings.load_profile("dvm")
# What was started with `&` in a script ignores it, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: for more than half of its time a test waits for another process or for a deadline."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def umask_stays() -> Iterator[None]:
    """A test that leaves another umask behind would break a later one of the same worker."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    after = os.umask(before)
    assert after == before, f"the umask is {after:03o} after this test, and was {before:03o}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """The last lines before pytest's own: what this machine could not run, by reason, and the command that helps."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = (one.longrepr[2].removeprefix("Skipped: ") for one in skipped if isinstance(one.longrepr, tuple))
    for line in needs.summary(reasons).lines(is_root=os.geteuid() == 0):
        terminalreporter.write_line(line)
