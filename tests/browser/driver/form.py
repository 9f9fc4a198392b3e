"""The form of a VM: its fields, its YAML, what saving will do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from playwright.sync_api import Locator, expect

from tests.browser.driver.job import JobPage
from tests.browser.driver.window import Part, Window

SIZE_FIELDS, ADVANCED = ("cpus", "memory", "disk"), ("arch", "user", "code_dir", "baseline")


class VmForm:
    """The form of a new VM or of one that is there; fields go by their name in the config."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.page = window.page
        self.plan = window.part("What sync will do", "#vm-preview")
        self.problems = window.part("The list of what is wrong", "#vm-problems")
        self.part = window.part("The form", "#vm-form").is_shown()

    @property
    def yaml(self) -> Locator:
        return self.page.locator("#f-yaml")

    def field(self, name: str) -> Locator:
        return self.page.locator(f"#vm-form [name='{name}']:visible")

    def error(self, name: str) -> Part:
        """What is written below a field that is wrong."""
        return self.window.part(f"The error of {name}", f"#f-{name}-error")

    def reveal(self, *names: str) -> VmForm:
        """Open what a field is folded into, as a user would: a custom size, another image, the advanced part."""
        for name in names:
            if self.page.locator(f"#f-{name}").is_visible():
                continue
            with self.window.act(f"Show the field {name}"):
                if name in SIZE_FIELDS:
                    self.page.locator("label[for=f-size-custom]").click()
                elif name == "image":
                    self.page.locator("#f-image-choice").select_option(label="Other…")
                elif name in ADVANCED:
                    self.page.locator("#f-advanced > summary").click()
        return self

    def set(self, **values: str) -> VmForm:
        """Replace the values of fields, all at once."""
        self.reveal(*values)
        for name, value in values.items():
            with self.window.act(f"Fill in {value!r} as {name}"):
                self.field(name).fill(value)
        return self

    def begin_yaml(self) -> VmForm:
        """Go to the beginning of the YAML."""
        with self.window.act("Go to the beginning of the YAML"):
            self.yaml.press("Control+Home")
        return self

    def end_yaml(self) -> VmForm:
        with self.window.act("Go to the end of the YAML"):
            self.yaml.press("Control+End")
        return self

    def press(self, *keys: str) -> VmForm:
        """Press keys where the caret is."""
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def press_keys(self, text: str) -> VmForm:
        """Type where the caret is."""
        with self.window.act(f"Type {text!r}"):
            self.page.keyboard.type(text, delay=self.window.pace.key)
        return self

    def type(self, **values: str) -> VmForm:
        """Replace the values of fields, key by key."""
        self.reveal(*values)
        for name, value in values.items():
            with self.window.act(f"Type {value!r} as {name}"):
                self.field(name).fill("")
                self.field(name).press_sequentially(value, delay=self.window.pace.key)
        return self

    def choose(self, recipes: Iterable[str]) -> VmForm:
        """Tick recipes."""
        for recipe in recipes:
            with self.window.act(f"Choose the recipe {recipe}"):
                self.page.locator(f"[name=recipe][value='{recipe}']").check()
        return self

    def choose_kind(self, kind: str) -> VmForm:
        with self.window.act(f"Choose the kind {kind}"):
            self.page.locator(f"[data-kind='{kind}'] + label").click()
        return self

    def has(self, **values: str) -> VmForm:
        """Wait until fields have these values."""
        for name, value in values.items():
            with self.window.awaited(f"The field {name} is not {value!r}", self.page.locator("#vm-form")):
                expect(self.field(name)).to_have_value(value)
        return self

    def has_chosen(self, recipe: str) -> VmForm:
        with self.window.awaited(f"The recipe {recipe} is not chosen", self.page.locator("#f-recipes")):
            expect(self.page.locator(f"[name=recipe][value='{recipe}']")).to_be_checked()
        return self

    def has_caret(self, name: str, at: int) -> VmForm:
        """The focus is in a field, or in the YAML, and the caret behind so many characters."""
        with self.window.awaited(f"The focus is not in {name}"):
            expect(self.field(name)).to_be_focused()
        found = self.page.evaluate("document.activeElement.selectionStart")
        assert found == at, f"The caret of {name} is at {found}, not at {at}"
        return self

    def has_no_problems(self) -> VmForm:
        with self.window.awaited("The form has problems", self.problems.place):
            expect(self.problems.place.locator("li")).to_have_count(0)
        return self

    def marks(self, name: str, text: str) -> VmForm:
        """A field is marked as wrong and described by this text."""
        with self.window.awaited(f"The field {name} is not marked with {text!r}"):
            expect(self.field(name)).to_have_attribute("aria-invalid", "true")
            expect(self.field(name)).to_have_accessible_description(re.compile(re.escape(text)))
        return self

    def lets_fields_win(self) -> VmForm:
        """Both sides were changed: write the fields into the YAML."""
        self.window.press("Let the fields count", "#vm-choice [value=fields]")
        return self

    def has_yaml(self, text: str | re.Pattern[str]) -> VmForm:
        with self.window.awaited("The YAML is another"):
            expect(self.yaml).to_have_value(text)
        return self

    def preview(self) -> VmForm:
        """Without script: ask what saving would do."""
        self.window.press("Ask what it will do", "button[name=do][value=preview]")
        return self

    def reads_yaml(self) -> VmForm:
        """Without script: read the YAML into the fields."""
        self.window.press("Read the YAML into the form", self.page.locator("button[name=do][value=yaml]").first)
        return self

    def save(self) -> VmForm:
        self.window.press("Save", "button[name=do][value=save]:visible")
        return self

    def save_and_sync(self) -> JobPage:
        self.window.press("Save and sync", "button[name=do][value=sync]")
        return JobPage(self.window)

    def is_refused(self, text: str, *, at: str = "") -> VmForm:
        """The page shows this text, and marks the field `at`."""
        alert = self.page.get_by_role("alert").filter(has_text=text)
        with self.window.awaited(f"The form is not refused with {text!r}"):
            expect(alert).to_be_visible()
        if at:
            with self.window.awaited(f"The field {at} is not marked as wrong"):
                expect(self.field(at)).to_have_attribute("aria-invalid", "true")
        return self

    def is_saved(self, vm: str) -> None:
        """The page of the VM is shown, no form any more."""
        with self.window.awaited(f"The page of {vm} does not come"):
            expect(self.page.locator("#vm-form")).to_have_count(0)
            self.page.wait_for_url(f"**/vms/{vm}")
