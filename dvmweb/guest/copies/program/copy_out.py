"""Sends a file or folder of this guest as an archive.

In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_PATH (absolute, below ~, or below
the code folder), DVM_FOLDERS ("1": also a folder).
Out: an answer `copy_out` (dvmweb/guest/protocol.py): `ready HOST INSTANCE ID`, `total KIND FILES BYTES`, `archive` and
behind it a tar archive, `skipped NAME REASON`..., `done COUNT` (of what was skipped); or `refused
guest|none|folder|kind|error REASON`. Needs Python 3.9.
"""

from __future__ import annotations

import os

from guest_place import Refused, answer, path_of, serve, who_is_this

from dvmweb.guest.copies.packing import kind_of, pack, survey
from dvmweb.guest.copies.tally import FOLDER, Tally, Unusable


def send() -> None:
    """Answer with the archive."""
    answer("ready", *who_is_this())
    given = os.environb
    top = os.fsdecode(path_of(given[b"DVM_PATH"]))
    tally = Tally()
    try:
        kind, total = kind_of(top), survey(top)
        if kind == FOLDER and given[b"DVM_FOLDERS"] != b"1":
            raise Refused("folder")
        answer("total", kind.encode(), b"%d" % total.files, b"%d" % total.bytes)
        answer("archive")
        with open(1, "wb", closefd=False) as out:
            pack(top, out, tally)
    except FileNotFoundError:
        raise Refused("none") from None
    except Unusable as unusable:
        raise Refused("kind", str(unusable)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused("error", os.strerror(error.errno or 0)) from None
    for name, why in tally.skipped:
        answer("skipped", os.fsencode(name), why.encode())
    answer("done", b"%d" % tally.skipped_count)


def main() -> None:
    """Answer one question."""
    serve(b"copy_out", send)


if __name__ == "__main__":
    main()
