"""The pages of checkpoints: made, listed, rewound to and deleted by forms, with the rules of a delete."""

from __future__ import annotations

import re

import pytest

from dvmweb.errors import CheckFailed
from dvmweb.records import last_use
from dvmweb.verbs import processes_in_use
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, finished, limactl  # noqa: F401

NOTE = "before <i>it</i> & more"


def kept(vms: Vms) -> list[str]:
    return sorted(path.name.removeprefix("dvmcheck-") for path in vms.paths.lima_home.glob("dvmcheck-*"))


@pytest.fixture
def stopped(dvm_home: DvmHome, client: Browser, vms: Vms) -> str:  # noqa: F811
    """`app`, stopped; it was never started."""
    vms.init("app")
    dvm_home.faults(start={"exit": 1, "stderr": "not now"})
    assert dvm_home.dvm("sync", "app").code == 1
    dvm_home.faults()
    eventually(lambda: "Stopped" in client.get("/vms/app").text)
    return "app"


@pytest.fixture
def checkpoint(client: Browser, vms: Vms, stopped: str) -> str:
    assert finished(vms, client.post("/vms/app/checkpoint", data={"note": NOTE})).state == "succeeded"
    (found,) = kept(vms)
    return found


def test_one_is_made_and_listed(client: Browser, checkpoint: str) -> None:
    assert "Checkpoints: 1" in client.get("/").text
    assert "unmanaged" not in client.get("/cards").text
    assert ">1 checkpoint</a>" in client.get("/vms/app").text
    text = client.get("/checkpoints").text
    for words in ("1 checkpoint", checkpoint, '<td class="whole">before &lt;i&gt;it&lt;/i&gt; &amp; more'):
        assert words in text
    assert NOTE not in text
    assert f"/checkpoints/{checkpoint}/rewind" in text


def test_without_any_it_says_so(client: Browser) -> None:
    assert "Checkpoints: none" in client.get("/").text
    assert "No checkpoints" in client.get("/checkpoints").text


def test_a_note_that_is_too_long_or_odd_is_refused(client: Browser, vms: Vms, stopped: str) -> None:
    assert client.post("/vms/app/checkpoint", data={"note": "x" * 201}).status_code == 422
    assert client.post("/vms/app/checkpoint", data={"note": "a\x1b[31m"}).status_code == 422
    assert client.get("/vms/nope/checkpoint").status_code == 404
    assert kept(vms) == []


def test_a_rewind_needs_the_name_where_nothing_is_known(client: Browser, vms: Vms, checkpoint: str) -> None:
    page = f"/checkpoints/{checkpoint}/rewind"
    text = client.get(page).text
    assert "Not checked yet" in text
    assert "rewind-form" not in text, "first it is checked"
    assert client.post(page, data={"report": ""}).status_code == 409
    assert not list(vms.paths.lima_home.glob("dvmtrash-*"))


def test_a_checked_vm_is_rewound(client: Browser, vms: Vms, dvm_home: DvmHome, checkpoint: str) -> None:  # noqa: F811
    page = f"/checkpoints/{checkpoint}/rewind"
    dvm_home.ok("sync", "app")
    dvm_home.guest("app", "touch new.txt")
    dvm_home.dvm("work", "app")
    config = vms.paths.vm_config("app")
    before = config.read_bytes()
    config.write_bytes(before + b"# <script>\n")
    text = eventually(lambda: found if "goes to the trash with the VM" in (found := client.get(page).text) else "")
    assert "-# &lt;script&gt;" in text
    match = re.search(r'name="report" value="([^"]+)"', text)
    assert match
    report = match[1]
    assert client.post(page, data={"report": "old", "name": "app"}).status_code == 409
    answer = client.post(page, data={"report": report, "name": "App"})
    assert answer.status_code == 422
    assert "Nothing was changed" in answer.text
    job = finished(vms, client.post(page, data={"report": report, "name": "app", "config": "1"}))
    assert job.state == "succeeded"
    assert "All checkpoints" in client.get(f"/jobs/{job.id}").text
    assert config.read_bytes() == before
    assert len(list(vms.paths.lima_home.glob("dvmtrash-app-*"))) == 1
    assert kept(vms) == [checkpoint]


def test_a_vm_that_is_not_created_has_nothing_to_lose(
    client: Browser,
    vms: Vms,
    dvm_home: DvmHome,  # noqa: F811
    checkpoint: str,
) -> None:
    dvm_home.ok("rm", "app", "--yes", "--force", "--now", "--config")
    page = f"/checkpoints/{checkpoint}/rewind"
    assert "there is nothing to lose" in client.get(page).text
    assert finished(vms, client.post(page, data={})).state == "succeeded"
    assert vms.paths.vm_config("app").exists()
    eventually(lambda: "Stopped" in client.get("/vms/app").text)


def test_a_protected_vm_is_not_rewound_and_its_page_is_linked(client: Browser, checkpoint: str) -> None:
    assert client.post("/vms/app/protect").status_code == 303
    text = eventually(
        lambda: t if 'id="protected"' in (t := client.get(f"/checkpoints/{checkpoint}/rewind").text) else ""
    )
    assert '/vms/app#protect">the page of app</a>' in text
    assert 'id="rewind-form"' not in text
    assert 'id="protect"' in client.get("/vms/app").text


def test_a_vm_that_has_lost_its_config_is_not_rewound(client: Browser, vms: Vms, checkpoint: str) -> None:
    config = vms.paths.vm_config("app")
    config.unlink()
    page = f"/checkpoints/{checkpoint}/rewind"
    for answer in (client.get(page), client.post(page, data={"report": ""})):
        assert answer.status_code == 409
        assert "app has no config" in answer.text
    assert not config.exists()
    assert not list(vms.paths.lima_home.glob("dvmtrash-*"))


def test_a_running_vm_is_stopped_only_if_the_page_said_so(client: Browser, vms: Vms, dvm_home: DvmHome) -> None:  # noqa: F811
    vms.init("app")
    dvm_home.ok("sync", "app")
    text = eventually(lambda: found if "started again" in (found := client.get("/vms/app/checkpoint").text) else "")
    assert 'name="restart" value="1"' in text
    assert client.post("/vms/app/checkpoint", data={}).status_code == 409
    assert kept(vms) == []
    assert finished(vms, client.post("/vms/app/checkpoint", data={"restart": "1"})).state == "succeeded"
    assert len(kept(vms)) == 1
    (vm,) = vms.list_vms()
    assert vm.status == "Running"


def test_a_vm_in_use_is_stopped_only_with_the_box_ticked(
    client: Browser,
    vms: Vms,
    dvm_home: DvmHome,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vms.init("app")
    dvm_home.ok("sync", "app")
    page, form = "/vms/app/checkpoint", {"restart": "1", "note": "<b>"}
    text = eventually(lambda: found if "started again" in (found := client.get(page).text) else "")
    assert 'name="sure"' not in text

    def is_refused() -> str:
        answer = client.post(page, data=form)
        assert answer.status_code == 422
        assert re.search(r'name="sure" value="1" aria-invalid="true" aria-describedby="sure-error"', answer.text)
        assert "Nothing was stopped. Tick the box" in answer.text
        assert 'value="&lt;b&gt;"' in answer.text, "the note is still there"
        (vm,) = vms.list_vms()
        assert (vm.status, vm.job and vm.job.verb, kept(vms)) == ("Running", None, [])
        return answer.text

    with monkeypatch.context() as patched:

        def silent(_: Vms) -> None:
            raise CheckFailed("The keeper of the terminals does not respond.")

        patched.setattr(processes_in_use, "list_terminals", silent)
        asked = client.get(page).text
        for words in ("It is not known whether the VM is in use", "does not respond.", 'name="sure" value="1">'):
            assert words in asked
        assert "does not respond." in is_refused()
    with last_use.session(vms.paths, "app"):
        asked = client.get(page).text
        for words in ("callout warn", "A command or a copy runs in it. The stop ends what runs in it."):
            assert words in asked
        assert "sure-error" not in asked
        assert "A command or a copy runs in it." in is_refused()
        assert finished(vms, client.post(page, data=form | {"sure": "1"})).state == "succeeded"
    assert len(kept(vms)) == 1


def test_a_delete_needs_the_name_of_the_checkpoint(client: Browser, vms: Vms, checkpoint: str) -> None:
    page = f"/checkpoints/{checkpoint}/delete"
    assert "dvm cannot check a checkpoint for that" in client.get(page).text
    assert client.post(page, data={"name": "app"}).status_code == 422
    assert kept(vms) == [checkpoint]
    assert client.post(page, data={"name": checkpoint}).status_code == 303
    assert kept(vms) == []


def test_what_is_half_is_repaired_by_a_button(
    client: Browser,
    vms: Vms,
    dvm_home: DvmHome,  # noqa: F811
    checkpoint: str,
) -> None:
    limactl(dvm_home, "unprotect", f"dvmcheck-{checkpoint}")
    assert "Repair it" in client.get("/checkpoints").text
    assert "It is now." in client.post("/checkpoints/repair").text
    assert "Repair it" not in client.get("/checkpoints").text
    assert "Nothing was left half done." in client.post("/checkpoints/repair").text


@pytest.mark.parametrize("name", ["nope", "app", "app-00000000", "%2e%2e", "dvm-app"])
def test_other_names_are_not_found(client: Browser, name: str) -> None:
    for page in ("delete", "rewind"):
        assert client.get(f"/checkpoints/{name}/{page}").status_code == 404
        assert client.post(f"/checkpoints/{name}/{page}", data={"name": name}).status_code == 404
