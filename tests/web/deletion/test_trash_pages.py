"""The page of the trash: what is in it, and the forms that restore an entry or delete it for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.records import trash_records
from dvmweb.verbs import trash
from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, dvm_home, eventually, limactl  # noqa: F401


def trashed(vms: Vms) -> list[str]:
    return sorted(path.name.removeprefix("dvmtrash-") for path in vms.paths.lima_home.glob("dvmtrash-*"))


@pytest.fixture
def entry(dvm_home: DvmHome, client: Browser, vms: Vms) -> str:  # noqa: F811
    """`app` in the trash; it was never started."""
    vms.init("app")
    dvm_home.faults(start={"exit": 1, "stderr": "not now"})
    assert dvm_home.dvm("sync", "app").code == 1
    dvm_home.faults()
    dvm_home.ok("rm", "app", "--yes", "--force")
    (found,) = trashed(vms)
    return found


def test_the_trash_is_linked_and_shows_what_is_in_it(client: Browser, entry: str) -> None:
    assert "Trash: 1" in client.get("/").text
    assert "unmanaged" not in client.get("/cards").text
    text = client.get("/trash").text
    for words in ("1 VM in the trash", entry, "not known", "nothing is deleted by itself", f"/trash/{entry}/restore"):
        assert words in text


def test_an_empty_trash_says_so(client: Browser) -> None:
    assert "Trash: empty" in client.get("/").text
    assert "The trash is empty" in client.get("/trash").text


def test_an_entry_is_restored(client: Browser, vms: Vms, entry: str) -> None:
    answer = client.post(f"/trash/{entry}/restore", data={"as": "app"})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/vms/app")
    assert trashed(vms) == []
    eventually(lambda: "Stopped" in client.get("/vms/app").text)


def test_under_another_name_it_says_what_is_different(client: Browser, vms: Vms, entry: str) -> None:
    answer = client.post(f"/trash/{entry}/restore", data={"as": "other"})
    assert (answer.status_code, "other</span> was restored" in answer.text) == (200, True)
    assert "lima-dvm-other" in answer.text
    assert vms.paths.vm_config("other").exists()


def test_a_name_that_is_taken_or_wrong_is_refused(client: Browser, vms: Vms, dvm_home: DvmHome, entry: str) -> None:  # noqa: F811
    answer = client.post(f"/trash/{entry}/restore", data={"as": "<b>App!"})
    assert answer.status_code == 422
    assert 'value="&lt;b&gt;App!"' in answer.text
    assert "is not a VM name" in answer.text.partition(f'id="as-{entry}-error"')[2].partition("</p>")[0]
    assert "<b>App" not in answer.text
    assert client.post(f"/trash/{entry}/restore", data={"as": "app"}, csrf=False).status_code == 403
    dvm_home.faults(start={"exit": 1, "stderr": "not now"})
    dvm_home.dvm("sync", "app")
    answer = client.post(f"/trash/{entry}/restore", data={"as": "app"})
    error = answer.text.partition(f'id="as-{entry}-error"')[2].partition("</p>")[0]
    assert (answer.status_code, "There is a VM app" in error, "Choose another name." in error) == (422, True, True)
    assert "dvm trash restore" not in error
    assert trashed(vms) == [entry]


def test_a_name_that_is_free_is_filled_in(client: Browser, vms: Vms, dvm_home: DvmHome, entry: str) -> None:  # noqa: F811
    assert 'name="as" class="mono" value="app"' in client.get("/trash").text
    dvm_home.faults(start={"exit": 1, "stderr": "not now"})
    dvm_home.dvm("sync", "app")
    dvm_home.faults()
    vms.init("app-2")
    page = client.get("/trash").text
    assert 'name="as" class="mono" value="app-3"' in page
    assert "There is a VM app." in page
    assert client.post(f"/trash/{entry}/restore", data={"as": "app-3"}).status_code == 200
    assert trashed(vms) == []


def test_a_long_name_keeps_room_for_its_number(vms: Vms) -> None:
    name = "a" * 27 + "-bc"
    (vms.paths.lima_home / f"dvm-{name}").mkdir(parents=True)
    assert trash.free_name(vms.paths, name) == "a" * 27 + "-2"
    assert trash.free_name(vms.paths, "") == ""


def test_a_delete_for_good_needs_the_name(client: Browser, vms: Vms, entry: str) -> None:
    page = client.get(f"/trash/{entry}/delete").text
    assert "What is lost" in page
    assert "MiB of disk" in page
    assert " disabled" not in page, "without script the button must work"
    for typed in ("", "App", "app ", entry):
        answer = client.post(f"/trash/{entry}/delete", data={"name": typed})
        assert (answer.status_code, "Nothing was deleted" in answer.text) == (422, True), typed
    assert client.post(f"/trash/{entry}/delete", data={"name": "app"}, csrf=False).status_code == 403
    assert trashed(vms) == [entry]
    assert client.post(f"/trash/{entry}/delete", data={"name": "app"}).status_code == 303
    assert trashed(vms) == []
    assert trash_records.entries(vms.paths) == ()


def test_what_is_no_entry_is_not_found(client: Browser, dvm_home: DvmHome, vms: Vms, entry: str) -> None:  # noqa: F811
    for name in ("nope", "app", "app-00000000", "%2e%2e", "dvm-app", f"dvmtrash-{entry}"):
        assert client.get(f"/trash/{name}/delete").status_code == 404, name
        assert client.post(f"/trash/{name}/delete", data={"name": "app"}).status_code == 404, name
        assert client.post(f"/trash/{name}/restore", data={"as": "app"}).status_code == 404, name
    assert trashed(vms) == [entry]


def test_an_entry_left_half_done_is_protected(client: Browser, dvm_home: DvmHome, vms: Vms, entry: str) -> None:  # noqa: F811
    mark: Path = vms.paths.lima_home / f"dvmtrash-{entry}" / "protected"
    limactl(dvm_home, "unprotect", f"dvmtrash-{entry}")
    assert "A move to the trash was interrupted" in client.get("/trash").text
    assert not mark.exists(), "a page that is read changes nothing"
    assert "It is now." in client.post("/trash/repair").text
    assert mark.exists()
    assert "interrupted" not in client.get("/trash").text


def test_the_deletion_page_moves_to_the_trash_or_deletes_for_good(client: Browser, vms: Vms, entry: str) -> None:
    client.post(f"/trash/{entry}/restore", data={"as": "app"})
    page = eventually(lambda: (t := client.get("/vms/app/delete").text) and "Not checked yet" in t and t)
    assert "limactl rename" in page
    assert "limactl delete" in page
