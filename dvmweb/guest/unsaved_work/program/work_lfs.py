"""Compares files of Git LFS by hash: without the LFS filter, Git reports each of them as changed."""

from __future__ import annotations

import hashlib
import os
import re
import stat

from work_check import Check, Failed
from work_file import O_FILE

MOST_FILES = 10_000
POINTER_BYTES = 1024  # the limit of a pointer in the LFS specification
POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-\d-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n"
)


def unchanged_by_lfs(check: Check, doubtful: list[tuple[str, str]]) -> set[str]:
    """The names of files whose content matches the pointer in the index. Raises Failed."""
    names = _with_filter(check, [name for name, _ in doubtful[:MOST_FILES]])
    wanted = [(name, blob) for name, blob in doubtful if name in names]
    pointers = _pointers(check, sorted({blob for _, blob in wanted}))
    return {name for name, blob in wanted if blob in pointers and _is_same(check, name, *pointers[blob])}


def _with_filter(check: Check, names: list[str]) -> set[str]:
    if not names:
        return set()
    given = b"".join(os.fsencode(name) + b"\0" for name in names)
    fields = os.fsdecode(check.query("check-attr", "-z", "--stdin", "filter", given=given)).split("\0")[:-1]
    return {fields[at] for at in range(0, len(fields) - 2, 3) if fields[at + 2] == "lfs"}


def _pointers(check: Check, blobs: list[str]) -> dict[str, tuple[str, int]]:
    """Blob -> (SHA-256, size), for each blob that is an LFS pointer."""
    given = "".join(f"{blob}\n" for blob in blobs).encode()
    if not given:
        return {}
    facts = [line.split() for line in check.query("cat-file", "--batch-check", given=given).split(b"\n")]
    small = [fact[0] for fact in facts if len(fact) == 3 and fact[1] == b"blob" and int(fact[2]) < POINTER_BYTES]
    if not small:
        return {}
    output = check.query("cat-file", "--batch", given=b"".join(blob + b"\n" for blob in small))
    found = {}
    while output:
        head, _, output = output.partition(b"\n")
        blob, _, size = head.split(b" ")
        pointer = POINTER.fullmatch(output[: int(size)])
        if pointer:
            found[blob.decode()] = (pointer[1].decode(), int(pointer[2]))
        output = output[int(size) + 1 :]
    return found


def _is_same(check: Check, name: str, wanted: str, size: int) -> bool:
    """Whether a file has this content; one that cannot be read stays "changed", as Git reports it."""
    try:
        fd = os.open(f"{check.path}/{name}", O_FILE | os.O_NOFOLLOW)
    except OSError:
        return False
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != size:
            return False
        sum_ = hashlib.sha256()
        while piece := file.read(1 << 20):
            sum_.update(piece)
            if check.git.setting.is_over():
                check.records.problem(check.path, "the comparison of Git LFS files reached its time limit")
                raise Failed
    return sum_.hexdigest() == wanted
