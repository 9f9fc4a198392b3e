"""The tab *Key*: a test of the key shows its result once, and says when it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.guest.key_access import Access, KeyAccess
from dvmweb.verbs.keys import key_access
from dvmweb.verbs.vms import Vms
from dvmweb.web.tabs import key_pages
from tests.needs import needs
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work  # noqa: F401

REPO = "ssh://git@127.0.0.1:1/me/app.git"  # no server is there


@pytest.fixture
def config(dvm_home: DvmHome, client: Browser, vms: Vms, guests_work: None) -> Path:  # noqa: F811
    """The VM `app`, synced without a repository, which its config has then."""
    dvm_home.ok("init", "app")
    dvm_home.ok("sync", "app")
    file = vms.paths.vm_config("app")
    file.write_text(f"{file.read_text()}\nrepo: {REPO}\n")
    eventually(lambda: 'id="test-key"' in client.get("/vms/app?tab=key").text)
    return file


@needs("ssh", "ssh-keygen")
def test_the_key_is_tested_in_the_guest_and_the_result_is_shown_once(client: Browser, config: Path) -> None:
    answer = client.post("/vms/app/key/test")
    assert answer.status_code == 200
    assert "cannot be reached from app" in answer.text
    assert "tested just now" in answer.text
    assert "Connection refused" in answer.text
    assert "Test again" in answer.text
    assert 'id="key-result"' not in client.get("/vms/app?tab=key").text


@pytest.mark.parametrize("access", Access)
def test_only_an_accepted_key_is_green(
    client: Browser, config: Path, monkeypatch: pytest.MonkeyPatch, access: Access
) -> None:
    hostile = '<b>\x1b]0;t\x07"'
    shown = key_access.result(KeyAccess(access, hostile), "app", "git@github.com:me/app.git", 0.0)
    monkeypatch.setattr(key_pages, "try_key", lambda _vms, _name: shown)
    result = client.post("/vms/app/key/test").text.partition('id="key-test"')[2].partition("</form>")[0]
    assert ("callout ok" in result) == (access is Access.ACCEPTED)
    assert "<b>\x1b" not in result
    assert "\x1b" not in result
    assert "ago" in result, "the age of the test"


def test_what_cannot_be_tested_says_why(client: Browser, config: Path, dvm_home: DvmHome) -> None:  # noqa: F811
    before = config.read_text()
    config.write_text(before.replace(REPO, "https://github.com/me/app"))
    answer = client.post("/vms/app/key/test")
    assert answer.status_code == 409
    assert "a test would prove nothing" in answer.text
    assert "git@github.com:me/app.git" in answer.text
    assert "callout ok" not in answer.text
    eventually(lambda: 'id="test-key"' not in client.get("/vms/app?tab=key").text)
    config.write_text(before)
    dvm_home.ok("stop", "app")
    assert client.post("/vms/app/key/test").status_code == 502
    eventually(lambda: "Cannot be tested: The VM is not running." in client.get("/vms/app?tab=key").text)


def test_a_vm_that_has_no_key_is_not_tested(client: Browser, vms: Vms) -> None:
    assert client.post("/vms/none/key/test").status_code == 404
    vms.init("gate", kind="tailscale")
    answer = client.post("/vms/gate/key/test")
    assert answer.status_code == 404
    assert "has no SSH key" in answer.text
