"""The page that asks before a VM is deleted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.driver.job import JobPage
from tests.browser.driver.window import Part, Window


class DeletionPage(Part):
    """What would be lost, and the name that must be typed where something would."""

    def __init__(self, window: Window, vm: str) -> None:
        super().__init__(window, f"The deletion page of {vm}", window.page.get_by_role("main"))
        with window.awaited(f"The deletion page of {vm} does not come"):
            window.page.wait_for_url(f"**/vms/{vm}/delete*")

    @property
    def report(self) -> Part:
        return self.window.part("The report of unsaved work", "#work-report")

    def type_name(self, name: str) -> DeletionPage:
        with self.window.act(f"Type {name!r} to delete with unsaved work"):
            field = self.window.page.locator("#typed-name")
            field.fill("")
            field.press_sequentially(name, delay=self.window.pace.key)
        return self

    def is_refused(self) -> DeletionPage:
        """Neither the button nor Enter deletes."""
        page = self.window.page
        with self.window.awaited("The button that deletes can be pressed"):
            expect(page.locator("#delete")).to_be_disabled()
        address = page.url
        page.locator("#typed-name").press("Enter")
        with self.window.awaited("Enter deletes"):
            expect(page.locator("#delete")).to_be_disabled()
            assert page.url == address
        return self

    def check_again(self) -> JobPage:
        self.window.press("Check for unsaved work again", "#check-again")
        return JobPage(self.window)

    def delete(self) -> JobPage:
        self.window.press("Delete the VM", "#delete")
        return JobPage(self.window)
