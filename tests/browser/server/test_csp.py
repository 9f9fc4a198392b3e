"""Pages keep their own policy, it stops what is injected, and no page keeps a secret (threats.md A19, G10)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.driver.terminal import Terminal, until
from tests.browser.driver.window import Complaints
from tests.browser.entered import Entered, entered

pytestmark = [pytest.mark.slow_browser, pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("policy")]
CANARY = "canary-5f0e-secret"
AGENT = "#!/bin/bash\n# /// recipe\n# summary: x\n# params: {token: {label: Token, secret: true}}\n# ///\ntrue\n"
LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""
PAGES = {
    "cards": "/",
    "help": "/help",
    "jobs": "/jobs",
    "job": "/jobs/{job}",
    "new": "/new-vm",
    "edit": "/vms/app/edit",
    "vm": "/vms/app",
    "config": "/vms/app?tab=config",
    "recipes": "/vms/app?tab=recipes",
    "commands": "/vms/app?tab=commands",
    "key": "/vms/app?tab=key",
    "delete": "/vms/app/delete",
    "terminal": "/vms/app/terminal",
    "nothing": "/nothing-here",
    "login": "/login",
}


@pytest.fixture(scope="module")
def home(browser: Browser, guests_work: None) -> Iterator[Entered]:
    with entered(browser, is_synced=True) as one:
        recipes = one.dvm_home.paths.config / "recipes"
        recipes.mkdir(parents=True, exist_ok=True)
        (recipes / "agent.sh").write_text(AGENT)
        yield one


@pytest.fixture(scope="module")
def job(home: Entered) -> str:
    """The id of the sync."""
    found: str = home.dvm_home.jobs()[0]["id"]
    return found


def opened(home: Entered, context: BrowserContext, name: str, job: str = "") -> Page:
    """The page, after its scripts have done what they do at once."""
    page = home.log_in(context).new_page()
    page.add_init_script(LISTEN)
    page.goto(home.root + PAGES[name].format(job=job))
    if name == "terminal":
        until(page, "document.querySelector('[data-terminal]')?.link?.ws?.readyState === 1")
    elif name != "login":
        until(page, "document.documentElement.dataset.script === 'on'")
    return page


# Each puts something in the page as a guest's text would if one escape were forgotten.
INJECTED = {
    "inline script": "const s = document.createElement('script'); s.textContent = 'window.pwned = 1';"
    " document.body.append(s);",
    "onerror": 'put(\'<img src="data:x" onerror="window.pwned = 1">\');',
    "onclick": "put('<button onclick=\"window.pwned = 1\">x</button>').click();",
    "javascript: link": "put('<a href=\"javascript:window.pwned = 1\">x</a>').click();",
    "javascript: form": "put('<form action=\"javascript:window.pwned = 1\"></form>').submit();",
    "hx-on": "const b = put('<button hx-on:click=\"window.pwned = 1\">x</button>');"
    " window.htmx?.process(b); b.click();",
    "hx-vals": 'const b = put(\'<button hx-get="help" hx-swap="none" hx-vals="js:{a: window.pwned = 1}">x</button>\');'
    " window.htmx?.process(b); b.click();",
    "a filter": 'const b = put(\'<button hx-get="help" hx-trigger="click[window.pwned = 1]">x</button>\');'
    " window.htmx?.process(b); b.click();",
    "style element": "put('<style>h1, main { outline: 7px solid rgb(1, 2, 3) }</style>');",
    "srcdoc": "put('<iframe srcdoc=\"<script>parent.pwned = 1</script>\"></iframe>');",
    "a frame": "put('<iframe src=\"data:text/html,x\"></iframe>');",
    "base": "document.head.insertAdjacentHTML('afterbegin', '<base href=\"http://evil.example/\">');",
    "a foreign script": "const s = document.createElement('script'); s.src = 'http://127.0.0.1:9/x.js';"
    " document.body.append(s);",
    "a foreign picture": "put('<img src=\"http://127.0.0.1:9/x.png\">');",
    "a foreign form": 'put(\'<form action="http://127.0.0.1:9/" method="post"></form>\').submit();',
    "fetch": "fetch('http://127.0.0.1:9/', { mode: 'no-cors' }).catch(() => {});",
    "eval": "setTimeout(() => { try { eval('window.pwned = 1'); } catch {} });",  # later: the driver may eval itself
}
PUT = """const put = (html) => { const place = document.createElement('div'); document.body.append(place);
place.innerHTML = html; return place.firstElementChild; };"""
# When this ends, all that could still have run has run: a later frame is loaded, a later request answered.
LATER = f"""() => {{ {PUT} return new Promise((done) => {{
  put('<iframe srcdoc="<p>later"></iframe>').addEventListener("load", done); }})
  .then(() => fetch("help").catch(() => {{}})).then(() => new Promise((done) => setTimeout(done, 0))); }}"""
NO_EVENT = ("hx-on", "hx-vals", "a filter", "srcdoc")  # htmx itself refuses, or the frame's own document gets the event


@pytest.mark.parametrize("name", ["cards", "job", "new", "delete", "terminal", "login"])
def test_a19_what_is_injected_does_nothing(
    home: Entered, context: BrowserContext, complaints: Complaints, name: str, job: str
) -> None:
    page = opened(home, context, name, job)
    for what, script in INJECTED.items():
        before = page.evaluate("window.violations.length")
        page.evaluate(f"() => {{ {PUT} {script.replace('pwned = 1', f'pwned = `{what}`')} }}")
        if what not in NO_EVENT:
            until(page, "(before) => window.violations.length > before", before)
    page.evaluate(LATER)
    assert page.evaluate("window.pwned ?? ''") == ""
    assert page.evaluate("getComputedStyle(document.querySelector('main')).outlineWidth") != "7px"
    assert page.evaluate("document.baseURI").startswith(home.root)
    page.evaluate(f"() => {{ {PUT} put('<p id=styled style=\"outline: 7px solid\">x</p>'); }}")
    shown = page.evaluate("getComputedStyle(document.querySelector('#styled')).outlineWidth")
    # xterm.js needs style attributes; that page shows no guest text but in the terminal itself.
    assert (shown == "7px") == (name == "terminal")
    if name == "terminal":
        Terminal.on(page).end()
    complaints.allow("")


@pytest.mark.parametrize("name", PAGES)
def test_a19_g10_a_page_breaks_no_rule_of_its_own_and_keeps_no_secret(
    home: Entered, context: BrowserContext, complaints: Complaints, name: str, job: str
) -> None:
    page = opened(home, context, name, job)
    csrf = page.evaluate("document.querySelector('[name=csrf]')?.value ?? ''")
    assert csrf or name == "login"
    _use(page, name)
    assert page.evaluate("window.violations") == []
    page.reload()
    _keeps_nothing(page, [home.cookie["value"], *([csrf] if csrf else [])])
    assert home.cookie["value"] not in page.content()
    if name == "terminal":
        until(page, "document.querySelector('[data-terminal]')?.link?.ws?.readyState === 1")
        assert "ticket=" not in page.evaluate(
            "JSON.stringify(performance.getEntriesByType('resource').map((e) => e.name))"
        )
        Terminal.on(page).end()
    if name == "nothing":
        complaints.expect("404")


def _use(page: Page, name: str) -> None:
    """Open and fill what the page has."""
    for summary in page.locator("main summary:visible").all():
        summary.click()
    if name in ("new", "edit"):
        page.locator("input[type=text]").first.fill("other")
        page.locator("input[name=recipe]").first.check()
        page.wait_for_load_state("networkidle")
    search = page.locator("[data-search], [data-log-search], [data-terminal-search]")
    if search.count():
        search.first.fill("step")
    if name not in ("terminal", "login", "nothing"):
        page.locator("h1").click()
        page.keyboard.press("?")
        expect(page.locator("[data-help-dialog]")).to_be_visible()
        page.keyboard.press("Escape")
        page.evaluate("document.querySelector('[data-theme-switch]').click()")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")


def _keeps_nothing(page: Page, secrets: list[str]) -> None:
    """The secret path stands in the address of the tab, and htmx notes it in the tab's sessionStorage."""
    kept = page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, document.cookie, window.name])"
    )
    assert [number for number, secret in enumerate(secrets) if secret in kept] == []
    assert "htmx-history-cache" not in kept
    assert page.evaluate("caches.keys().then((all) => all.length)") == 0
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0


def test_g10_a_typed_secret_is_not_sent_back_nor_kept(
    home: Entered, context: BrowserContext, complaints: Complaints
) -> None:
    page = opened(home, context, "new")
    page.locator("input[name=recipe][value=agent]").check()
    field = page.locator("input[name='secret.token']")
    field.fill(CANARY)
    page.locator("input[name=name]").fill("Not A Name")
    page.wait_for_load_state("networkidle")
    assert CANARY not in page.content(), "the preview did not carry it"
    with page.expect_navigation():  # the preview has marked the name before
        page.get_by_role("button", name="Save and sync").click()
    expect(page.locator(".error").first).to_be_visible()
    assert CANARY not in page.content()
    assert field.input_value() == ""
    page.go_back()
    assert field.input_value() == ""
    kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, location.href])")
    assert CANARY not in kept
    assert CANARY not in "\n".join(home.log())
    complaints.allow("422")
