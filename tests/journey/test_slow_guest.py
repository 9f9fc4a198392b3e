"""A guest that is slow: a time-out is "not known", and never a reason to run anything again."""

from __future__ import annotations

import json

import pytest

from tests.journey.driver import User, Vm


@pytest.fixture
def app(user: User, guests_work: None) -> Vm:
    """A VM with a recipe whose probe hangs once ~/slow is there."""
    user.has_recipe("counted", "echo run >>~/runs", "probe: '[ ! -e ~/slow ] || sleep 600'")
    return user.has_vm("app", "--recipe counted")


def runs(app: Vm) -> int:
    return app.runs("cat ~/runs").count("run")


@pytest.mark.slow
def test_a_recipe_whose_probe_is_late_is_left_alone_and_told(user: User, app: Vm) -> None:
    app.runs("touch ~/slow")
    late = user.dvm("sync app", seconds=300).succeeds()
    late.prints("Recipe counted  (not known: its probe did not finish in time)")
    assert runs(app) == 1
    assert json.loads((app.notes / "applied.json").read_text())["recipes"]["counted"]["late"] is True
    app.runs("rm ~/slow")
    user.dvm("sync app").succeeds().prints("Recipe counted  (unchanged; its probe passes)")
    user.dvm("sync app --fresh").succeeds()
    assert runs(app) == 2


def test_a_plan_says_when_the_guest_was_not_asked_or_did_not_answer(user: User, app: Vm) -> None:
    user.dvm("sync app --dry-run").succeeds().prints("skip  Recipe counted  (unchanged; its probe passes)")
    user.guests_are_silent()
    plan = user.dvm("sync app --dry-run").succeeds()
    plan.prints("?     Recipe counted  (not known: the guest did not respond)").never_says("run   Recipe")
    user.engine_works()
    user.dvm("stop app --yes").succeeds()
    plan = user.dvm("sync app --dry-run").succeeds()
    plan.prints("run   Start VM", "?     Recipe counted  (not known: the guest was not checked)")
    user.dvm("sync app --dry-run --fresh").succeeds().prints("run   Recipe counted")
