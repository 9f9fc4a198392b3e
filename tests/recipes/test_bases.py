"""Which base a VM is copied from, and which recipes can be in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.recipes import Param, Recipe
from dvmweb.recipes.bases import (
    FORM,
    OLDEST,
    Base,
    BaseRecipe,
    Wanted,
    base_for,
    first_that_fit,
    old_base_for,
    why_not_in_base,
    why_stale,
)

NOW = 1_800_000_000.0
GIB = 1 << 30


def base(*recipes: str, **changes: Any) -> Base:
    """A base of recipes, each with a digest like `git1`."""
    found = tuple(BaseRecipe(one[:-1], one) for one in recipes)
    return replace(Base("1a2b3c4d", "debian-13", "default", "dev", 2, GIB, 20 * GIB, found, made=NOW - 60), **changes)


def wanted(*recipes: str, **changes: Any) -> Wanted:
    found = tuple((one[:-1], one) for one in recipes)
    return replace(Wanted("debian-13", "default", "dev", 20 * GIB, "", "", found), **changes)


def test_the_longest_base_that_the_vm_begins_with_is_taken() -> None:
    short, long = base("baseline1"), base("baseline1", "git1", name="2a2b3c4d")
    other = base("baseline1", "node1", "git1", name="3a2b3c4d")
    assert base_for(wanted("baseline1", "git1", "node1"), (short, other, long), NOW) == long
    assert base_for(wanted("baseline1", "fzf1"), (short, other, long), NOW) == short
    assert base_for(wanted("git1"), (short, other, long), NOW) is None
    newer = replace(long, name="4a2b3c4d", made=NOW - 1)
    assert base_for(wanted("baseline1", "git1"), (newer, long), NOW) == newer


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "fedora"},
        {"arch": "aarch64"},
        {"user": "me"},
        {"overlay": "another"},
        {"mark": "another"},
        {"disk": 21 * GIB},
        {"form": FORM + 1},
        {"made": 0.0},
        {"recipes": ()},
        {"recipes": (BaseRecipe("baseline", "baseline2"),)},
        {"recipes": (BaseRecipe("baseline", ""),)},
        {"made": NOW - OLDEST - 1},
        {"made": NOW + 1},
    ],
    ids=str,
)
def test_a_base_that_differs_is_not_taken(changes: dict[str, Any]) -> None:
    vm = wanted("baseline1", "git1")
    assert base_for(vm, (base("baseline1"),), NOW) is not None
    assert base_for(vm, (base("baseline1", **changes),), NOW) is None


def test_a_base_that_is_only_too_old_is_known_as_such() -> None:
    old = base("baseline1", made=NOW - OLDEST - 1)
    assert old_base_for(wanted("baseline1"), (old,), NOW) == old
    assert old_base_for(wanted("baseline2"), (old,), NOW) is None
    assert old_base_for(wanted("baseline1"), (base("baseline1"),), NOW) is None


@given(st.lists(st.sampled_from(["a1", "a2", "b1", "c1"]), max_size=5), st.integers(0, 5))
def test_a_base_is_taken_exactly_if_the_vm_begins_with_its_recipes(recipes: list[str], upto: int) -> None:
    vm = wanted(*recipes)
    assert (base_for(vm, (base(*recipes[:upto]),), NOW) is not None) == bool(recipes[:upto])
    assert base_for(vm, (base(*recipes, "d1"),), NOW) is None


def test_why_a_base_is_stale() -> None:
    found = base("baseline1", "git1", "node1")
    same = {"baseline": "baseline1", "git": "git1", "node": "node1"}
    assert why_stale(found, same, "", "", NOW) == ()
    changed = {**same, "git": "git2"}
    del changed["node"]
    assert why_stale(found, changed, "x", "y", NOW + OLDEST) == (
        "the recipe git has changed",
        "the recipe node is gone or has errors",
        "your own lima.yaml has changed",
        "its image file has changed",
        "it is 30 days old",
    )
    assert why_stale(replace(found, form=0), same, "", "", NOW) == ("it was built by another version of dvm",)
    assert why_stale(replace(found, made=NOW + 90_000), same, "", "", NOW) == ("its date is in the future",)


def recipe(name: str, **facts: Any) -> Recipe:
    return Recipe(name, Path(f"{name}.sh"), facts.pop("text", "true"), is_local=True, **facts)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        ({"category": "language"}, ""),
        ({"params": (Param("v", "V", "1", secret=False, help=""),)}, ""),
        ({"params": (Param("t", "T", "", secret=True, help=""),)}, "takes a secret"),
        ({"category": "agent"}, "its category is agent"),
        ({"category": "service"}, "its category is service"),
        ({"category": "network"}, "its category is network"),
        ({"category": "dotfiles"}, "its category is dotfiles"),
        ({"text": 'echo "$DVM_CODE_DIR"'}, "depends on the name, the machine id or the code folder"),
        ({"text": "echo $DVM_INSTANCE"}, "depends on the name, the machine id or the code folder"),
        ({"text": "say $(guest_name)"}, "depends on the name, the machine id or the code folder"),
        ({"text": 'echo "$HOSTNAME" >~/of'}, "depends on the name"),
        ({"text": "openssl req -subj /CN=$(hostname)"}, "depends on the name"),
        ({"text": "cp /etc/machine-id ~/id"}, "depends on the name"),
        ({"text": "  # hostname and /etc/machine-id are not used\nmy_hostname=1"}, ""),
        ({"probe": 'test -d "$DVM_CODE_DIR"'}, "depends on the name, the machine id or the code folder"),
    ],
    ids=str,
)
def test_which_recipe_can_be_in_a_base(facts: dict[str, Any], why: str) -> None:
    found = why_not_in_base(recipe("one", **facts))
    assert (why in found) if why else found == ""


def test_a_base_ends_before_the_first_recipe_that_it_cannot_have() -> None:
    git, agent, fzf = recipe("git"), recipe("claude", category="agent"), recipe("fzf")
    assert first_that_fit((git, agent, fzf)) == (git,)
    assert first_that_fit((git, fzf)) == (git, fzf)
    assert first_that_fit((agent, git)) == ()
