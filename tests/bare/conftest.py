"""README's two commands and the packages in fresh minimal Debians: only `make test-bare` runs these."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.bare.machine import Bare, chosen, is_dirty, made, packages_in_readme
from tests.roots import base

ASKED_FOR = os.environ.get("DVM_TEST_BARE", "")
# They make Debians, reach mirrors and run all other tests: not among the tests that must be quick.
collect_ignore_glob = [] if ASKED_FOR else ["test_in_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not ASKED_FOR:
        terminalreporter.write_line("tests/bare: not run here; `make test-bare` runs README's commands in bare Debians")
    elif is_dirty():
        terminalreporter.write_line("tests/bare: what is not committed was not in the checkout that was tried")


@pytest.fixture(scope="module", params=chosen(ASKED_FOR or "all"), ids=str)
def bare(request: pytest.FixtureRequest) -> Iterator[Bare]:
    """One machine for both commands, as somebody has who types one after the other."""
    if missing := base.missing_tools():
        pytest.fail(missing, pytrace=False)
    try:
        with made(base.place(os.environ), request.param, packages_in_readme()) as machine:
            yield machine
    except base.NoBase as error:
        pytest.fail(str(error), pytrace=False)
