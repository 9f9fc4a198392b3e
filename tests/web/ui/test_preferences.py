"""Preferences for pages: what a form changes, and that nothing in their file breaks a page."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dvmweb.verbs.vms import Vms
from dvmweb.web.ui import preferences
from dvmweb.web.ui.preference_pages import back
from dvmweb.web.ui.preferences import USUAL_PREFERENCES, Preferences
from tests.web.conftest import Browser

OWN = Preferences("table", ("state", "image"), "memory", True, False, "dark", "compact")


@pytest.fixture
def file(vms: Vms) -> Path:
    folder = vms.paths.state / "web"
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return folder / preferences.FILE


def test_what_is_written_is_read(vms: Vms, file: Path) -> None:
    assert preferences.read(vms.paths) == USUAL_PREFERENCES
    preferences.write(vms.paths, OWN)
    assert preferences.read(vms.paths) == OWN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "[" * 5000,
        '{"view": "evil", "columns": "state", "sort": 7, "is_descending": "yes", "theme": null, "density": []}',
        '{"columns": null, "has_keys": "off", "unknown": 1}',
        '{"view": "table", "pad": "' + "x" * preferences.MOST_BYTES + '"}',
        "\udcff",
    ],
)
def test_whatever_is_in_the_file_gives_the_usual_ones(vms: Vms, file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert preferences.read(vms.paths) == USUAL_PREFERENCES


def test_unknown_words_are_ignored_and_known_ones_are_kept(vms: Vms, file: Path) -> None:
    file.write_text(json.dumps({"view": "table", "columns": ["image", "evil", 3, "state"], "theme": "pink"}))
    assert preferences.read(vms.paths) == Preferences("table", ("state", "image"))


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_planted_file_breaks_no_page(client: Browser, file: Path, tmp_path: Path, kind: str) -> None:
    if kind == "link":
        (tmp_path / "other").write_text('{"theme": "dark"}')
        file.symlink_to(tmp_path / "other")
    elif kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    answer = client.get("/help")
    assert answer.status_code == 200
    assert 'data-theme="' not in answer.text


@pytest.mark.parametrize(
    ("form", "columns", "wanted"),
    [
        ({"theme": "dark"}, (), Preferences(theme="dark")),
        ({"theme": "pink", "view": "x", "density": "", "sort": "evil"}, (), USUAL_PREFERENCES),
        ({"sort": "disk", "direction": "descending"}, (), Preferences(sort="disk", is_descending=True)),
        ({"sort": "disk", "direction": "x"}, (), Preferences(sort="disk")),
        ({"keys": "off"}, (), Preferences(has_keys=False)),
        ({"keys": "on"}, (), USUAL_PREFERENCES),
        ({"wrap": "off"}, (), Preferences(has_wrap=False)),
        ({"of": "columns"}, (), Preferences(columns=())),
        ({"of": "columns"}, ("used", "state", "evil"), Preferences(columns=("state", "used"))),
        ({}, ("used",), USUAL_PREFERENCES),
    ],
)
def test_a_form_changes_what_it_has(form: dict[str, str], columns: tuple[str, ...], wanted: Preferences) -> None:
    assert preferences.changed(USUAL_PREFERENCES, form, columns) == wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/?show=running", "/?show=running"),
        ("/vms/app?tab=files", "/vms/app?tab=files"),
        ("https://evil.example/", "/"),
        ("/\\evil", "/"),
        ("/\r\nX: y", "/"),
        ("/" + "x" * 2000, "/"),
        ("", "/"),
    ],
)
def test_it_goes_back_only_to_a_page_of_the_dashboard(path: str, wanted: str) -> None:
    assert back(path) == wanted


def test_the_page_comes_with_the_theme_and_the_form_goes_back(client: Browser, stranger: Browser) -> None:
    assert "data-theme=" not in client.get("/help").text
    answer = client.post("/preferences", data={"theme": "dark", "keys": "off", "back": "/help"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{client.sessions.prefix}/help")
    page = client.get("/help").text
    assert 'data-theme="dark"' in page
    assert 'data-keys="off"' in page
    assert "Keys of one character are off." in page
    assert "data-theme" not in stranger.get("/login").text, "who has no session learns nothing of the user"
    assert client.post("/preferences", data={"theme": "light"}, csrf=False).status_code == 403
    script = client.post("/preferences", data={"density": "compact"}, headers={"X-Dvm-Script": "1"})
    assert (script.status_code, script.data) == (204, b"")
    assert 'data-density="compact"' in client.get("/help").text
