"""Streams a file or a folder of a guest to the browser; the response is cut off where the copy is incomplete."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import quote

from flask import Response
from werkzeug.http import dump_options_header

from dvmweb.errors import DvmError
from dvmweb.verbs.copies import GuestPath, copy_out
from dvmweb.verbs.uploads import Slots
from dvmweb.verbs.vms import Vms

PIECE = 65536
LONGEST_NAME = 200  # characters of the name that the browser is given


class Download:
    """One copy on its way to the browser."""

    def __init__(self, vms: Vms, source: GuestPath, slots: Slots) -> None:
        self._vms, self._source, self._slots = vms, source, slots
        self._error: BaseException | None = None
        ours, theirs = os.pipe()
        self._stream = open(ours, "rb", buffering=0)  # noqa: PTH123, SIM115
        self._thread = threading.Thread(target=self._run, args=(theirs,), name="download", daemon=True)

    def _run(self, descriptor: int) -> None:
        try:
            with open(descriptor, "wb") as out, self._slots.slot(self._source.vm):
                copy_out(self._vms, self._source, out, is_recursive=True, is_listed=True)
        except BaseException as error:
            self._error = error

    def start(self) -> Iterator[bytes]:
        """The bytes, once the first of them is here. Raises the DvmError of a copy that could not begin."""
        self._thread.start()
        first = self._stream.read(PIECE)
        if not first:
            self._thread.join()
            self._stream.close()
            if self._error is not None:
                raise self._error
        return self._pieces(first)

    def _pieces(self, first: bytes) -> Iterator[bytes]:
        """Raises ConnectionError where the copy is incomplete: the browser must not take it for complete."""
        try:
            data = first
            while data:
                yield data
                data = self._stream.read(PIECE)
        finally:
            self._stream.close()  # a browser that has gone ends the copy
            self._thread.join()
        if self._error is not None:
            what = self._error.what if isinstance(self._error, DvmError) else "internal error"
            raise ConnectionError(f"the download was cut off: {what}") from self._error


def response(vms: Vms, source: GuestPath, slots: Slots, *, is_folder: bool) -> Response:
    """The download of a file as it is, or of a folder as a tar archive. Raises DvmError."""
    name = safe_name(source.path) + (".tar" if is_folder else "")
    answer = Response(Download(vms, source, slots).start(), mimetype="application/octet-stream")
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    names = {"filename": ascii_name, "filename*": f"UTF-8''{quote(name, safe='')}"}
    answer.headers["Content-Disposition"] = dump_options_header("attachment", names)
    return answer


def safe_name(path: str) -> str:
    """The last part of a path without control and format characters, which could hide its ending."""
    name = PurePosixPath(path).name[:LONGEST_NAME]
    plain = "".join("_" if unicodedata.category(one)[0] == "C" or one in '/\\:"' else one for one in name)
    return plain.strip(". ") or "download"
