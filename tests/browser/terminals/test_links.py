"""Where links of a guest lead: to the web, to its own ports, never to the dashboard; only after they were shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.driver.terminal import PLACE, Terminal
from tests.browser.entered import Entered
from tests.browser.hostile_site import hostile_site

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]


def test_e07_a_web_link_opens_after_its_true_address_was_shown_and_any_other_is_dead(tab: Terminal) -> None:
    for target in ("javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "vbscript:x"):
        tab.run("clear")
        tab.print(f"\r\n\x1b]8;;{target}\x1b\\https://good.example\x1b]8;;\x1b\\\r\n")
        tab.click_text("https://good")
        tab.click_text("https://good")
        # Text that looks like an address is one by itself; its true target is the only one that may be asked for.
        if tab.question.is_visible():
            assert target not in tab.question.inner_text()
            tab.page.keyboard.press("Escape")
        assert len(tab.context.pages) == 1, target

    with hostile_site() as site:
        target = site.url("/linked").replace("127.0.0.1", "other.localhost")  # 127.0.0.1 would be the guest
        tab.print(f"\r\n\x1b]8;;{target}\x1b\\good.example, honestly\x1b]8;;\x1b\\\r\n")
        tab.click_text("good.example")
        expect(tab.question).to_contain_text(target)
        tab.page.keyboard.press("Escape")
        expect(tab.question).to_be_hidden()
        assert site.paths() == []
        tab.click_text("good.example")
        with tab.context.expect_page() as opened:
            tab.question.get_by_role("button", name="Open").click()
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]
        assert "Referer" not in site.asked[0].headers
        assert "Cookie" not in site.asked[0].headers


def test_a_link_to_localhost_opens_the_port_that_is_forwarded_from_this_vm_and_no_other(
    home: Entered, tab: Terminal
) -> None:
    with hostile_site() as site:
        port = site.host.rpartition(":")[2]
        tab.page.evaluate(f"(ports) => {PLACE}.dataset.ports = ports", f"3000:{port} 5173:9")
        for host in ("localhost", "127.0.0.1", "0.0.0.0", "[::1]"):  # noqa: S104
            tab.print(f"\r\nhttp://{host}:3000/a?b#c\r\n")
            tab.click_text(f"http://{host}")
            expect(tab.question).to_contain_text(f"http://app.localhost:{port}/a?b#c")
            tab.page.keyboard.press("Escape")
        tab.click_text("http://[::1]")
        with tab.context.expect_page() as opened:
            tab.question.get_by_role("button", name="Open").click()
        opened.value.wait_for_load_state()
        assert site.paths() == ["/a?b"]
        opened.value.close()

    own = home.root.partition("/d/")[0].rpartition(":")[2]
    links = ((f"http://localhost:{own}/", own), ("https://127.0.0.1/", "443"), ("http://[::1]/x", "80"))
    for address, port in links:  # each on a line of its own: xterm remembers the link of the line where the mouse is
        tab.print(f"\r\n{address}\r\n")
        tab.click_text(address)
        expect(tab.question).to_contain_text(f"Port {port} of app is not forwarded.")
        expect(tab.question).to_contain_text(f'add {port} to "ports" in the config of app')
        expect(tab.question.get_by_role("button")).to_have_text(["Close"])
        tab.page.keyboard.press("Escape")
    assert len(tab.context.pages) == 1


MEANINGS = {
    "http://app.localhost:7001/d/": "ours",
    "http://other.localhost:7001/": "ours",
    "http://app.localhost.:7001/": "ours",
    "http://other.localhost:7002/": "http://other.localhost:7002/",
    "http://127.1:3000/": "http://app.localhost:4000/",
    "http://2130706433:3000/": "http://app.localhost:4000/",
    "http://[::ffff:127.0.0.1]:3000/": "http://app.localhost:4000/",
    "http://[::]:3000/": "http://app.localhost:4000/",
    "http://user:word@localhost:3000/": "http://app.localhost:4000/",
    "http://localhost:7001/d/": "port 7001",
    "http://[::1]:7001/d/": "port 7001",
    "http://example.com:7001/": "http://example.com:7001/",
    "javascript:alert(1)": "nothing",
    "file:///etc/passwd": "nothing",
}


def test_what_a_link_means(tab: Terminal) -> None:
    found = tab.page.evaluate(
        """async ([links, address]) => { const { target } = await import(address);
        const here = { hostname: "[::1]", port: "7001", protocol: "http:" };
        const say = (found) => !found ? "nothing" : found.isOurs ? "ours" : found.address ?? `port ${found.port}`;
        return links.map((link) => say(target(link, { vm: "app", ports: new Map([["3000", "4000"]]), here }))); }""",
        [[*MEANINGS], f"{tab.page.url.partition('/vms/')[0]}/static/js/terminals/links.js"],
    )
    assert dict(zip(MEANINGS, found, strict=True)) == MEANINGS
