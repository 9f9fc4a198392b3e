"""The Chromium that the tests and the demo drive."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, Error, Playwright, ViewportSize

from tests import needs

LIBRARY = "libatomic.so.1"  # Playwright's Node.js wants it, and a small system has none
DESK: ViewportSize = {"width": 1280, "height": 900}
SHELL = "chromium-headless-shell"  # Debian's Chromium without windows: a third less work for the processor
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What a window of Chromium has and no test needs: the popups of its address bar are pages with processes of their
# own, and took half of the time that opening a page takes. Chromium takes the last of two such lists, so Playwright's
# is in ours.
LEFT_OUT = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess"),
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay"),
    *("MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"),
    "ThirdPartyStoragePartitioning",
)


def system_browser(*preferred: str) -> str | None:
    return next((found for name in (*preferred, *BROWSERS) if (found := shutil.which(name))), None)


def launch(playwright: Playwright, *, headless: bool = True, is_quick: bool = False) -> Browser:
    """The system's Chromium or Chrome, else Playwright's own; without one skip, in CI fail."""
    # Root has no user namespaces of its own in a container, and Chromium refuses its sandbox to root.
    words = [f"--disable-features={','.join(LEFT_OUT)}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    program = system_browser(SHELL) if is_quick else system_browser()
    try:
        return playwright.chromium.launch(executable_path=program, args=words, headless=headless)
    except Error as error:
        needs.skip(f"no browser: {error.message.splitlines()[0]}" if program else needs.reason(["chromium"]))


def no_driver() -> str:
    """Why Playwright's own program, a Node, does not run here, "" where it does: Playwright itself just hangs up."""
    node = Path(compute_driver_executable()[0])
    done = subprocess.run((node, "--version"), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    if LIBRARY not in done.stderr:
        return f"Playwright's own Node.js does not run here: {done.stderr.strip()}"
    return needs.reason([LIBRARY, *([] if system_browser() else ["chromium"])])
