"""Checks an image file on the host for a new VM: only disk images, recognized by their first bytes.

The guest can read its disk, so any other file would be exposed to it.
"""

from __future__ import annotations

import os
import stat
import struct

from dvmweb.errors import UsageError
from dvmweb.guest_text import visible

TODO = "Use a qcow2 image, or a raw image with a partition table (MBR or GPT); unpack a compressed one."
HEAD_BYTES = 8192
_QCOW2 = b"QFI\xfb"
_EXTERNAL_DATA = 1 << 2  # an incompatible feature: the data is in another file
_GPT_PLACES = (512, 4096)  # the second sector


def check(image: str) -> None:
    """Raise UsageError for a path on the host that is not a disk image. Lima checks names and addresses."""
    if image.startswith("/") and (why := why_not(image)):
        raise UsageError(f"The image {visible(image)} cannot be used: {why}.", TODO)


def why_not(path: str) -> str:
    """Why a file is not a disk image, with its real path; "" if it is one."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "there is no such file on the host"
    except OSError as error:
        return f"it cannot be read: {os.strerror(error.errno or 0)}"
    try:
        is_file = stat.S_ISREG(os.fstat(file).st_mode)
        why = judge(os.read(file, HEAD_BYTES)) if is_file else "is not a plain file"
    finally:
        os.close(file)
    real = os.path.realpath(path)
    return f"{'it leads to ' + visible(real) + ', which' if real != path else 'it'} {why}" if why else ""


def judge(head: bytes) -> str:
    """Why the first bytes of a file are not those of a disk image, "" if they are. Pure."""
    if head.startswith(_QCOW2):
        return _judge_qcow2(head)
    return "" if _has_gpt(head) or _has_mbr(head) else "is not a disk image"


def _judge_qcow2(head: bytes) -> str:
    if len(head) < 104:
        return "is incomplete"
    version, backing = struct.unpack_from(">IQ", head, 4)
    if version not in (2, 3):
        return "is a qcow2 image of an unknown version"
    if backing:
        return "depends on another file (a backing file)"
    features = struct.unpack_from(">Q", head, 72)[0] if version == 3 else 0
    return "keeps its data in another file" if features & _EXTERNAL_DATA else ""


def _has_gpt(head: bytes) -> bool:
    return any(head[place : place + 8] == b"EFI PART" for place in _GPT_PLACES)


def _has_mbr(head: bytes) -> bool:
    """Whether it is a valid MBR with a partition; the signature at its end alone occurs in many files."""
    if head[510:512] != b"\x55\xaa":
        return False
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    used = [entry for entry in entries if entry[4] and int.from_bytes(entry[12:16], "little")]
    return bool(used) and all(entry[0] in (0, 0x80) for entry in entries)
