"""Files dragged onto a terminal in a real Chromium, as a file manager does it (threats.md F)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from tests.browser.driver.terminal import Terminal
from tests.browser.entered import Entered

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]


class Drag:
    """A file manager that drags files over the page; Chromium does the rest as with a real one."""

    def __init__(self, page: Page, *files: Path) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._files = [str(file) for file in files]

    def over(self, target: Locator) -> Drag:
        box = target.bounding_box()
        assert box is not None
        self._at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for kind in ("dragEnter", "dragOver"):
            self._say(kind)
        return self

    def drop(self) -> None:
        self._say("drop")

    def _say(self, kind: str) -> None:
        data = {"items": [], "files": self._files, "dragOperationsMask": 1}
        self._session.send("Input.dispatchDragEvent", {"type": kind, "x": self._at[0], "y": self._at[1], "data": data})


@pytest.fixture
def code_folder(home: Entered) -> Path:
    """The code folder of `app`, as the host of a demo guest sees it."""
    return home.dvm_home.paths.lima_home / "dvm-app/guest/home/code/app"


def test_f02_a_dropped_file_arrives_beside_one_of_its_name_and_what_is_dropped_elsewhere_opens_nothing(
    tab: Terminal, code_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "drop é.bin"
    file.write_bytes(os.urandom(3_000_001))
    place, heading = tab.page.locator("[data-terminal]"), tab.page.get_by_role("heading", level=1)
    drag = Drag(tab.page, file).over(place)
    expect(place).to_have_css("outline-style", "dashed")
    drag.over(heading)
    expect(place).not_to_have_css("outline-style", "dashed")
    drag.over(place).drop()
    expect(tab.note).to_have_text("drop é.bin uploaded to ~/code/app.")
    assert (code_folder / "drop é.bin").read_bytes() == file.read_bytes()
    Drag(tab.page, file).over(place).drop()
    tab.note_shows("as drop é (2).bin: a file of that name already exists")
    expect(tab.page.locator("[data-terminal-wait]")).to_be_empty()

    (tmp_path / "page.html").write_text("<title>evil</title>")
    (tmp_path / "folder").mkdir()
    there = tab.page.url
    Drag(tab.page, tmp_path / "page.html").over(heading).drop()
    Drag(tab.page, tmp_path / "folder").over(place).drop()
    expect(tab.note).to_have_text("folder is a folder. Pack it into an archive, or use Git.")
    assert tab.page.url == there
    assert not (code_folder / "folder").exists()
    assert not (code_folder / "page.html").exists()


def test_f09_several_are_asked_for_once_and_each_that_fails_is_reported(
    tab: Terminal, code_folder: Path, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("one", ".envrc", "two")]
    for file in files:
        file.write_text(file.name)
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_role("button", name="Upload files into the VM").press("Enter")  # without a mouse
    chooser.value.set_files(files)
    expect(tab.question).to_contain_text("Upload 3 files to ~/code/app?")
    expect(tab.question).to_contain_text(".envrc")
    tab.question.get_by_role("button", name="Upload").click()
    tab.note_shows("2 files uploaded to ~/code/app. '.envrc' was not sent")
    assert [(code_folder / name).exists() for name in ("one", ".envrc", "two")] == [True, False, True]
    Drag(tab.page, *files).over(tab.page.locator("[data-terminal]")).drop()
    tab.question.get_by_role("button", name="Cancel").click()
    expect(tab.question).to_be_hidden()
    assert not (code_folder / "one (2)").exists()
