"""What is done on a page before its picture is taken."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Act = Callable[[Page], None]


def nothing(_page: Page) -> None:
    """The page as it comes."""


def fill_form(page: Page) -> None:
    """Fill in the form of a new VM."""
    page.get_by_label("Name", exact=True).first.fill("notes")
    page.locator("input[name=repo]").fill("git@github.com:me/notes.git")
    page.locator("input[name=recipe][value=node]").check()
    expect(page.locator("#vm-preview .steps")).to_contain_text("Recipe node")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def fill_badly(page: Page) -> None:
    """Send a form that comes back with errors."""
    page.get_by_label("Name", exact=True).first.fill("My Notes")
    page.locator("label[for=f-size-custom]").click()
    page.locator("input[name=cpus]").fill("900")
    page.locator("input[name=memory]").fill("lots")
    page.locator("input[name=ports]").fill("80 3000")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field.bad").first).to_be_visible()


def work_in_terminal(page: Page) -> None:
    """Two commands in a fresh terminal."""
    _wait_for_screen(page, "shop-api$")
    page.locator(".xterm-screen").click()
    page.keyboard.type("clear; git status --short --branch; git log --oneline\n")
    _wait_for_screen(page, "First version")


def _wait_for_screen(page: Page, words: str) -> None:
    """Wait until a terminal shows the text; it is drawn on a canvas, so xterm's buffer is read."""
    page.wait_for_function(
        """(words) => {
          const screen = document.querySelector("[data-terminal]").terminal?.buffer.active;
          const lines = Array.from({length: screen?.length ?? 0}, (_, i) => screen.getLine(i).translateToString());
          return lines.join("\\n").includes(words);
        }""",
        arg=words,
    )


def post(path: str) -> Act:
    """Post to a path as a button of another page would; the answer is the page."""

    def act(page: Page) -> None:
        page.evaluate(
            """(action) => {
              const form = document.createElement("form");
              form.method = "post"; form.action = document.body.dataset.root + action;
              form.append(document.querySelector("footer input[type=hidden]").cloneNode());
              document.body.append(form); form.submit();
            }""",
            path,
        )
        page.wait_for_url(f"**{path}")

    return act


def open_palette(page: Page) -> None:
    """The command palette with a query."""
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("shop")
    expect(page.get_by_role("option").first).to_be_visible()


def show_table(page: Page) -> None:
    """The table, which the dashboard remembers."""
    page.get_by_role("button", name="Table", exact=True).click()
    page.locator("#vms-table").wait_for()


def show_cards(page: Page) -> None:
    """The cards again."""
    page.get_by_role("button", name="Cards", exact=True).click()
    page.locator("#cards").wait_for()


def select_two(page: Page) -> None:
    """Two selected VMs."""
    page.locator("#pick-vm-shop-api").check()
    page.locator("#pick-vm-thesis").check()


def open_columns(page: Page) -> None:
    """The menu of columns."""
    page.locator("#columns-open").click()


def restart_none(page: Page) -> None:
    """A verb on VMs that it cannot change now."""
    page.locator("#pick-vm-thesis").check()
    page.locator("#selected-stop").click()
    page.locator("#selected").wait_for()
