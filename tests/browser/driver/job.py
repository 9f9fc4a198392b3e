"""The page of a job: how it ends, its steps and its log."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.driver.window import Part, Window


class JobPage:
    """The page that follows a job; made when the browser comes to one."""

    def __init__(self, window: Window) -> None:
        self.window = window
        with window.awaited("No page of a job is open"):
            window.page.wait_for_url("**/jobs/*")
        self.steps = window.part("The list of steps", "#job .steps")

    @property
    def log(self) -> Part:
        """The log, with the steps unfolded that it has now."""
        fold = self.window.page.locator("[data-log-fold-all]")
        if fold.is_visible():  # not without script
            with self.window.awaited("The log does not come"):
                expect(self.window.page.locator("[data-log-note]")).not_to_be_empty()
            if fold.inner_text() == "Unfold all":
                self.window.press("Unfold all", fold)
        return self.window.part("The log", self.window.page.get_by_role("region", name="Log"))

    @property
    def failure(self) -> Part:
        """Why it failed, with the buttons that help."""
        return self.window.part("The failure", "#job .callout.bad, #job .callout.warn")

    def fails(self) -> JobPage:
        return self._ends_as("Failed")

    def helped_by(self, button: str) -> None:
        """Follow a link of those that help."""
        self.window.press(f"Press {button!r}", self.window.page.locator("#helps").get_by_role("link", name=button))

    @property
    def id(self) -> str:
        return self.window.page.url.rpartition("/")[2]

    def is_of(self, heading: str) -> JobPage:
        with self.window.awaited(f"The job is not {heading!r}"):
            expect(self.window.page.get_by_role("heading", level=1)).to_have_text(heading)
        return self

    def succeeds(self) -> JobPage:
        return self._ends_as("Done")

    def is_cancelled(self) -> JobPage:
        return self._ends_as("Cancelled")

    def is_at(self, step: str) -> JobPage:
        """Wait until a step with this in its title runs."""
        self._step("now", step)
        return self

    def has_done(self, *steps: str) -> JobPage:
        for step in steps:
            self._step("done", step)
        return self

    def cancel(self) -> JobPage:
        self.window.press("Cancel the job", "#cancel")
        return self

    def run_again(self) -> JobPage:
        """Run the same again; the page is that of the new job then."""
        before = self.window.page.url
        self.window.press("Run it again", "#next-again")
        with self.window.awaited("The page of the new job does not come"):
            self.window.page.wait_for_url(lambda address: "/jobs/" in address and address != before)
        return self

    def _ends_as(self, state: str) -> JobPage:
        with self.window.awaited(f"The job does not end as {state!r}", self.window.page.locator("#job")):
            expect(self.window.page.locator("#job .state").first).to_have_text(state)
        return self

    def _step(self, tone: str, title: str) -> None:
        place = self.steps.place
        with self.window.awaited(f"No step {title!r} is {tone!r}", place):
            expect(place.locator(f"li.{tone}", has_text=title).first).to_be_visible()
