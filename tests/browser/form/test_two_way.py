"""The form in a real browser: typing on one side changes the other, and never what is being typed."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Route, expect

from tests.browser.driver.form import VmForm
from tests.browser.driver.user import User

pytestmark = pytest.mark.xdist_group("shared dashboard")
OWN = "# my VM\ncpus: 3   # three\nmemory: 6GiB\n"
AGENT = "#!/bin/sh\n# /// recipe\n# summary: x\n# params: {token: {label: Token, secret: true}}\n# ///\ntrue\n"
SETTINGS = {  # of the kinds of services
    "llama": "params.llama.llama_models",
    "cloudflared": "params.cloudflared.cloudflared_service",
    "tailscale": "params.tailscale.tailscale_funnel",
}


def edit(user: User) -> VmForm:
    """The form of the config OWN."""
    user.home.paths.vm_config("sides").write_text(OWN)
    return user.edits("sides")


def test_typing_on_one_side_changes_the_other_and_keeps_the_caret(user: User) -> None:
    form = edit(user)
    form.set(cpus="12").press("Home", "Delete").press_keys("6")
    form.has_yaml(OWN.replace("cpus: 3", "cpus: 62")).has_caret("cpus", 1)
    form.set(cpus="8").has_yaml(OWN.replace("cpus: 3", "cpus: 8"))

    form = edit(user)
    typed = "recipes: [git]\nparams: {git: {user_name: Ada}}\nuser: root\n"
    form.begin_yaml().press_keys(typed)
    form.has(**{"params.git.user_name": "Ada"}).has_chosen("git")
    form.error("user").shows("Root is an account or group of the system")
    form.problems.shows("Line 3. ")
    form.has_caret("yaml", len(typed)).press("Backspace").press_keys("x\n")
    form.has(user="rootx").has_no_problems()
    form.plan.shows("Recipe git")
    form.save().is_saved("sides")
    assert user.config_of("sides") == typed.replace("root", "rootx") + OWN


def test_a_wrong_value_is_marked_while_one_types_and_by_the_server_alike(user: User) -> None:
    form = edit(user)
    cpus = form.field("cpus")
    described = cpus.get_attribute("aria-describedby")
    form.set(cpus="two").marks("cpus", "'two' is not a whole number")
    expect(cpus).to_be_focused()
    form.save().is_refused("Nothing was saved", at="cpus")
    expect(form.error("cpus").place.locator(".error")).to_have_count(1)
    form.page.wait_for_load_state()  # its scripts have run
    user.window.complaints.expect("422")  # the browser notes the form that was refused
    form.set(cpus="2")
    form.error("cpus").is_gone()
    expect(cpus).not_to_have_attribute("aria-invalid", "true")
    expect(cpus).to_have_attribute("aria-describedby", described or "")


def test_a_late_answer_does_not_land_on_what_is_typed(user: User) -> None:
    form = edit(user)
    held: list[Route] = []
    form.page.route("**/vms/sides/edit", lambda route: route.continue_() if held else held.append(route))
    with form.page.expect_request(lambda request: request.method == "POST"):
        form.set(cpus="5")
    form.end_yaml().press_keys("user: jo\n")  # before the answer to the field is there
    with suppress(Error):  # the page may have given it up already
        held[0].continue_()
    # Both sides are changed now: neither is taken from the user.
    form.has_yaml(OWN + "user: jo\n").has(cpus="5")
    # The fields count as they stand, so the user that was typed on the other side goes.
    form.lets_fields_win().has_yaml(OWN.replace("cpus: 3", "cpus: 5"))

    form = edit(user)  # what is typed just after an answer is sent as well
    form.page.evaluate(
        """() => document.addEventListener("htmx:afterSwap", () => setTimeout(() => {
            const field = document.querySelector("#f-cpus"); field.value = "6";
            field.dispatchEvent(new Event("input", { bubbles: true })); }), { once: true })"""
    )
    form.set(cpus="5").has_yaml(OWN.replace("cpus: 3", "cpus: 6"))


def test_what_is_typed_before_the_scripts_are_there_is_asked_about(user: User) -> None:
    page, held = user.window.page, list[Route]()
    page.route("**/vendor/htmx.min.js", lambda route: held.append(route))
    user.home.paths.vm_config("sides").write_text(OWN)
    page.goto(f"{user.window.root}/vms/sides/edit", wait_until="commit")
    form = VmForm(user.window).set(cpus="5").choose(["git"])
    held[0].continue_()
    form.plan.shows("Recipe git")
    form.has_yaml(OWN.replace("cpus: 3", "cpus: 5") + "recipes:\n  - git\n")


def test_a_typed_secret_stays_when_the_fields_follow(user: User) -> None:
    user.has_local_recipe("sides-agent", AGENT)
    form = edit(user).choose(["sides-agent"]).has_yaml(OWN + "recipes:\n  - sides-agent\n")
    form.set(**{"secret.token": "s3cret-canary"})
    form.end_yaml().press_keys("user: jo\n")
    form.has(user="jo", **{"secret.token": "s3cret-canary"})
    assert "s3cret-canary" not in form.yaml.input_value()


def test_a_new_vm_shows_what_its_kind_needs_beside_what_it_will_do(user: User) -> None:
    user.window.page.set_viewport_size({"width": 1280, "height": 800})
    form = user.new_vm("web", recipes=("git",))
    form.plan.shows(re.compile("Recipe git", re.IGNORECASE))
    high, seen = form.page.evaluate("(e => [e.scrollHeight, e.clientHeight])(document.querySelector('.sticky'))")
    assert high <= seen, "the side needs no scrollbar of its own"
    for kind, setting in SETTINGS.items():  # N8: by style alone
        expect(form.field(setting)).to_be_hidden()
        expect(form.field("repo")).to_be_visible()
        form.choose_kind(kind)
        expect(form.field(setting)).to_be_visible()
        expect(form.field("repo")).to_be_hidden()
        form.choose_kind("vm")
    form.set(repo="git@example.org:a/b").choose_kind("llama")
    expect(form.field("repo")).to_be_visible()
