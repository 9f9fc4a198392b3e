"""A VM on the page of VMs: its card, and what a user does with it from there."""

from __future__ import annotations

from tests.browser.driver.deletion import DeletionPage
from tests.browser.driver.form import VmForm
from tests.browser.driver.job import JobPage
from tests.browser.driver.terminal import Terminal
from tests.browser.driver.window import Part, Window


class Vm:
    """A VM by its name. Each verb begins at the card and returns the page to which it leads."""

    def __init__(self, window: Window, name: str) -> None:
        self.window = window
        self.name = name

    @property
    def card(self) -> Part:
        """Its card; goes to the page of VMs where another one is open."""
        card = self.window.page.locator(f"#vm-{self.name}")
        if not self._is_at_vms():
            self.window.press("Go to VMs", self.window.page.get_by_role("link", name="VMs", exact=True))
        return self.window.part(f"The card of {self.name}", card)

    @property
    def state(self) -> Part:
        """The badge of its card."""
        return self.window.part(f"The state of {self.name}", self.card.place.locator(".state").first)

    def open(self) -> Part:
        """Its own page."""
        self.window.press(f"Open {self.name}", self.card.place.locator("[data-card-link]"))
        with self.window.awaited(f"The page of {self.name} does not come"):
            self.window.page.wait_for_url(f"**/vms/{self.name}")
        return self.window.part(f"The page of {self.name}", self.window.page.get_by_role("main"))

    def terminal(self) -> Terminal:
        """Its terminal, connected."""
        self._press("terminal", f"Open the terminal of {self.name}")
        return Terminal(self.window).open()

    def open_agent(self, command: str) -> Terminal:
        """An agent in a terminal, once the guest has reported that its recipe is applied."""
        with self.window.awaited(f"{command} cannot be opened in {self.name}", self.card.place):
            self.window.page.locator(f"#{self.name}-open-{command}").wait_for(state="attached")
        card = self.card
        with self.window.act(f"Open {command} in {self.name}"):
            card.place.locator(f"#vm-{self.name}-more").click()
            card.place.locator(f"#{self.name}-open-{command}").click()
        return Terminal(self.window).open("")

    @property
    def needs(self) -> Part:
        """What waits for the user, on its card."""
        return self.window.part(f"What waits in {self.name}", self.card.place.locator(".needs"))

    def check_for_unsaved_work(self) -> JobPage:
        self.open()
        self.window.press(f"Check {self.name} for unsaved work", "#check-work")
        return JobPage(self.window)

    def sync_with(self, *, every_recipe: bool = False) -> JobPage:
        """Sync from its own page, where options can be set."""
        self.open()
        if every_recipe:
            with self.window.act("Choose to run every recipe again"):
                self.window.page.locator("#fresh").check()
        self.window.press(f"Sync {self.name}", "#sync-with")
        return JobPage(self.window)

    def sync(self) -> JobPage:
        self._press("sync", f"Sync {self.name}")
        return JobPage(self.window)

    def stop(self) -> JobPage:
        self._press("stop", f"Stop {self.name}")
        return JobPage(self.window)

    def start(self) -> JobPage:
        self._press("start", f"Start {self.name}")
        return JobPage(self.window)

    def edit(self) -> VmForm:
        self._choose("edit", f"Edit the config of {self.name}")
        return VmForm(self.window)

    def delete(self) -> DeletionPage:
        """The page that asks; nothing is deleted yet."""
        self._choose("delete", f"Delete {self.name}")
        return DeletionPage(self.window, self.name)

    def remove_config(self) -> Part:
        """Remove its config; return the page that names the kept copy."""
        self._choose("remove", f"Remove the config of {self.name}")
        self.window.press("Confirm it", "#remove")
        with self.window.awaited("The config is not removed"):
            self.window.page.locator("#all-vms").wait_for()
        return self.window.part("The page of the removed config", self.window.page.get_by_role("main"))

    def _press(self, action: str, what: str) -> None:
        """A button of the card."""
        self.window.press(what, self.card.place.locator(f"#{self.name}-{action}"))

    def _choose(self, action: str, what: str) -> None:
        """A line of the card's menu."""
        card = self.card
        with self.window.act(what):
            card.place.locator(f"#vm-{self.name}-more").click()
            card.place.locator(f"#{self.name}-more-{action}").click()

    def _is_at_vms(self) -> bool:
        page = self.window.page
        return page.url.partition("?")[0] == f"{self.window.root}/" and page.locator("#vms").count() > 0
