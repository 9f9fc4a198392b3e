"""The tab *Files*: a folder of a guest is looked through, files and folders are downloaded, files uploaded."""

from __future__ import annotations

import http.client
import io
import os
import tarfile
from urllib.parse import urlencode

import pytest

from dvmweb.errors import CheckFailed, DvmError, NotFound
from dvmweb.guest.copies.tally import FILE, FOLDER
from dvmweb.verbs.copies import Folder, GuestPath, list_folder
from dvmweb.verbs.copies.folder_listing import OTHER, FolderEntry
from dvmweb.verbs.copies.new_archive import NOT_COPIED
from dvmweb.verbs.uploads.upload import MOST_FOR_A_VM
from dvmweb.web.vms.download import Download, safe_name
from dvmweb.web.vms.files_views import folder_view
from tests.journey.conftest import guests_work
from tests.web.conftest import Served
from tests.web.demo import eventually
from tests.web.terminals.test_uploads import Guest, Tab, guest, sample_vms, served

__all__ = ["guest", "guests_work", "sample_vms", "served"]
pytestmark = pytest.mark.xdist_group("uploads")
EVIL = "<img src=x onerror=alert(1)>"
READY = 'printf "%s\\0" dvm-answer list_folder 1 "$DVM_NONCE" ready 3 "$DVM_HOST" "$DVM_INSTANCE" "$DVM_ID"'
END = 'printf "%s\\0" end 1 "$DVM_NONCE"'


@pytest.fixture
def tree(guest: Guest) -> Guest:
    """A guest with some entries in its code folder."""
    code = guest.code
    (code / "sub").mkdir()
    (code / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (code / "notes ü & co.txt").write_bytes(b"\0binary\r\n" * 40_000)
    (code / EVIL).write_text("x")
    (code / "link").symlink_to("sub")
    (code / "lost").symlink_to("nowhere")
    os.mkfifo(code / "pipe")
    (code / os.fsdecode(b"latin-\xe9")).write_text("x")
    for path in code.rglob("*"):
        guest.give(path)
    return guest


def asked(served: Served, path: str, **fields: str) -> http.client.HTTPResponse:
    """The response to a GET, or to a POST of these fields; its body is not read yet."""
    address = served.server.socket.getsockname()
    line = http.client.HTTPConnection(address[0], address[1], timeout=60)
    headers = {"Cookie": served.cookie, "Host": served.host, "Origin": served.origin}
    where = served.sessions.prefix + path
    if not fields:
        line.request("GET", where, headers=headers)
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        line.request("POST", where, urlencode({"csrf": served.csrf, **fields}), headers)
    return line.getresponse()


def page(served: Served, path: str = "") -> str:
    answer = asked(served, "/vms/app?" + urlencode({"tab": "files", **({"path": path} if path else {})}))
    assert answer.status == 200
    return answer.read().decode()


def download(served: Served, **fields: str) -> http.client.HTTPResponse:
    return asked(served, "/vms/app/files/download", **fields)


def code_folder(served: Served) -> str:
    return list_folder(served.vms, GuestPath("app", "")).path


def test_a_folder_is_looked_through_and_its_files_and_folders_are_downloaded(served: Served, tree: Guest) -> None:
    code = code_folder(served)
    shown = page(served)
    assert EVIL not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert shown.index(">sub</a>") < shown.index("notes ü &amp; co.txt"), "folders are first"
    for note in ("neither a file nor a folder", "its name is not UTF-8: use dvm cp", "<small>link</small>"):
        assert note in shown
    inner = page(served, f"{code}/sub")
    assert "run.sh" in inner
    assert f'href="{served.sessions.prefix}/vms/app?' + urlencode({"tab": "files", "path": code}) in inner.replace(
        "&amp;", "&"
    )

    answer = download(served, file=f"{code}/notes ü & co.txt")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    named = answer.headers["Content-Disposition"]
    assert named == "attachment; filename=\"notes u & co.txt\"; filename*=UTF-8''notes%20%C3%BC%20%26%20co.txt"
    assert answer.read() == b"\0binary\r\n" * 40_000

    answer = download(served, folder=code)
    assert answer.headers["Content-Disposition"] == "attachment; filename=app.tar; filename*=UTF-8''app.tar"
    with tarfile.open(fileobj=io.BytesIO(answer.read())) as archive:
        names = archive.getnames()
        missing = archive.extractfile(NOT_COPIED)
        assert missing is not None
        text = missing.read().decode()
    assert {"sub", "sub/run.sh", "notes ü & co.txt"} <= set(names)
    assert not {"link", "lost", "pipe"} & set(names)
    assert "link is a link\n" in text
    assert "pipe is a named pipe\n" in text


def test_what_cannot_be_shown_or_downloaded_is_refused_with_the_reason(served: Served, tree: Guest) -> None:
    code = code_folder(served)
    assert "app:/nowhere." in page(served, "/nowhere")
    assert "Go to the code folder" in page(served, "/nowhere")
    assert "is not a folder." in page(served, f"{code}/sub/run.sh")
    assert "This is not an absolute path in a VM." in page(served, "sub")
    for fields, status, reason in (
        ({"file": f"{code}/none"}, 404, "There is no app:"),
        ({"file": "sub/run.sh"}, 422, "This is not an absolute path in a VM."),
        ({"file": "/a\0b"}, 422, "This is not an absolute path in a VM."),
        ({"other": "x"}, 422, "This is not an absolute path in a VM."),
        ({"file": f"{code}/pipe"}, 422, "it is a named pipe"),
    ):
        answer = download(served, **fields)
        assert (answer.status, reason in answer.read().decode()) == (status, True), fields
    assert asked(served, "/vms/none/files/download", file="/etc/passwd").status == 404
    with pytest.raises(NotFound, match="is not a folder"):
        list_folder(served.vms, GuestPath("app", f"{code}/sub/run.sh"))


def test_a_download_that_is_cut_off_does_not_look_complete(served: Served, tree: Guest) -> None:
    code = code_folder(served)
    (tree.code / "big").write_bytes(bytes(8_000_000))
    tree.give(tree.code / "big")
    with tree.program("python3", 'PATH=/usr/bin:/bin python3 "$@" | head -c 2000000'):
        answer = download(served, folder=code)
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    # A browser that leaves ends the copy in the guest.
    answer = download(served, file=f"{code}/big")
    assert answer.read(1000) == bytes(1000)
    answer.close()
    eventually(lambda: not tree.processes())


def test_downloads_of_one_vm_are_bounded(served: Served, tree: Guest) -> None:
    code = code_folder(served)
    (tree.code / "big").write_bytes(bytes(30_000_000))
    tree.give(tree.code / "big")
    running = [download(served, file=f"{code}/big") for _ in range(MOST_FOR_A_VM)]
    answer = download(served, file=f"{code}/big")
    assert answer.status == 409
    assert f"{MOST_FOR_A_VM} downloads from app are already running." in answer.read().decode()
    for one in running:
        one.close()
    eventually(lambda: not tree.processes())


def test_a_file_is_uploaded_into_the_folder_that_is_shown(served: Served, tree: Guest) -> None:
    code = code_folder(served)
    tab = Tab(served, "new.txt", 3, folder=f"{code}/sub")
    tab.ready()
    tab.ws.send_binary(b"abc")
    tab.say({"do": "end"})
    assert tab.end()["folder"] == "~/code/app/sub"
    assert (tree.code / "sub/new.txt").read_bytes() == b"abc"
    gone = Tab(served, "new.txt", 3, folder=f"{code}/gone").end()
    assert gone["is"] == "error"
    assert f"cannot write into {code}/gone" in gone["what"]
    assert Tab(served, "new.txt", 3, folder="sub").end()["what"] == "The browser sent an invalid folder."
    assert Tab(served, "new.txt", 3, folder=7).end()["is"] == "error"


@pytest.mark.parametrize(
    "records",
    [
        f"{READY} folder 1 /home/x entry 5 ../x file 1 1 0 done 1 1; {END}",
        f"{READY} folder 1 /home/x entry 5 .. folder 1 1 0 done 1 1; {END}",
        f"{READY} folder 1 /home/x entry 5 a secret 1 1 0 done 1 1; {END}",
        f"{READY} folder 1 /home/x entry 5 a file -1 1 0 done 1 1; {END}",
        f"{READY} folder 1 /home/x entry 4 a file 1 1 done 1 1; {END}",
        f"{READY} folder 1 home entry 5 a file 1 1 0 done 1 1; {END}",
        f"{READY} folder 1 /home/x; {END}",
        f"{READY}; {END}",
        f"{READY} folder 1 /home/x done 1 0",
        READY.replace('"$DVM_ID"', "0" * 32) + f" folder 1 /home/x done 1 0; {END}",
    ],
)
def test_a_forged_listing_is_a_failed_check(served: Served, guest: Guest, records: str) -> None:
    with guest.program("python3", records), pytest.raises(CheckFailed):
        list_folder(served.vms, GuestPath("app", ""))


def test_a_folder_with_very_many_entries_is_listed_in_part(served: Served, guest: Guest) -> None:
    for number in range(2100):
        (guest.code / f"file-{number:04}").touch()
    found = list_folder(served.vms, GuestPath("app", ""))
    assert (len(found.entries), found.count) == (2000, 2100)
    shown = page(served)
    assert "100 more entries are not shown." in shown


def test_a_copy_that_fails_before_its_first_byte_is_an_error_and_no_response(
    served: Served, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_given: object, **_more: object) -> None:
        raise DvmError("It does not work.", "Try again.")

    monkeypatch.setattr("dvmweb.web.vms.download.copy_out", fails)
    slots = served.app.extensions["dvm.downloads"]
    with pytest.raises(DvmError, match="It does not work"):
        Download(served.vms, GuestPath("app", "/x"), slots).start()


def test_the_rows_of_a_folder() -> None:
    entries = (
        FolderEntry("sub", FOLDER, 0, 0, True),
        FolderEntry("a\x1b[31m\u202egpj.exe", FILE, 12, 1000, False),
        FolderEntry("dev", OTHER, 0, 0, False),
        FolderEntry(os.fsdecode(b"\xff"), FILE, 1, 1, False),
    )
    view = folder_view(Folder("/home/me/code", entries, 9), 1060.0)
    sub, hostile, device, bytes_name = view.rows
    assert (sub.query, sub.path, sub.note) == ("?tab=files&path=%2Fhome%2Fme%2Fcode%2Fsub", "/home/me/code/sub", "link")
    assert not {"\x1b", "\u202e"} & set(hostile.text)
    assert (hostile.size, hostile.age, hostile.query) == (12, "1 min ago", "")
    assert (device.path, bytes_name.path) == ("", "")
    assert [one.text for one in view.crumbs] == ["/", "home", "me", "code"]
    assert view.crumbs[1].query == "?tab=files&path=%2Fhome"
    assert (view.crumbs[-1].query, view.more) == ("", 5)
    odd = folder_view(Folder(os.fsdecode(b"/\xff"), entries[:1], 1), 0.0)
    assert (odd.path, odd.crumbs, odd.rows[0].path) == ("", (), "")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.txt", "b.txt"),
        ("/a/x\r\nSet-Cookie: a=b", "x__Set-Cookie_ a=b"),
        ('/a/"quoted".html', "_quoted_.html"),
        ("/a/\u202egpj.exe", "_gpj.exe"),
        ("/a/...", "download"),
        ("/", "download"),
        ("/a/" + "n" * 300, "n" * 200),
    ],
)
def test_the_name_of_a_download_is_plain(path: str, name: str) -> None:
    assert safe_name(path) == name
