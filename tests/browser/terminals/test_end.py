"""Who can open a terminal, what is shown when it ends, and what can be done next."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.driver.terminal import PLACE, Terminal
from tests.browser.driver.window import Complaints
from tests.browser.entered import Entered, login
from tests.journey.conftest import until

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]


@pytest.mark.slow_browser
def test_e17_only_a_terminal_that_is_there_opens_and_only_by_a_ticket(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    guessed = home.terminal(tab.context, "?id=" + "a" * 32)
    expect(guessed.note).not_to_be_empty()
    expect(guessed.page.locator("[data-terminal-again]")).to_be_visible()
    assert guessed.page.evaluate("document.querySelector('[data-terminal]').link.ws ?? null") is None
    ends = tab.page.evaluate(
        """async ([root, id]) => Promise.all([id, "a".repeat(32), "../vms", id + "/../" + id].map((one) =>
        new Promise((done) => {
          const ws = new WebSocket(`${root.replace("http", "ws")}/terminals/${one}/socket?ticket=x`);
          ws.onopen = () => done("open"); ws.onclose = (event) => done(event.code); })))""",
        [home.root, tab.id],
    )
    assert ends == [1006] * 4
    other_vm = tab.page.evaluate(
        """async ([root, id]) => { const csrf = document.querySelector('[name=csrf]').value;
        const answer = await fetch(root + "/vms/other/terminal/ticket", { method: "POST",
          body: new URLSearchParams({ csrf, id }) }); return answer.status; }""",
        [home.root, tab.id],
    )
    assert other_vm == 404
    complaints.allow("")


@pytest.mark.slow_browser
def test_a_session_that_is_logged_out_elsewhere_closes_the_terminal_with_a_sentence(
    home: Entered, browser: Browser, context: BrowserContext, complaints: Complaints
) -> None:
    context.add_cookies([{**login(browser, home.dashboard)}])  # type: ignore[typeddict-item]
    one = Terminal.at(context, home.root, "/vms/app/terminal").open()
    one.run("true")
    elsewhere = context.new_page()
    elsewhere.goto(home.root + "/help")
    elsewhere.get_by_role("button", name="Log out", exact=True).click()
    one.note_shows("You are logged out. Get a new address with: dvm web --url")
    assert one.page.evaluate("document.querySelector('[data-terminal]').link.isOver")
    complaints.allow("")


def test_e21_a_stopped_vm_is_reported_in_its_terminal(home: Entered, tab: Terminal, complaints: Complaints) -> None:
    tab.run("echo last''-words")
    home.dvm_home.ok("stop", "app")
    expect(tab.page.get_by_role("button", name="Start app")).to_be_visible()
    expect(tab.page.locator("[data-terminal-again]")).to_be_hidden()
    expect(tab.page.get_by_role("button", name="Start app")).not_to_be_focused()  # a key on its way starts no VM
    expect(tab.note).to_contain_text("was stopped")
    print("E21:", tab.note.inner_text())
    assert "last-words" in tab.screen, "what was there can still be read"
    assert tab.page.evaluate("document.querySelector('[data-terminal]').link.isOver"), "it does not try again"
    tab.page.get_by_role("button", name="New shell").click()  # at once: no shell of a list that is a second old
    expect(tab.note).to_contain_text("app is stopped. Start it, then")
    complaints.expect("409")
    tab.page.get_by_role("button", name="Start app").click()
    tab.page.wait_for_url("**/jobs/*")
    expect(tab.page.locator("#job .state").first).to_have_text("Done")


def test_a_connection_to_the_vm_that_is_lost_is_opened_again(tab: Terminal) -> None:
    tab.input("exit 255\n")  # the exit code of ssh; the VM runs
    tab.note_shows("The connection to the VM was lost.")
    again = tab.page.get_by_role("button", name="Reopen")
    expect(again).to_be_focused()
    expect(tab.page.get_by_role("button", name="Start app")).to_be_hidden()
    tab.page.keyboard.press("Enter")
    tab.open()
    tab.run("echo an''other")
    tab.input("exit 3\n")
    tab.note_shows("exit code 3")
    expect(tab.page.get_by_role("button", name="Open a new terminal")).to_be_focused()


@pytest.mark.slow_browser
def test_nothing_that_was_meant_for_a_shell_that_ended_goes_to_the_next(
    home: Entered, tab: Terminal, complaints: Complaints
) -> None:
    tab.page.evaluate(f"() => {{ const {{ link }} = {PLACE}; link.count = () => {{}}; link.ws.close(); }}")
    tab.note_shows("What you type is kept")
    tab.input("echo for-the-old-one\n")
    tab.page.evaluate(
        f"""async () => {{ const {{ terminals, csrf }} = {PLACE}.dataset;
        await fetch(`${{terminals}}/${{{PLACE}.link.id}}/close`, {{ method: "POST",
          body: new URLSearchParams({{ csrf, as: "json", sure: "1" }}) }}); }}"""
    )
    # Until it has ended its line would come back, and what was typed for it would rightly be sent.
    ended = tab.id
    until(lambda: f'"id": "{ended}"' not in home.dvm_home.ok("terminals", "--json"))
    tab.page.evaluate(f"() => {PLACE}.link.retryNow()")
    tab.page.locator("[data-terminal-again]").click()
    tab.open()
    tab.run("true")
    assert "for-the-old-one" not in tab.sent()
    assert "for-the-old-one" not in tab.screen
    complaints.expect("404")
