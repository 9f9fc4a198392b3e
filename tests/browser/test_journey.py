"""The ways of a user through the dashboard, from the first visit to a deletion; `make demo` plays them."""

from __future__ import annotations

import pytest

from tests.browser.driver.user import User

pytestmark = pytest.mark.usefixtures("guests_work")

# Typed by a person, line by line; the commit is on no remote.
COMMIT = "git init -q; git config user.email a@b; git config user.name A; echo x > f; git add f; git commit -qm first"
EDITOR = """#!/usr/bin/env bash
# /// recipe
# summary: An editor of my own
# category: editor
# needs: [git]
# ///
echo "my editor is ready"
"""


def test_from_the_first_visit_to_a_deletion_that_asks(newcomer: User) -> None:
    user = newcomer
    user.sees_heading("No VMs yet")
    user.has_local_recipe("mine", EDITOR)

    form = user.new_vm("shop", recipes=("mine",), cpus="1")
    form.plan.shows("Create instance", "Recipe git", "git. ")  # what it needs came along, with the reason
    job = form.save_and_sync().is_of("Sync shop").succeeds().has_done("Recipe mine")
    job.log.shows("my editor is ready")
    user.sees_title("Sync shop: done · dvm")

    shell = user.vm("shop").terminal()
    shell.type("echo hello-$((40+2)); pwd").shows("hello-42", "/home/dev/code/shop")
    shell.type(COMMIT).type("git log --oneline; echo end-$((1+1))").shows("first", "end-2")
    shell.reload().shows("hello-42", "first", "end-2")
    shell.close().has_ended()

    shop = user.vm("shop")
    shop.card.shows("1 commit not pushed")
    user.sees_title("1 with unsaved work · dvm")
    user.sees_heading("1 VM, 1 with unsaved work")

    before = user.config_of("shop")
    form = shop.edit().type(cpus="many", ports="3000")
    form.save().is_refused("Nothing was saved", at="cpus").has(cpus="many", ports="3000")
    user.window.complaints.expect("422")  # the browser notes the form that was refused
    assert user.config_of("shop") == before
    form.type(cpus="2").save().is_saved("shop")
    assert "cpus: 2" in user.config_of("shop")

    deletion = shop.delete()
    deletion.shows("This unsaved work will be lost: 1 commit not pushed")
    deletion.report.shows("/home/dev/code/shop")
    deletion.type_name("shop ").is_refused()  # H06: the name, and no more
    deletion.type_name("shop").delete().succeeds()
    assert not list(user.home.paths.lima_home.glob("dvm-*"))
    shop.card.shows("Not created")
    user.sees_heading("1 VM")


def a_config_is_made_changed_and_removed_without_a_vm(user: User) -> None:
    """Played by test_demo.py."""
    user.new_vm("plan", memory="2GiB").save().is_saved("plan")
    plan = user.vm("plan")
    plan.card.shows("Not created")
    plan.edit().has(memory="2GiB").type(memory="3GiB").save().is_saved("plan")
    assert "memory: 3GiB" in user.config_of("plan")
    plan.remove_config().shows("plan")
    user.goes_to("VMs")
    user.sees_heading("No VMs yet")


# A journey that begins where nothing is yet, and needs no more than its user.
JOURNEYS = {
    "deletion": test_from_the_first_visit_to_a_deletion_that_asks,
    "config": a_config_is_made_changed_and_removed_without_a_vm,
}
