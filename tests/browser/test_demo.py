"""`make demo` records a journey as pictures, and knows where a window can be opened."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.demo import has_display
from tests.places import TOP


@pytest.mark.slow_browser
def test_a_journey_is_recorded_as_one_picture_for_each_act(browser: Browser, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.browser.demo", "config", "--pictures", str(tmp_path / "demo"))
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    index = tmp_path / "demo" / "index.html"
    assert done.stdout == f"Pictures: {index}\n"
    acts = done.stderr.splitlines()
    assert "Type '3GiB' as memory" in acts
    pictures = re.findall(r'src="([^"]+)"', index.read_text())
    assert len(pictures) == len(acts)
    assert {file.name for file in index.parent.glob("*.png")} == set(pictures)
    assert all((index.parent / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


@pytest.mark.parametrize(
    ("environ", "platform", "is_there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_a_window_is_opened_where_there_is_a_display(environ: dict[str, str], platform: str, is_there: bool) -> None:
    assert has_display(environ, platform) == is_there
