"""An agent works, waits and ends: by its own hooks, seen on the cards, on the page of all terminals and by a notice."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dvmweb.terminals import client
from dvmweb.vms import Vms
from tests.browser.entered import Entered, entered
from tests.browser.tab import Tab, until

# Stands in for Claude Code: reads `--settings` as it does, and runs the hooks as it does.
CLAUDE = r"""#!/usr/bin/env python3
import json, subprocess, sys
if sys.argv[1:] == ["--version"]:
    sys.exit(print("1.0 (stand-in)"))
hooks = json.loads(sys.argv[sys.argv.index("--settings") + 1])["hooks"]
def fire(event):
    for group in hooks[event]:
        for hook in group["hooks"]:
            subprocess.run(hook["command"], shell=True, check=True)
fire("SessionStart")
print("ready", flush=True)
for line in sys.stdin:
    fire("UserPromptSubmit")
    print("working", flush=True)
    if "quit" in line:
        sys.exit(3)
    if "ask" in line:
        fire("Notification")
"""
RECIPE = f"""#!/usr/bin/env bash
# /// recipe
# summary: A stand-in for Claude Code
# category: agent
# probe: ~/.local/bin/claude --version
# ///
mkdir -p ~/.local/bin
cat >~/.local/bin/claude <<'PROGRAM'
{CLAUDE}PROGRAM
chmod +x ~/.local/bin/claude
grep -qs local/bin ~/.profile || echo 'PATH=~/.local/bin:$PATH' >>~/.profile
"""
# Before any script of ours: notices are kept, not shown.
NOTICES = """
window.notices = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, more) { window.notices.push({ title, tag: more.tag }); }
};
"""


@pytest.fixture(scope="module")
def home(browser: Browser, guests_work: None) -> Iterator[Entered]:
    with entered(browser) as one:
        shelf = one.house.paths.config / "recipes"
        shelf.mkdir()
        (shelf / "claude.sh").write_text(RECIPE)
        config = one.house.paths.vm_config("app")
        config.write_text("recipes: [claude]\nbaseline: false\n")
        one.house.ok("sync", "app")
        yield one


@pytest.fixture
def page(home: Entered, context: BrowserContext) -> Page:
    one = home.let_in(context).new_page()
    one.add_init_script(NOTICES)
    return one


def test_an_agent_is_opened_waits_works_ends_and_is_found_again(
    home: Entered, context: BrowserContext, page: Page
) -> None:
    page.goto(f"{home.root}/")
    page.locator("#app-open-claude").wait_for(state="attached")  # the guest has said that the recipe is applied
    page.locator("#vm-app-more").click()
    page.get_by_role("button", name="Open Claude").click()
    page.wait_for_url(re.compile(r"/terminal\?id="))
    agent = Tab.on(page)
    agent.wait_for("ready")

    cards = context.new_page()
    cards.goto(f"{home.root}/")
    mark = cards.locator("#vm-app .needs")
    expect(mark).to_contain_text("claude: waits for you")
    expect(cards).to_have_title(re.compile("1 needs you"))
    expect(cards.locator("[data-needs]")).to_have_text("1")

    terminals = context.new_page()
    terminals.goto(f"{home.root}/terminals")
    expect(terminals.get_by_role("heading", level=1)).to_have_text("1 terminal, 1 needs you")
    agent.type("go\n")
    expect(terminals.locator("#terminals .state")).to_contain_text("Works")
    expect(terminals.get_by_text("guessed")).to_have_count(0)
    expect(mark).to_have_count(0)
    agent.type("ask\n")
    expect(terminals.locator("#terminals .state")).to_contain_text("Waits for you")

    page.goto(f"{home.root}/help")  # nobody looks at the agent now
    mark.get_by_role("link").click()
    cards.wait_for_url(re.compile(r"/terminal\?id="))
    again = Tab.on(cards)
    again.wait_for("working")
    cards.goto(f"{home.root}/help")
    home.house.ok("terminals")
    _type_quit(home)
    expect(terminals.locator("#terminals .state")).to_contain_text("Has ended")
    expect(terminals.get_by_text("Claude has ended with exit code 3.")).to_be_visible()
    terminals.get_by_role("button", name="Clear claude of app").click()
    expect(terminals.get_by_role("heading", level=1)).to_have_text("No terminal is open")


def _type_quit(home: Entered) -> None:
    """As somebody at another window would; it is gone before the agent ends."""
    vms = Vms(home.house.paths, home.house.environ)
    (one,) = client.list_terminals(vms)
    with client.attach(vms, one.id) as connection:
        connection.send(b"quit\n")


def test_a_notice_is_given_once_and_only_where_it_is_wanted(home: Entered, context: BrowserContext, page: Page) -> None:
    page.goto(f"{home.root}/terminals")
    expect(page.get_by_text("Open Claude")).to_be_visible()
    page.get_by_role("button", name="Tell me when one needs me").click()
    expect(page.get_by_role("button", name="Notices are on")).to_be_visible()
    expect(page.locator("[data-notices-note]")).to_contain_text("Notices are on")
    agent = Tab(home, context, "").open()  # a shell, which rings
    agent.page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    agent.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    agent.type("printf '\\007'\n")
    agent.page.close()
    expect(page.get_by_text("Rang the bell")).to_be_visible()
    until(page, "window.notices.length > 0")
    assert page.evaluate("() => window.notices.map((one) => one.title)") == ["app: shell: rang the bell"]
    page.get_by_role("button", name="Notices are on").click()
    expect(page.locator("[data-notices-note]")).to_contain_text("off")
