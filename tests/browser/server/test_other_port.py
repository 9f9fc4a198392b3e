"""Pages on other ports attack the dashboard in one and the same browser (threats.md A08, A13, A14)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.driver.window import Complaints
from tests.browser.entered import Entered, entered
from tests.browser.hostile_site import Site, hostile_site

pytestmark = [pytest.mark.slow_browser, pytest.mark.xdist_group("other port")]
GUESSED = "/d/" + "0" * 32


def state(victim: Entered) -> dict[str, str]:
    """Every file that an attack could have changed; the sessions without the times of their last use."""
    paths = victim.dvm_home.paths
    places = [*paths.config.rglob("*"), *paths.jobs.glob("*/*"), paths.state / "web" / "secret.json"]
    found = {str(place): place.read_text() for place in places if place.is_file()}
    sessions = json.loads((paths.state / "web" / "sessions.json").read_text())["sessions"]
    return {**found, "sessions": str(sorted(one["key"] for one in sessions))}


@pytest.fixture(scope="module", params=[(), ("--ipv4",)], ids=["ipv6", "ipv4"])
def victim(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Entered]:
    with entered(browser, *request.param) as one:
        yield one


@pytest.fixture
def login(victim: Entered, context: BrowserContext, complaints: Complaints) -> BrowserContext:
    """The victim's browser. Hostile pages complain a lot, and may."""
    complaints.allow("")
    return victim.log_in(context)


def hosts(victim: Entered) -> tuple[str, ...]:
    """Where a guest's page may stand: a forwarded port; beside an IPv6 dashboard also on its own host."""
    return ("127.0.0.1",) if victim.dashboard.words else ("127.0.0.1", "::1")


@pytest.fixture
def sites(victim: Entered) -> Iterator[list[Site]]:
    """A hostile server on each of those hosts."""
    opened = [hostile_site(host) for host in hosts(victim)]
    yield [one.__enter__() for one in opened]
    for one in opened:
        one.__exit__(None, None, None)


# What a page can send without being asked; each resolves to what the page could learn, "" for nothing.
SENT_BY_SCRIPT = """async (root) => {
  const late = (made, what) => new Promise((done) => {
    made.onload = () => done(what); made.onerror = () => done(""); setTimeout(() => done(""), 5000); });
  const put = (name, fields) => { const made = Object.assign(document.createElement(name), fields);
    document.body.append(made); return made; };
  const ask = (path, options) => fetch(root + path, options)
    .then((a) => (a.type === "opaque" ? "" : a.text()), () => "");
  const body = new URLSearchParams({ name: "evil", csrf: "x" });
  const form = put("form", { method: "POST", action: root + "/vms?by=form", target: "inner" });
  const inner = put("iframe", { name: "inner" });
  form.append(Object.assign(document.createElement("input"), { name: "name", value: "evil" }));
  const sent = late(inner, "loaded");
  form.submit();
  await sent;
  const frame = put("iframe", { src: root + "/?by=iframe" });
  await late(frame, "loaded");
  const within = (one) => { try { return one.contentDocument?.body?.textContent ?? ""; } catch { return ""; } };
  const socket = await new Promise((done) => {
    const ws = new WebSocket(root.replace("http", "ws") + "/terminals/" + "a".repeat(32) + "/socket?ticket=x");
    ws.onopen = () => done("open"); ws.onclose = (event) => done(event.code === 1006 ? "" : String(event.code)); });
  navigator.sendBeacon(root + "/vms?by=beacon", body);
  return {
    form: within(inner), iframe: within(frame), socket,
    "fetch no-cors": await ask("/jobs?by=fetch", { mode: "no-cors", credentials: "include" }),
    "fetch cors": await ask("/jobs?by=cors", { credentials: "include" }),
    "post no-cors": await ask("/vms", { method: "POST", mode: "no-cors", credentials: "include", body }),
    "post cors": await ask("/vms", { method: "POST", credentials: "include", body, headers: { "X-CSRF-Token": "x" } }),
    img: await late(put("img", { src: root + "/static/favicon.svg" }), "loaded"),
    script: await late(put("script", { src: root + "/static/js/ui/theme.js", type: "module" }), "loaded"),
    style: await late(put("link", { rel: "stylesheet", href: root + "/static/css/ui/tokens.css" }), "loaded"),
  };
}"""


def hostile_page(context: BrowserContext, site: Site) -> Page:
    page = context.new_page()
    page.goto(site.url("/attack"))
    return page


def test_a13_nothing_that_a_page_of_another_port_sends_reaches_a_view(
    victim: Entered, login: BrowserContext, sites: list[Site]
) -> None:
    """It even knows the secret path, and this browser has the session: only its origin gives it away."""
    for site in sites:
        before, lines = state(victim), len(victim.log())
        page = hostile_page(login, site)
        learnt = page.evaluate(SENT_BY_SCRIPT, victim.root)
        assert learnt == dict.fromkeys(learnt, ""), site.host
        assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"] * 2, "blank"
        new = victim.log()[lines:]
        ways = ("POST /d/…/vms", "GET /d/…/", "socket", "GET /d/…/jobs", "favicon.svg", "theme.js", "tokens.css")
        assert [way for way in ways if not any(way in line for line in new)] == [], "each way was tried"
        assert [line for line in new if not re.search(r"refused \((another site|origin)\)| 403 POST ", line)] == []
        assert state(victim) == before
        page.close()


def test_a13_a_window_that_a_hostile_page_opens_is_cut_off_from_it(
    victim: Entered, login: BrowserContext, sites: list[Site]
) -> None:
    before = state(victim)
    for site in sites:
        page = hostile_page(login, site)
        for path in ("/", "/new-vm", "/login"):
            page.evaluate(
                "(url) => { document.body.onclick = () => { window.it = window.open(url); }; }", victim.root + path
            )
            with page.expect_popup() as opened:
                page.click("body", position={"x": 9, "y": 9})
            popup = opened.value
            popup.wait_for_load_state()
            assert popup.evaluate("window.opener") is None
            page.wait_for_function("() => it.closed")  # its handle leads nowhere; the browser reports it a little later
            assert page.evaluate("() => { it.postMessage('x', '*'); return it.length; }") == 0
            text = popup.inner_text("body")
            assert ("Log in" in text) if path == "/login" else text.strip() == "Forbidden."
            popup.close()
        page.close()
    assert state(victim) == before


def test_a13_a_form_that_takes_the_whole_tab_there_or_is_sent_on_changes_nothing(
    victim: Entered, login: BrowserContext, sites: list[Site]
) -> None:
    before = state(victim)
    for site in sites:
        site.answers["/on"] = (307, [("Location", victim.root + "/vms/app/sync")])
        site.answers["/get"] = (302, [("Location", victim.root + "/vms/app/sync")])
        for action in (victim.root + "/vms/app/sync", site.url("/on")):
            page = hostile_page(login, site)
            page.evaluate(
                "(action) => { const form = document.createElement('form'); form.method = 'post'; form.action = action;"
                " document.body.append(form); form.submit(); }",
                action,
            )
            expect(page.locator("body")).to_have_text("Forbidden.\n")
            page.close()
        page = login.new_page()
        page.goto(site.url("/get"))  # the user asked for this address, so it counts as typed: it can only read
        assert "Method Not Allowed" in page.content() or "405" in page.content() or "not" in page.inner_text("h1")
        page.close()
    assert state(victim) == before


def test_a08_a_link_from_a_hostile_page_shows_nothing_and_the_login_page_only_as_a_page(
    victim: Entered, login: BrowserContext, sites: list[Site]
) -> None:
    for site in sites:
        page = hostile_page(login, site)
        answer = page.evaluate("(url) => { location = url; }", victim.root + "/jobs")
        expect(page.locator("body")).to_have_text("Forbidden.\n")
        assert answer is None
        page.goto(site.url())
        shown = page.evaluate(
            """async (url) => { const frame = document.body.appendChild(document.createElement('iframe'));
            const done = new Promise((r) => { frame.onload = r; }); frame.src = url; await done;
            return fetch(url).then((a) => a.text(), () => ''); }""",
            victim.root + "/login",
        )
        assert shown == ""
        page.frames[1].wait_for_url("chrome-error://chromewebdata/")  # reported a moment after it is shown
        page.close()


def test_a13_without_the_secret_path_or_without_the_session_it_learns_nothing(
    victim: Entered, context: BrowserContext, sites: list[Site], complaints: Complaints
) -> None:
    origin = victim.root.removesuffix(victim.prefix)
    guesses = (
        "/",
        GUESSED,
        "/static/js/ui/main.js",
        "/favicon.ico",
        victim.prefix[:-1],
        victim.prefix.upper(),
        "/login",
    )
    for site in sites:
        page = hostile_page(context, site)
        for path in (*guesses, victim.prefix + "/", victim.prefix + "/jobs"):
            seen = page.evaluate(
                """async (url) => { const img = new Image(); img.src = url;
                const error = await new Promise((r) => { img.onload = () => r("loaded"); img.onerror = () => r(""); });
                return error + await fetch(url, { credentials: "include" }).then((a) => a.text(), () => ""); }""",
                origin + path,
            )
            assert seen == "", path
        page.close()
    # The guest's own program reads what it likes: what a browser shows of a typed address is all that it gets. A guest
    # that can reach the port (on 127.0.0.1) does not learn what listens there.
    page = context.new_page()
    for path in guesses:
        page.goto(origin + path)
        said = page.inner_text("body").strip()
        assert said in ("Not found.", "") or said.startswith("This address is incomplete"), path
        assert "app" not in page.content()
        assert "dvm" not in page.content() or origin.startswith("http://[")
    page.goto(victim.root + "/jobs")
    assert "Not logged in" in page.content()
    complaints.allow("")


# -- cookies -----------------------------------------------------------------------------------------------------------


def test_a14_a_guests_page_is_not_sent_the_cookie(victim: Entered, login: BrowserContext, sites: list[Site]) -> None:
    """Nor the address of the dashboard: the guest learns nothing from a link to a forwarded port."""
    page = login.new_page()
    page.goto(victim.root + "/")
    for site in sites:
        page.evaluate(
            "(url) => { const link = document.createElement('a');"
            " Object.assign(link, { href: url, textContent: 'guest',"
            " id: 'guest', target: '_blank' }); document.querySelector('#main').prepend(link); }",
            site.url("/linked"),
        )
        with page.expect_popup() as opened:
            page.click("#guest")
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("document.cookie + document.referrer") == ""
        opened.value.evaluate("() => fetch('/own', { credentials: 'include' })")
        opened.value.close()
        page.evaluate("document.querySelector('#guest').remove()")
        assert {"/linked", "/own"} <= set(site.paths())
        for one in site.asked:
            assert victim.cookie["value"] not in str(one.headers)
            assert victim.prefix[3:11] not in str(one.headers)
    # The other host does not even get it where it knows the secret path. On the same host it would: cookies know no
    # port, so there the secret path alone protects it.
    if not victim.dashboard.words:
        other = login.new_page()
        other.goto(sites[0].url(victim.prefix + "/"))
        assert "Cookie" not in sites[0].asked[-1].headers


TOSSES: dict[str, Callable[[Entered], list[tuple[str, str]]]] = {
    "for every path": lambda victim: [("Set-Cookie", f"{victim.cookie['name']}=evil; Path=/; Max-Age=9999")],
    "for a deeper path": lambda victim: [
        ("Set-Cookie", f"{victim.cookie['name']}=evil; Path={victim.prefix}/jobs; Max-Age=9999")
    ],
    "over ours": lambda victim: [("Set-Cookie", f"{victim.cookie['name']}=evil; Path={victim.prefix}/; Max-Age=9999")],
    "too many": lambda _: [("Set-Cookie", f"c{number}={'x' * 3900}; Path=/; Max-Age=9999") for number in range(12)],
}


@pytest.mark.parametrize("toss", TOSSES)
def test_a14_tossed_cookies_lock_nobody_out_permanently(victim: Entered, login: BrowserContext, toss: str) -> None:
    """A page of the same host name can set cookies for us: they are refused with a reason; a new login is enough."""
    address = "127.0.0.1" if victim.dashboard.words else "::1"
    with hostile_site(address) as site:
        site.answers["/toss"] = (200, TOSSES[toss](victim))
        page = login.new_page()
        page.goto(victim.root + "/jobs")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.goto(site.url("/toss"))
    answer = page.goto(victim.root + "/jobs")
    assert answer is not None
    assert answer.status in (401, 431)
    assert ("Log in again" if answer.status == 431 else "dvm web --url") in page.content(), "the page names what to do"
    page.goto(victim.dashboard.address())
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 VM")
    page.goto(victim.root + "/jobs")
    expect(page.get_by_role("heading", level=1)).to_contain_text("job")
