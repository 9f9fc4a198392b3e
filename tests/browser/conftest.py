"""A real Chromium, a real `dvm web` on the demo engine, and a page that is logged in as a user is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    ViewportSize,
    sync_playwright,
)

from dvmweb.web.server import listen
from tests.journey.conftest import House, guests_work, house, remove

if TYPE_CHECKING:
    from tests.browser.entered import Entered
    from tests.browser.tab import Tab
    from tests.browser.town import Town

__all__ = ["guests_work", "house"]

FAILURES = Path(__file__).parent / "failures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What a window of Chromium has and no test looks at: the popups of its address bar are pages with processes of their
# own, and took half of the time that opening a page takes. Chromium takes the last of two such lists, so Playwright's
# is in ours.
LEFT_OUT = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess"),
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay"),
    *("MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"),
    "ThirdPartyStoragePartitioning",
)
PATIENCE = 20_000  # milliseconds; only a failure takes so long
DESK: ViewportSize = {"width": 1280, "height": 900}
HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave at the test whether it has failed, for the fixture that takes the screenshot."""
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report


def _launch(playwright: Playwright) -> Browser:
    """The system's Chromium or Chrome, else Playwright's own; without one skip, in CI fail."""
    # Root has no user namespaces of its own in a container, and Chromium refuses its sandbox to root.
    words = [f"--disable-features={','.join(LEFT_OUT)}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    try:
        return playwright.chromium.launch(executable_path=program, args=words)
    except Error as error:
        why = f"no browser: {error.message.splitlines()[0]}; install chromium, or run `playwright install chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = _launch(playwright)
        yield found
        found.close()


def free_port() -> int:
    with listen(0) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Dashboard:
    """`dvm web` as a process, with the home it works in."""

    house: House
    words: tuple[str, ...] = ()  # more of the command line, such as --ipv4
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it says where it listens."""
        self.process = subprocess.Popen(
            self.house.argv("web", "--no-open", "--port", str(self.port), *self.words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.house.environ,
        )
        assert self.process.stdout is not None
        said = ""
        while "/login#" not in said:  # then it is up, and has said so in full
            line = self.process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it, or kill it with SIGKILL."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def address(self) -> str:
        """A fresh one-use login address, as `dvm web --url` prints it."""
        return self.house.ok("web", "--url").strip()

    @property
    def root(self) -> str:
        """The address of the secret path, without a slash at its end."""
        web = self.house.paths.state / "web"
        prefix = json.loads((web / "secret.json").read_text())["prefix"]
        host = json.loads((web / "running.json").read_text())["host"]
        return f"http://{host}/d/{prefix}"


@pytest.fixture
def dashboard(house: House) -> Iterator[Dashboard]:
    one = Dashboard(house)
    one.start()
    with ended(one):
        yield one


@contextmanager
def ended(dashboard: Dashboard) -> Iterator[None]:
    """End a dashboard, if it still runs, and what outlives it."""
    try:
        yield
    finally:
        if dashboard.process is not None and dashboard.process.poll() is None:
            dashboard.end()
        end_keepers(dashboard.house)


@contextmanager
def at_home(*words: str) -> Iterator[Dashboard]:
    """A dashboard that is not started yet, in a home of its own; all of it goes away in the end."""
    one = Dashboard(House(Path(tempfile.mkdtemp(prefix="dvm-"))), words)
    try:
        with ended(one):
            yield one
    finally:
        if one.house.paths.lima_home.is_dir():
            one.house.end()
        remove(one.house.home)


def end_keepers(house: House) -> None:
    """End what outlives a dashboard on purpose and belongs to this home: the keeper and jobs."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "dvmweb" in " ".join(process.cmdline()) and process.environ().get("HOME") == str(house.home):
                left.append(process)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, 10)


@dataclass
class Complaints:
    """What the browser found wrong on the pages of a test; a test says what it provoked."""

    lines: list[str] = field(default_factory=list)
    forgiven: set[str] = field(default_factory=set)

    def hear(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.lines.append(f"error: {error}"))
        page.on("console", self._listen)

    def _listen(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.lines.append(f"console: {said.text}")

    def take(self, words: str) -> None:
        """Forget the complaints that hold these words, also later ones; there must be one by now."""
        kept = [line for line in self.lines if words not in line]
        assert len(kept) < len(self.lines), f"no complaint about {words!r} in {self.lines}"
        self.lines[:] = kept
        self.forgive(words)

    def forgive(self, *words: str) -> None:
        """Any complaint may hold these words, now or until the page is closed; "" stands in each."""
        self.forgiven.update(words)

    @property
    def left(self) -> list[str]:
        """The complaints that no test has said to have provoked."""
        return [line for line in self.lines if not any(words in line for words in self.forgiven)]


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
    one.on("page", complaints.hear)
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
    one = context.new_page()
    one.goto(dashboard.address())
    one.wait_for_url(f"**{dashboard.root.partition(str(dashboard.port))[2]}/")
    return one


@pytest.fixture(scope="session", autouse=True)
def _expectations() -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def town(browser: Browser, guests_work: None) -> Iterator[Town]:
    from tests.browser.town import settled

    with settled(browser) as one:
        yield one


@pytest.fixture
def townsman(town: Town, browser: Browser) -> Iterator[Page]:
    """A page in the town, logged in; what it complains about is not looked at."""
    context = browser.new_context(viewport=DESK, reduced_motion="reduce", storage_state=town.storage)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def home(browser: Browser, guests_work: None) -> Iterator[Entered]:
    """A dashboard whose VM `app` runs, for all tests of terminals; the xdist group `terminal` shares it."""
    from tests.browser.entered import entered

    with entered(browser, is_synced=True) as one:
        yield one


@pytest.fixture
def tab(home: Entered, context: BrowserContext) -> Iterator[Tab]:
    """A tab with a fresh shell, which ends with the test."""
    from tests.browser.tab import Tab

    one = Tab(home, home.let_in(context)).open()
    yield one
    one.end()
