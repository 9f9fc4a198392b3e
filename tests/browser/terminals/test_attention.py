"""An agent works, waits and ends: by its own hooks, seen on the cards, on the page of all terminals and by a notice."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from dvmweb.terminals import client
from dvmweb.verbs.vms import Vms
from tests.browser.driver.terminal import Terminal, until
from tests.browser.driver.user import User
from tests.browser.driver.window import Complaints, Window
from tests.browser.entered import Entered, entered

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
        catalog = one.dvm_home.paths.config / "recipes"
        catalog.mkdir()
        (catalog / "claude.sh").write_text(RECIPE)
        config = one.dvm_home.paths.vm_config("app")
        config.write_text("recipes: [claude]\nbaseline: false\n")
        one.dvm_home.ok("sync", "app")
        yield one


@pytest.fixture
def user(home: Entered, context: BrowserContext, complaints: Complaints) -> User:
    page = home.log_in(context).new_page()
    page.add_init_script(NOTICES)
    page.goto(f"{home.root}/")
    return User(Window(page, home.root, complaints=complaints), home.dvm_home)


def test_an_agent_is_opened_waits_works_ends_and_is_found_again(home: Entered, user: User) -> None:
    agent = user.vm("app").open_agent("claude").shows("ready")

    cards = user.another_window()
    app = cards.vm("app")
    app.needs.shows("claude: waiting for you")
    cards.sees_title(re.compile("1 waiting for you"))
    expect(cards.window.page.locator("[data-needs]")).to_have_text("1")

    terminals = user.another_window("/terminals")
    state = terminals.window.part("The state of the terminal", "#terminals .state")
    terminals.sees_heading("1 terminal, 1 waiting for you")
    agent.input("go\n")
    state.shows("Working")
    terminals.main.does_not_show("guessed")
    app.needs.is_gone()
    agent.input("ask\n")
    state.shows("Waiting for you")

    user.window.open("/help")  # nobody sees the agent now
    app.needs.place.get_by_role("link").click()
    Terminal(cards.window).open("").shows("working")
    cards.window.open("/help")
    _type_quit(home)
    state.shows("Ended")
    terminals.sees("Claude ended with exit code 3.")
    terminals.main.press("Clear claude of app")
    terminals.sees_heading("No open terminals")


def _type_quit(home: Entered) -> None:
    """As somebody at another window would; it is gone before the agent ends."""
    vms = Vms(home.dvm_home.paths, home.dvm_home.environ)
    (one,) = client.list_terminals(vms)
    with client.attach(vms, one.id) as connection:
        connection.send(b"quit\n")


@pytest.mark.slow_browser
def test_a_notice_is_given_once_and_only_where_it_is_wanted(home: Entered, context: BrowserContext, user: User) -> None:
    page = user.window.page
    page.goto(f"{home.root}/terminals")
    expect(page.get_by_text("Open Claude")).to_be_visible()
    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_role("button", name="Notifications are on")).to_be_visible()
    expect(page.locator("[data-notices-note]")).to_contain_text("Notifications are on")
    agent = home.terminal(context, "").open()  # a shell, which rings
    agent.page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    agent.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    agent.input("printf '\\007'\n")
    agent.page.close()
    expect(page.get_by_text("Rang the bell")).to_be_visible()
    until(page, "window.notices.length > 0")
    assert page.evaluate("() => window.notices.map((one) => one.title)") == ["app: shell: rang the bell"]
    page.get_by_role("button", name="Notifications are on").click()
    expect(page.locator("[data-notices-note]")).to_contain_text("off")
