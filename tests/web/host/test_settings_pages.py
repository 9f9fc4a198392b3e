"""The page of settings: each is shown as it is, stored by its form, and the page installs nothing."""

from __future__ import annotations

from dvmweb.verbs.service import Service
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser


def test_each_choice_is_stored_and_shown(client: Browser) -> None:
    for name, value in (("theme", "dark"), ("density", "compact"), ("keys", "off")):
        answer = client.post("/preferences", data={name: value, "back": "/settings"})
        assert (answer.status_code, answer.headers["Location"].endswith("/settings")) == (303, True)
        assert f'name="{name}" value="{value}" aria-pressed="true"' in client.get("/settings").text


def test_the_start_at_login_is_shown_with_its_command_and_never_changed(client: Browser, vms: Vms) -> None:
    service = Service(vms.paths, vms.environ)
    assert "web --install-service" in client.get("/settings").text
    assert not service.file.exists()
    service.file.parent.mkdir(parents=True)
    service.file.write_text("[Unit]\n")
    text = client.get("/settings").text
    assert "web --uninstall-service" in text
    assert str(service.file) in text


def test_folders_are_named_also_those_that_are_not_there(client: Browser, vms: Vms) -> None:
    text = client.get("/settings").text
    assert str(vms.paths.config / "config.yaml") in text
    assert "none yet" in text
    assert 'action="' in text.partition('id="sessions"')[2].partition("/logout-everywhere")[0]


def test_the_quiet_pages_are_in_one_menu(client: Browser) -> None:
    menu = client.get("/").text.partition('id="more-pages"')[2].partition("</details>")[0]
    for path in ("/trash", "/checkpoints", "/bases", "/doctor", "/settings", "/help"):
        assert f'{path}"' in menu
    assert 'aria-current="page"' in client.get("/trash").text.partition('id="more-pages"')[2]
