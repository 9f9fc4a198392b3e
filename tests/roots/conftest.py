"""Roots for tests: `make test-recipes` runs these, `make test` does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.roots import base
from tests.roots.applying import RecipeCatalog, Root
from tests.roots.root import NoRoot, started

ASKED_FOR = "DVM_TEST_ROOTS"
RELEASES = (os.environ.get("DVM_ROOTS_RELEASES") or "12 13").split()
# They build Debian systems and reach mirrors: not among the tests that must be quick.
collect_ignore_glob = [] if os.environ.get(ASKED_FOR) else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not os.environ.get(ASKED_FOR):
        terminalreporter.write_line("tests/roots: not run here; `make test-recipes` runs recipes in real Debian roots")


@dataclass(frozen=True)
class Tree:
    """A Debian tree that is ready to be copied."""

    release: str
    folder: Path
    no_systemd: str  # why, or ""


MakeRoot = Callable[[Tree], AbstractContextManager[Root]]


@pytest.fixture(scope="session")
def where() -> base.Place:
    """The folder of the trees. What is missing here fails the test: it was asked for."""
    if missing := base.missing_tools():
        pytest.fail(missing, pytrace=False)
    return base.place(os.environ)


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def bare_tree(where: base.Place, release: str) -> Tree:
    """A Debian that no recipe has touched."""
    with where.lock():
        try:
            folder = base.bare(where, release)
        except base.NoBase as error:
            pytest.fail(str(error), pytrace=False)
        note = folder.with_suffix(".no-systemd")
        if not note.exists():
            note.write_text(_why_no_systemd(folder, where))
        return Tree(release, folder, note.read_text())


def _why_no_systemd(folder: Path, where: base.Place) -> str:
    try:
        with started(folder, where.folder):
            return ""
    except NoRoot as error:
        return str(error)


@pytest.fixture(scope="session")
def ready_tree(where: base.Place, bare_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A Debian with `baseline`, as every VM has it."""
    catalog = RecipeCatalog(tmp_path_factory.mktemp("shelf"))
    (desired,) = catalog.plan_input("baseline", {}, {}).recipes
    ready = where.tree(bare_tree.release, "ready", desired.digest)
    with where.lock():
        if not ready.exists():
            new = ready.with_suffix(".new")
            base.remove(new)
            base.copy(bare_tree.folder, new)
            with started(new, where.folder, systemd=not bare_tree.no_systemd, writable=True) as machine:
                done = Root(machine, catalog).apply("baseline")
            if done.returncode != 0:
                pytest.fail(f"baseline failed in Debian {bare_tree.release}:\n{done.stdout}", pytrace=False)
            new.rename(ready)
    return Tree(bare_tree.release, ready, bare_tree.no_systemd)


@pytest.fixture
def make_root(where: base.Place, tmp_path: Path) -> MakeRoot:
    """A root over a tree, for as long as the `with` lasts."""

    @contextmanager
    def make(tree: Tree) -> Iterator[Root]:
        with started(tree.folder, where.folder, systemd=not tree.no_systemd) as machine:
            yield Root(machine, RecipeCatalog(tmp_path / "host"))

    return make


@pytest.fixture
def root(make_root: MakeRoot, ready_tree: Tree) -> Iterator[Root]:
    """A guest with `baseline`, on each release of Debian."""
    with make_root(ready_tree) as made:
        (desired,) = made.catalog.plan_input("baseline", {}, {}).recipes
        made.digests["baseline"] = desired.digest
        yield made


@pytest.fixture
def systemd_root(root: Root, ready_tree: Tree) -> Root:
    """The same, for a test that is nothing without systemd."""
    if ready_tree.no_systemd:
        pytest.skip(ready_tree.no_systemd)
    return root
