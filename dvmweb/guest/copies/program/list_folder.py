"""Lists one folder of this guest.

In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_PATH (absolute, below ~, or below
the code folder).
Out: an answer `list_folder` (dvmweb/guest/protocol.py): `ready HOST INSTANCE ID`, `folder PATH` (absolute, links
resolved), `entry NAME KIND SIZE MTIME LINK`... (KIND: folder, file, other; bytes; seconds since the epoch; 1: a link,
whose target the other fields describe), folders first, each by name, `done COUNT` (of all entries); or `refused
guest|none|folder|error REASON`. Needs Python 3.9.
"""

from __future__ import annotations

import contextlib
import os
import stat

from guest_place import Refused, answer, path_of, serve, who_is_this

MOST = 2000  # entries in the answer
MOST_READ = 50_000  # entries that are sorted


def entries(folder: str) -> tuple[list[tuple[bytes, ...]], int]:
    """The fields of each entry, and how many there are."""
    found: list[tuple[bytes, ...]] = []
    count = 0
    with os.scandir(folder) as inside:
        for one in inside:
            count += 1
            if count <= MOST_READ:
                found.append(fields(one))
    found.sort(key=lambda entry: (entry[1] != b"folder", entry[0].lower(), entry[0]))
    return found[:MOST], count


def fields(one: os.DirEntry[str]) -> tuple[bytes, ...]:
    """Name, kind, size, time, and whether it is a link."""
    is_link = one.is_symlink()
    kind, size, changed = b"other", 0, 0
    with contextlib.suppress(OSError):
        facts = one.stat()
        if stat.S_ISDIR(facts.st_mode):
            kind = b"folder"
        elif stat.S_ISREG(facts.st_mode):
            kind, size = b"file", facts.st_size
        changed = max(int(facts.st_mtime), 0)
    return os.fsencode(one.name), kind, b"%d" % size, b"%d" % changed, b"1" if is_link else b"0"


def report() -> None:
    """Answer with the entries."""
    answer("ready", *who_is_this())
    try:
        top = os.path.realpath(path_of(os.environb[b"DVM_PATH"]))
        found, count = entries(os.fsdecode(top))
    except FileNotFoundError:
        raise Refused("none") from None
    except NotADirectoryError:
        raise Refused("folder") from None
    except OSError as error:
        raise Refused("error", os.strerror(error.errno or 0)) from None
    answer("folder", top)
    for one in found:
        answer("entry", *one)
    answer("done", b"%d" % count)


def main() -> None:
    """Answer one question."""
    serve(b"list_folder", report)


if __name__ == "__main__":
    main()
