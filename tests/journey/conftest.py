"""What journeys are given: a user with a fresh home, one with a synced VM, and whether the demo has guests here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.cli.home import WARM, DvmHome, Said, remove, until
from tests.journey.driver import User, Vm

__all__ = ["DvmHome", "Said", "remove", "until"]


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[None]:
    """The process that `dvm` is forked from ends with the tests."""
    yield
    WARM.end()


@pytest.fixture
def dvm_home() -> Iterator[DvmHome]:
    # A short path: Lima's socket rule counts every character of it.
    home = Path(tempfile.mkdtemp(prefix="dvm-"))
    dvm_home = DvmHome(home)
    try:
        yield dvm_home
    finally:
        if dvm_home.paths.lima_home.is_dir():
            dvm_home.end()
        remove(home)


@pytest.fixture(scope="session")
def guests_work(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip, with the engine's own reason, where the demo has no guests on this machine."""
    home = Path(tempfile.mkdtemp(prefix="dvm-"))
    dvm_home = DvmHome(home)
    try:
        dvm_home.ok("init", "probe")
        said = dvm_home.dvm("start", "probe") if dvm_home.dvm("sync", "probe").code else Said(0, "", "")
        if said.code and "no guests" in said.err:
            pytest.skip(next(line.strip() for line in said.err.splitlines() if "no guests" in line))
    finally:
        if dvm_home.paths.lima_home.is_dir():
            dvm_home.end()
        remove(home)


@pytest.fixture
def user(dvm_home: DvmHome) -> User:
    """A user who has nothing yet."""
    return User(dvm_home)


@pytest.fixture
def app(user: User, guests_work: None) -> Vm:
    """The VM `app` of that user, synced."""
    return user.has_vm("app")
