"""A real Chromium, a real `dvm web` on the demo engine, and a user who is logged in.

`user` is at the dashboard that all tests of a worker share: a test gives its VMs names of its own. `newcomer` is at one
where nothing is yet.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests import needs
from tests.browser.chromium import DESK, launch, no_driver
from tests.browser.dashboard import Dashboard, ended
from tests.browser.driver.terminal import Terminal
from tests.browser.driver.user import User
from tests.browser.driver.window import PATIENCE, Complaints, Window
from tests.browser.entered import Entered, entered, logged_in
from tests.browser.sample_vms import SampleVms, settled
from tests.journey.conftest import DvmHome, dvm_home, guests_work

__all__ = ["dvm_home", "guests_work"]

FAILURES = Path(__file__).parent / "failures"
HAS_FAILED = pytest.StashKey[bool]()
LEFT_OUT = "not slow_browser and not slow"  # what `make test` asks for


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.markexpr == LEFT_OUT:
        terminalreporter.write_line("Slow tests are not run here: `make test-slow` and `make test-browser` run them")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave at the test whether it has failed, for the fixture that takes the screenshot."""
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    if why := no_driver():
        needs.skip(why)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        found = launch(playwright, is_quick=pytestconfig.option.markexpr == LEFT_OUT)
        yield found
        found.close()


@pytest.fixture
def dashboard(dvm_home: DvmHome) -> Iterator[Dashboard]:
    """A dashboard for one test, in a home with nothing in it."""
    one = Dashboard(dvm_home)
    one.start()
    with ended(one):
        yield one


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest, complaints: Complaints) -> Iterator[BrowserContext]:
    """A browser of its own: no cookie, no storage. Parametrize indirectly with keywords of `new_context`.

    When the test fails there is a picture of every page, and in the end no page may have complained.
    """
    if "dashboard" in request.fixturenames:
        request.getfixturevalue("dashboard")  # set up first, so ended last: a page may still be loading what it shows
    settings = {"viewport": DESK, "reduced_motion": "reduce", **getattr(request, "param", {})}
    one = browser.new_context(**settings)
    one.set_default_timeout(PATIENCE)
    one.on("page", complaints.listen_to)
    yield one
    has_failed = request.node.stash.get(HAS_FAILED, False)
    if has_failed or complaints.left:
        FAILURES.mkdir(exist_ok=True)
        for number, page in enumerate(one.pages):
            picture = FAILURES / f"{request.node.name.replace('/', '-')}-{number}.png"
            with suppress(Error):
                page.screenshot(path=picture, full_page=True)
                print(f"picture of {page.url}: {picture}", file=sys.stderr)
    one.close()
    assert has_failed or not complaints.left, "\n".join(complaints.left)


@pytest.fixture
def page(dashboard: Dashboard, context: BrowserContext) -> Page:
    """A page that logged in by the address that `dvm web --url` prints; it shows the cards."""
    return logged_in(context.new_page(), dashboard)


@pytest.fixture
def newcomer(dashboard: Dashboard, page: Page, complaints: Complaints) -> User:
    """Somebody whose dashboard has nothing in it."""
    return User(Window(page, dashboard.root, complaints=complaints), dashboard.dvm_home)


@pytest.fixture(scope="session")
def home(browser: Browser, guests_work: None) -> Iterator[Entered]:
    """The dashboard that the tests of a worker share; its VM `app` runs."""
    with entered(browser, is_synced=True) as one:
        yield one


@pytest.fixture
def user(home: Entered, context: BrowserContext, complaints: Complaints) -> User:
    """Somebody at the shared dashboard, at the page of VMs."""
    page = home.log_in(context).new_page()
    page.goto(f"{home.root}/")
    return User(Window(page, home.root, complaints=complaints), home.dvm_home)


@pytest.fixture
def tab(home: Entered, context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """A tab with a fresh shell of `app`, which ends with the test; only the slow tests draw it with WebGL."""
    one = home.terminal(context, has_webgl=request.node.get_closest_marker("slow_browser") is not None).open()
    yield one
    one.end()


@pytest.fixture(scope="session")
def sample_vms(browser: Browser, guests_work: None) -> Iterator[SampleVms]:
    """A dashboard with a VM in every state, for tests that only read."""
    with settled(browser) as one:
        yield one


@pytest.fixture
def sample_page(sample_vms: SampleVms, browser: Browser) -> Iterator[Page]:
    """A page at the sample VMs, logged in; its complaints are not checked."""
    context = browser.new_context(viewport=DESK, reduced_motion="reduce", storage_state=sample_vms.storage)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()
