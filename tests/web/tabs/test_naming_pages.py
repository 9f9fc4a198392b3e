"""Clone and rename: forms that change nothing by themselves, errors at the field, and what is different afterwards."""

from __future__ import annotations

import re

import pytest

from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work  # noqa: F401


def words(html: str) -> str:
    """The text of a page without its tags."""
    return re.sub("<[^>]+>", "", html)


@pytest.fixture
def stopped(dvm_home: DvmHome, client: Browser, guests_work: None) -> DvmHome:  # noqa: F811
    dvm_home.ok("init", "app")
    dvm_home.ok("init", "other")
    dvm_home.ok("sync", "app")
    dvm_home.ok("stop", "app")
    return dvm_home


def test_a_stopped_vm_is_cloned_and_renamed(client: Browser, stopped: DvmHome, vms: Vms) -> None:
    page = client.get("/vms/app/clone")
    assert page.status_code == 200
    assert "an identity, a machine id and an SSH key of its own" in page.text
    answer = client.post("/vms/app/clone", data={"name": " twin "})
    assert answer.status_code == 200
    assert "twin is a clone of app" in words(answer.text)
    assert vms.paths.vm_config("twin").exists()
    assert vms.paths.vm_config("app").exists()
    assert "Checkpoints and protection stay with the VM" in client.get("/vms/twin/rename").text
    answer = client.post("/vms/twin/rename", data={"name": "third"})
    assert answer.status_code == 200
    assert "twin is third now" in words(answer.text)
    assert vms.paths.vm_config("third").exists()
    assert not vms.paths.vm_config("twin").exists()
    assert client.get("/vms/twin/rename").status_code == 404


@pytest.mark.parametrize("verb", ["clone", "rename"])
def test_a_name_that_is_refused_is_said_at_the_field_and_changes_nothing(
    client: Browser, stopped: DvmHome, vms: Vms, verb: str
) -> None:
    before = sorted(path.name for path in (vms.paths.config / "vms").iterdir())
    for typed in ("", "No Name", "app", "other", "x" * 200, "../x", '"><img src=x>', "a\x00b", "-f"):
        answer = client.post(f"/vms/app/{verb}", data={"name": typed})
        assert answer.status_code in (409, 422), typed
        assert 'id="name-error"' in answer.text, typed
        assert 'aria-invalid="true"' in answer.text
        assert "<img" not in answer.text
    assert sorted(path.name for path in (vms.paths.config / "vms").iterdir()) == before


@pytest.mark.parametrize("verb", ["clone", "rename"])
def test_a_running_vm_is_neither_cloned_nor_renamed(client: Browser, stopped: DvmHome, vms: Vms, verb: str) -> None:
    stopped.ok("start", "app")
    eventually(lambda: "Running" in client.get("/vms/app").text)
    assert client.get(f"/vms/app/{verb}").status_code == 200
    answer = client.post(f"/vms/app/{verb}", data={"name": "twin"})
    assert answer.status_code in (409, 422)
    assert "running" in answer.text
    assert not vms.paths.vm_config("twin").exists()


@pytest.mark.parametrize("verb", ["clone", "rename"])
def test_what_is_no_vm_has_no_form(client: Browser, vms: Vms, verb: str) -> None:
    for name in ("none", "-f", "A", "lima:x"):
        assert client.get(f"/vms/{name}/{verb}").status_code == 404
        assert client.post(f"/vms/{name}/{verb}", data={"name": "x"}).status_code == 404


def test_a_config_without_an_instance_is_renamed_and_not_cloned(client: Browser, vms: Vms) -> None:
    vms.init("app")
    assert client.post("/vms/app/clone", data={"name": "twin"}).status_code in (404, 409)
    assert client.post("/vms/app/rename", data={"name": "third"}).status_code == 200
    assert vms.paths.vm_config("third").exists()
