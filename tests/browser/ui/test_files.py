"""The tab *Files* in a real Chromium: a download is saved, a chosen file is uploaded into the folder that is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.entered import Entered

pytestmark = [
    pytest.mark.slow_browser,
    pytest.mark.usefixtures("guests_work"),
    pytest.mark.xdist_group("shared dashboard"),
]


def test_a_file_is_downloaded_and_another_one_is_uploaded_beside_it(
    home: Entered, context: BrowserContext, tmp_path: Path
) -> None:
    code = home.dvm_home.paths.lima_home / "dvm-app/guest/home/code/app"
    home.dvm_home.ok("ssh", "app", "--", "sh", "-c", "mkdir -p files; echo one > files/one.txt")
    page = home.log_in(context).new_page()
    page.goto(f"{home.root}/vms/app?tab=files")
    page.get_by_role("link", name="files", exact=True).click()
    page.locator("html[data-script=on]").wait_for()  # a download ends the loading of what is not loaded yet
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download one.txt").click()
    assert waiting.value.suggested_filename == "one.txt"
    assert Path(waiting.value.path()).read_text() == "one\n"
    chosen = tmp_path / "two.txt"
    chosen.write_text("two\n")
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Upload").click()
    choosing.value.set_files(chosen)
    expect(page.locator("[data-files-note]")).to_have_text("two.txt uploaded to ~/code/app/files.")
    expect(page.get_by_role("button", name="Download two.txt")).to_be_visible()
    assert (code / "files/two.txt").read_text() == "two\n"
