"""New VM on one screen: sizes, kinds, the grid of recipes, chips that move, the buttons in sight, and the editor."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driver.form import VmForm
from tests.browser.driver.user import User

pytestmark = pytest.mark.xdist_group("shared dashboard")
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 320, "height": 600}}
BARE = {"java_script_enabled": False}


def new(user: User) -> VmForm:
    user.window.open("/new-vm")
    return VmForm(user.window)


def chips(page: Page) -> list[str]:
    return [(chip.get_attribute("data-chip") or "") for chip in page.locator("[data-chip]").all()]


def has_chips(page: Page, *names: str) -> None:
    expect(page.locator("[data-chip] > span")).to_have_text(list(names))


@pytest.mark.parametrize("context", [DESK], indirect=True, ids=[""])
def test_the_fields_and_most_recipes_are_on_the_first_screen(user: User) -> None:
    form = new(user)
    for place in ("#f-name", "#f-repo", "#f-kind", "#f-size-large + label", "#f-image-choice", "#f-ports", "#f-yaml"):
        expect(form.page.locator(place)).to_be_in_viewport(ratio=1)
    expect(form.page.locator("#f-advanced > summary")).to_be_in_viewport(ratio=1)
    expect(form.page.locator("[data-recipe=zsh]")).to_be_in_viewport(ratio=1)
    assert form.page.evaluate("document.documentElement.scrollHeight") < 1150


def test_a_size_fills_the_fields_and_a_typed_value_is_custom(user: User) -> None:
    form = new(user)
    expect(form.field("memory")).to_be_hidden()
    form.page.locator("label[for=f-size-medium]").click()
    form.has_yaml("cpus: 4\nmemory: 8GiB\ndisk: 40GiB\n")
    form.page.locator("label[for=f-size-small]").click()
    form.has_yaml("")
    form.set(cpus="3").has_yaml("cpus: 3\n")
    form.page.get_by_role("button", name="Memory: more").click()
    form.has(memory="8GiB").has_yaml("cpus: 3\nmemory: 8GiB\n")
    expect(form.page.locator("#f-size-custom")).to_be_checked()
    form.end_yaml().press("Control+a").press_keys("cpus: 8\nmemory: 16GiB\ndisk: 80GiB\n")
    expect(form.page.locator("#f-size-large")).to_be_checked()  # the YAML is what counts


def test_an_image_is_chosen_or_typed(user: User) -> None:
    form = new(user)
    form.page.locator("#f-image-choice").select_option("debian-13")
    form.has_yaml("image: debian-13\n")
    expect(form.field("image")).to_be_hidden()
    form.set(image="fedora-41").has_yaml("image: fedora-41\n")
    form.page.locator("#f-image-choice").select_option("")
    form.has_yaml("")


def test_chips_move_by_keys_and_say_where_they_are(user: User) -> None:
    form = new(user).choose(["git", "python", "zsh"])
    page, said = form.page, form.page.locator("[data-recipe-said]")
    has_chips(page, "git", "python", "zsh")  # as they were chosen
    page.get_by_role("button", name="Move zsh", exact=True).focus()
    page.keyboard.press("Alt+ArrowLeft")
    expect(said).to_have_text("zsh is now 2 of 3.")
    page.keyboard.press("Alt+ArrowUp")
    expect(said).to_have_text("zsh is now 1 of 3.")
    form.has_yaml("recipes:\n  - zsh\n  - git\n  - python\n")
    has_chips(page, "zsh", "git", "python")
    expect(page.get_by_role("button", name="Move zsh", exact=True)).to_be_focused()
    page.keyboard.press("Alt+ArrowLeft")  # nothing is before the first
    expect(said).to_have_text("zsh is now 1 of 3.")
    page.get_by_role("button", name="Move zsh", exact=True).press("Delete")
    form.has_yaml("recipes:\n  - git\n  - python\n")
    expect(page.locator("[name=recipe][value=zsh]")).not_to_be_checked()
    page.get_by_role("button", name="Remove python", exact=True).click()
    form.has_yaml("recipes:\n  - git\n")


def test_chips_are_dragged_and_moved_by_a_click(user: User) -> None:
    form = new(user).choose(["git", "python", "zsh"])
    has_chips(form.page, "git", "python", "zsh")
    form.page.locator("[data-chip=zsh]").drag_to(form.page.locator("[data-chip=git]"))
    form.has_yaml("recipes:\n  - zsh\n  - git\n  - python\n")
    form.page.get_by_role("button", name="Move zsh", exact=True).click()
    form.has_yaml("recipes:\n  - git\n  - zsh\n  - python\n")


def test_what_a_recipe_requires_is_a_quiet_chip(user: User) -> None:
    form = new(user).choose(["codex"])
    expect(form.page.locator("[data-needed=agent-user]")).to_have_text("agent-user, for codex")
    expect(form.page.locator("[data-recipe=agent-user]")).to_have_class(re.compile(r"\bon\b"))
    switch = form.page.locator("#f-params-codex-codex_yolo")
    expect(switch).to_be_checked()
    switch.uncheck()
    form.has_yaml('recipes:\n  - codex\nparams:\n  codex:\n    codex_yolo: "0"\n')
    switch.check()
    form.has_yaml("recipes:\n  - codex\n")


def test_the_search_leaves_what_matches_and_posts_nothing(user: User) -> None:
    form = new(user)
    find = form.page.locator("#f-find")
    find.fill("agents cla")
    expect(form.page.locator("[data-recipe]:visible")).to_have_count(1)
    find.press("Enter")
    form.has_chosen("claude").has_yaml("recipes:\n  - claude\n")
    find.fill("uv")  # a word of the summary
    expect(form.page.locator("[data-recipe]:visible label")).to_have_text(["python"])
    find.fill("nothing has this")
    expect(form.page.locator("[data-recipe-details]")).to_have_text("No recipe matches.")
    find.press("Escape")
    expect(find).to_have_value("")
    expect(form.page.locator("[data-recipe=zsh]")).to_be_visible()
    find.press("ArrowDown")
    expect(form.page.locator("[data-recipe-details]")).to_contain_text("claude: ")


@pytest.mark.parametrize("context", [DESK, PHONE], indirect=True, ids=["desk", "phone"])
def test_save_and_sync_stays_in_sight(user: User) -> None:
    form = new(user)
    button = form.page.locator("button[value=sync]")
    for place in ("0", "document.body.scrollHeight / 2", "document.body.scrollHeight - 900"):
        form.page.evaluate(f"scrollTo(0, {place})")
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box
        at = f"document.elementFromPoint({box['x'] + 5}, {box['y'] + 10}).closest('button')?.value"
        assert form.page.evaluate(at) == "sync", "nothing covers it"


def test_ctrl_enter_saves_and_syncs(user: User) -> None:
    form = new(user).set(name="by-keys")
    form.field("name").press("Control+Enter")
    form.page.wait_for_url("**/jobs/*")
    assert user.home.paths.vm_config("by-keys").exists()


def test_an_error_stands_at_its_line(user: User) -> None:
    form = new(user)
    form.yaml.fill("cpus: 2\nmemory: lots  # <b>\n")
    wrong = form.page.locator(".editor-text > .wrong")
    expect(wrong).to_have_text(re.compile(r"^memory: lots  # <b>'lots' is not a size\."))
    expect(form.page.locator(".editor-numbers > .wrong")).to_have_text("2")
    form.yaml.fill("cpus: 2\nmemory: 4GiB\n")
    expect(wrong).to_have_count(0)
    expect(form.page.locator(".editor-numbers")).to_have_text("123")
    form.yaml.press("Tab")  # it is no trap
    expect(form.yaml).not_to_be_focused()


def test_the_editor_of_a_recipe_has_lines_colours_and_errors(user: User) -> None:
    user.has_local_recipe("painted", '#!/bin/sh\n# /// recipe\n# colour: x\n# ///\necho "$HOME" # note\n')
    user.window.open("/recipes/painted/edit")
    page = user.window.page
    expect(page.locator(".editor-text .note").last).to_have_text("# note")
    expect(page.locator(".editor-text .text")).to_have_text('"$HOME"')
    page.locator("#check-typed").click()
    expect(page.locator(".editor-numbers > .wrong").first).to_have_text("3")
    assert page.locator(".editor-text").inner_text().startswith("#!/bin/sh")


@pytest.mark.parametrize("context", [BARE], indirect=True, ids=["bare"])
def test_without_script_every_choice_is_a_plain_field(user: User) -> None:
    form = new(user)
    for name in ("cpus", "memory", "disk", "image", "ports", "repo"):
        expect(form.field(name)).to_be_visible()
    for place in ("#f-size-medium + label", "#f-image-choice", "#f-find", "[data-step]"):
        expect(form.page.locator(place).first).to_be_hidden()
    expect(form.page.locator("[data-recipe=python] .sum")).to_be_visible()
    form.choose_kind("llama")
    expect(form.field("params.llama.llama_models")).to_be_visible()
    expect(form.field("repo")).to_be_hidden()
    form.choose_kind("vm").set(name="bare-one", cpus="3", image="debian").choose(["python"])
    form.page.locator("summary", has_text="Start from").click()
    expect(form.page.get_by_role("link", name="Python project")).to_be_visible()
    form.save().is_saved("bare-one")
    assert "cpus: 3" in user.config_of("bare-one")
    form = user.edits("bare-one")
    assert chips(form.page) == ["python"]
