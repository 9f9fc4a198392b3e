"""A user who is logged in: the pages of the dashboard, and what every page has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from playwright.sync_api import expect

from tests.browser.driver.deletion import DeletionPage
from tests.browser.driver.form import VmForm
from tests.browser.driver.recipes import RecipesPage
from tests.browser.driver.vms import Vm
from tests.browser.driver.window import Part, Window
from tests.journey.conftest import DvmHome


@dataclass
class User:
    """A window of the browser, and the home in which the dashboard runs."""

    window: Window
    home: DvmHome

    def vm(self, name: str) -> Vm:
        return Vm(self.window, name)

    def another_window(self, path: str = "/") -> User:
        """The same user in one more tab of the browser."""
        page = self.window.page.context.new_page()
        page.goto(self.window.root + path)
        return User(replace(self.window, page=page), self.home)

    def new_vm(self, name: str, recipes: tuple[str, ...] = (), **fields: str) -> VmForm:
        """Open the form of a new VM and fill it."""
        if self.window.page.locator("#vm-form").count() == 0:
            self.window.press("Press New VM", self.window.page.locator("[data-new-vm]:visible").first)
        return VmForm(self.window).type(name=name, **fields).choose(recipes)

    def edits(self, vm: str) -> VmForm:
        """Open the form of a VM by its address."""
        self.window.open(f"/vms/{vm}/edit")
        return VmForm(self.window)

    def deletes(self, vm: str) -> DeletionPage:
        """Open the page that asks, by its address."""
        self.window.open(f"/vms/{vm}/delete")
        return DeletionPage(self.window, vm)

    def recipes(self) -> RecipesPage:
        self.goes_to("Recipes")
        return RecipesPage(self.window)

    def goes_to(self, section: str) -> Part:
        """Follow a link of the main navigation; return the page's main part."""
        link = self.window.page.get_by_role("navigation", name="Main").get_by_role("link", name=section)
        with self.window.act(f"Go to {section}"), self.window.page.expect_navigation(wait_until="domcontentloaded"):
            link.click()
        return self.main

    @property
    def main(self) -> Part:
        return self.window.part("The page", self.window.page.get_by_role("main"))

    @property
    def alert(self) -> Part:
        """Where every page reports that the dashboard does not respond or refuses."""
        return self.window.part("The alert", "#alerts")

    def logs_out(self, *, everywhere: bool = False) -> None:
        if everywhere:
            self.window.open("/settings")
            self.main.press("Log out everywhere")
        else:
            self.window.part("The foot of the page", "footer.foot").press("Log out")
        self.sees_heading("You are logged out everywhere." if everywhere else "You are logged out.")

    def sees(self, *texts: str) -> None:
        """Wait until the page shows these."""
        self.main.shows(*texts)

    def sees_heading(self, text: str | re.Pattern[str]) -> None:
        with self.window.awaited(f"The heading is not {text!r}"):
            expect(self.window.page.get_by_role("heading", level=1)).to_have_text(text)

    def sees_title(self, text: str | re.Pattern[str]) -> None:
        """The title of the tab."""
        with self.window.awaited(f"The title of the tab is not {text!r}"):
            expect(self.window.page).to_have_title(text)

    def has_local_recipe(self, name: str, script: str) -> None:
        """Write a local recipe by hand."""
        folder = self.home.paths.local_recipes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / f"{name}.sh").write_text(script)

    def config_of(self, vm: str) -> str:
        """The text of a VM's config file."""
        return self.home.paths.vm_config(vm).read_text()
