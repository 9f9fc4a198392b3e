"""Files dragged onto a terminal in a real Chromium, as a file manager does it (threats.md F)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from tests.browser.town import Town

pytestmark = pytest.mark.xdist_group("town")


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
def terminal(town: Town, townsman: Page) -> Page:
    """A page with an open terminal of the VM that runs."""
    townsman.goto(f"{town.root}/vms/risky/terminal")
    townsman.wait_for_function("() => document.querySelector('[data-terminal]')?.link?.isOpen()")
    return townsman


def code_dir(town: Town) -> Path:
    return town.dashboard.house.paths.lima_home / "dvm-risky/guest/home/code/risky"


def test_f02_a_file_that_is_dropped_on_the_terminal_arrives_beside_one_of_its_name(
    town: Town, terminal: Page, tmp_path: Path
) -> None:
    file = tmp_path / "drop é.bin"
    file.write_bytes(os.urandom(3_000_001))
    place, note = terminal.locator("[data-terminal]"), terminal.locator("[data-terminal-note]")
    drag = Drag(terminal, file).over(place)
    expect(place).to_have_css("outline-style", "dashed")
    drag.over(terminal.get_by_role("heading", level=1))
    expect(place).not_to_have_css("outline-style", "dashed")
    drag.over(place).drop()
    expect(note).to_have_text("drop é.bin is in ~/code/risky.")
    assert (code_dir(town) / "drop é.bin").read_bytes() == file.read_bytes()
    Drag(terminal, file).over(place).drop()
    expect(note).to_contain_text("as drop é (2).bin, for there was one of that name")
    expect(terminal.locator("[data-terminal-wait]")).to_be_empty()


def test_f09_several_are_asked_for_once_and_each_that_fails_is_told(town: Town, terminal: Page, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", ".envrc", "two")]
    for file in files:
        file.write_text(file.name)
    with terminal.expect_file_chooser() as chooser:
        terminal.get_by_role("button", name="Upload files into the VM").press("Enter")  # without a mouse
    chooser.value.set_files(files)
    question, note = terminal.locator("[data-terminal-ask]"), terminal.locator("[data-terminal-note]")
    expect(question).to_contain_text("Upload 3 files to ~/code/risky?")
    expect(question).to_contain_text(".envrc")
    question.get_by_role("button", name="Upload").click()
    expect(note).to_contain_text("2 files are in ~/code/risky. '.envrc' is not sent")
    assert [(code_dir(town) / name).exists() for name in ("one", ".envrc", "two")] == [True, False, True]
    Drag(terminal, *files).over(terminal.locator("[data-terminal]")).drop()
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert not (code_dir(town) / "one (2)").exists()


def test_what_is_dropped_beside_it_opens_nothing_and_a_folder_is_refused(
    town: Town, terminal: Page, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text("<title>evil</title>")
    (tmp_path / "folder").mkdir()
    there = terminal.url
    Drag(terminal, tmp_path / "page.html").over(terminal.get_by_role("heading", level=1)).drop()
    Drag(terminal, tmp_path / "folder").over(terminal.locator("[data-terminal]")).drop()
    expect(terminal.locator("[data-terminal-note]")).to_have_text(
        "folder is a folder. Pack it into one file, or use git."
    )
    assert terminal.url.partition("?")[0] == there.partition("?")[0]
    assert not (code_dir(town) / "folder").exists()
    assert not (code_dir(town) / "page.html").exists()
