"""Only an image of a disk becomes a VM's disk: any other file of this computer would be shown to the guest (S10)."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from dvmweb.errors import UsageError
from dvmweb.lima import image_file


def qcow2(version: int = 3, backing: int = 0, features: int = 0) -> bytes:
    head = struct.pack(">4sIQ", b"QFI\xfb", version, backing)
    return head.ljust(72, b"\0") + struct.pack(">Q", features) + bytes(200)


def mbr(*entries: tuple[int, int, int]) -> bytes:
    """A first sector: status, type and number of sectors of each partition."""
    table = b"".join(struct.pack("<B3xB3xII", status, kind, 2048, count) for status, kind, count in entries)
    return bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"


GOOD = {
    "qcow2": qcow2(),
    "qcow2 v2": qcow2(2),
    "mbr": mbr((0x80, 0x83, 4096)),
    "second partition": mbr((0, 0, 0), (0, 0x83, 1)),
    "gpt": mbr((0, 0xEE, 99)) + b"EFI PART" + bytes(500),
    "gpt, large sectors": bytes(4096) + b"EFI PART",
}
BAD = {
    "empty": b"",
    "text": b"root:x:0:0:root:/root:/bin/bash\n" * 40,
    "key": b"-----BEGIN OPENSSH PRIVATE KEY-----\n" * 40,
    "no partition": mbr(),
    "mark alone": b"x" * 510 + b"\x55\xaa",
    "no such status": mbr((0x80, 0x83, 1), (0x21, 0x83, 1)),
    "a partition of nothing": mbr((0x80, 0x83, 0)),
    "packed": b"\x1f\x8b\x08" + bytes(600),
    "cut": qcow2()[:50],
    "unknown version": qcow2(4),
    "names another file": qcow2(backing=104),
    "names another file, v2": qcow2(2, backing=104),
    "bytes elsewhere": qcow2(features=4),
}


@pytest.mark.parametrize("name", GOOD)
def test_images_are_known_by_their_first_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "disk"
    path.write_bytes(GOOD[name])
    (tmp_path / "link").symlink_to(path)
    for given in (path, tmp_path / "link"):
        assert image_file.why_not(str(given)) == ""
        image_file.check(str(given))


@pytest.mark.parametrize("name", BAD)
def test_s10_no_other_file_becomes_a_disk(tmp_path: Path, name: str) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(BAD[name])
    with pytest.raises(UsageError, match=r"cannot be used: it (is|has|depends|keeps)") as caught:
        image_file.check(str(path))
    assert "root:" not in str(caught.value)


def test_s10_the_file_behind_a_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "fedora.qcow2").symlink_to("/etc/passwd")
    assert image_file.why_not(str(tmp_path / "fedora.qcow2")) == ("it leads to /etc/passwd, which is not a disk image")


def test_s10_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in ((tmp_path / "pipe", "plain file"), (tmp_path, "plain file"), (Path("/dev/null"), "plain file")):
        assert why in image_file.why_not(str(path))
    assert "no such file" in image_file.why_not(str(tmp_path / "none"))
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be read" in image_file.why_not(str(tmp_path / "loop"))


@pytest.mark.parametrize("image", ["fedora", "debian-13", "ubuntu-lts"])
def test_names_are_limas_to_judge(image: str) -> None:
    image_file.check(image)
