"""`dvm diff` shows what of a config is not so in the VM, by what is known without asking the guest."""

from __future__ import annotations

from tests.journey.driver import User


def test_a_changed_config_and_a_changed_recipe_are_shown_until_they_are_applied(user: User) -> None:
    user.has_recipe("hello", "echo 1 > ~/hello")
    user.dvm("init app --recipe hello").succeeds()
    app = user.vm("app").adds_to_config("baseline: false")  # the demo cannot run it on every machine
    user.dvm("sync app").succeeds()
    user.dvm("diff app").succeeds().prints("No differences: app has the values of its config")
    assert user.dvm("diff app --json").json == []

    app.adds_to_config("cpus: 4")
    user.has_recipe("hello", "echo 2 > ~/hello")
    shown = user.dvm("diff app").succeeds().prints("cpus", "Recipe hello: changed since it was applied (reported ")
    shown.warns("dvm sync app")
    config, recipe = user.dvm("diff app --json").json
    assert config == {"version": 1, "kind": "config", "name": "cpus", "actual": "2", "wanted": "4", "way": "restart"}
    assert (recipe["kind"], recipe["name"], recipe["actual"]) == ("recipe", "hello", "changed since it was applied")
    assert recipe.keys() == config.keys()

    user.dvm("sync app --restart").succeeds()
    user.dvm("diff app").succeeds().prints("No differences")
    user.dvm("stop app").succeeds()
    user.dvm("diff app").succeeds().prints("Recipe hello: not known (the VM is not running; applied")


def test_what_cannot_be_compared_is_refused(user: User) -> None:
    user.dvm("diff app").exits("not found", "There is no VM app.")
    user.dvm("init app").succeeds()
    user.dvm("diff app").exits("not found", "app is not created: there is nothing to compare.", "dvm sync app")
    user.vm("app").adds_to_config("cpus: none")
    user.dvm("diff app").exits("usage error", "cpus")
