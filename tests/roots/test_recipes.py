"""Recipes, each twice with its probe, in a root of its own."""

from __future__ import annotations

import pytest

from tests.roots.applying import Root

pytestmark = pytest.mark.timeout(3000)


@pytest.mark.parametrize("name", ["git", "just"])
def test_a_recipe_runs_twice(root: Root, name: str) -> None:
    first = root.apply(name)
    assert first.returncode == 0, first.stdout
    second = root.apply(name)
    assert second.returncode == 0, second.stdout
