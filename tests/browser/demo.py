"""Play a journey of the browser tests: `make demo`.

In a window at the speed of a person where there is a display; else, or with --pictures FOLDER, as one picture for each
act and an index.html, without a pause.
The dashboard runs on the demo engine, in a home of its own that is removed at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import DESK, launch, no_driver
from tests.browser.dashboard import at_home
from tests.browser.driver.pace import Album, Pace
from tests.browser.driver.user import User
from tests.browser.driver.window import PATIENCE, Complaints, Window
from tests.browser.entered import logged_in
from tests.browser.test_journey import JOURNEYS


def has_display(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser can open a window here."""
    return platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def play(journey: Callable[[User], None], pace: Pace, *, in_window: bool) -> None:
    """Play a journey in a browser and a home of its own."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, at_home() as dashboard:
        dashboard.start()
        browser = launch(playwright, headless=not in_window)
        context = browser.new_context(viewport=DESK, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        complaints = Complaints()
        context.on("page", complaints.listen_to)
        page = logged_in(context.new_page(), dashboard)
        journey(User(Window(page, dashboard.root, pace, complaints), dashboard.dvm_home))
        pace.end(page)
        browser.close()


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Play what was asked for; print where the pictures are."""
    options = argparse.ArgumentParser(prog="make demo", description="Play a journey through the dashboard.")
    options.add_argument("journey", nargs="?", choices=sorted(JOURNEYS), default="deletion")
    options.add_argument(
        "--slow", type=float, default=1, help="in a window: 1 is the speed of a person, 0 waits for nothing"
    )
    options.add_argument("--pictures", type=Path, metavar="FOLDER", help="record pictures there, open no window")
    asked = options.parse_args(argv)
    if why := no_driver():
        print(why, file=sys.stderr)
        return 1
    in_window = asked.pictures is None and has_display(environ)
    folder = None if in_window else asked.pictures or Path(tempfile.mkdtemp(prefix="dvm-demo-"))
    album = Album(folder, f"The journey “{asked.journey}”") if folder else None
    pace = Pace(asked.slow if in_window else 0, album, is_printed=True)
    try:
        play(JOURNEYS[asked.journey], pace, in_window=in_window)
    except pytest.skip.Exception as why:  # no browser, or a host on which the demo has no guests
        print(why, file=sys.stderr)
        return 1
    if album is not None:
        print(f"Pictures: {album.write_index()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
