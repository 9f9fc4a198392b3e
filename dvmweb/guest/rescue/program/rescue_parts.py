"""The archive of a rescue: adds files below a folder without following a link, and collects what could not be added."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator
from typing import Any

from rescue_frames import Frames
from work_records import Records

from dvmweb.guest.copies.packing import header, pack_into
from dvmweb.guest.copies.tally import CHUNK, DIRECTORY, MOST_DEPTH, Tally, kind_name

MOST_PROBLEMS = 500  # that are listed; all are counted
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Archive:
    """The archive that is being written."""

    def __init__(self, frames: Frames, records: Records) -> None:
        stream: Any = frames
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK)  # noqa: SIM115
        self.tally = Tally()
        self.problems: list[tuple[str, str]] = []
        self.problem_count = 0
        self.outside: list[str] = []

    def problem(self, place: str, reason: str) -> None:
        """Note something that is not in the archive."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append((place.removeprefix("./"), reason))

    def add(self, top: str, path: str, into: str, links: list[list[str]]) -> None:
        """Add the file `path` below the folder `top` as `into`/`path`; a link goes to `links`, with its target."""
        shown = path if top == "." else f"{top}/{path}"
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            self.problem(shown, "its name has control characters")
            return
        if path.count("/") > MOST_DEPTH - 3:
            self.problem(shown, "it is nested too deeply")
            return
        *folders, name = path.split("/")
        try:
            with _folder(top, folders) as folder:
                facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISLNK(facts.st_mode):
                    links.append([path, os.readlink(name, dir_fd=folder)])
                elif stat.S_ISREG(facts.st_mode):
                    self._add_open(os.open(name, OPEN_FILE, dir_fd=folder), f"{into}/{path}", shown)
                else:
                    self.problem(shown, f"it is {kind_name(facts.st_mode)}")
        except OSError as error:
            self.problem(shown, f"it cannot be read: {os.strerror(error.errno or 0)}")

    def _add_open(self, file: int, into: str, shown: str) -> None:
        before = self.tally.skipped_count
        try:
            pack_into(self._tar, into, file, self.tally)
        finally:
            os.close(file)
        if self.tally.skipped_count > before:
            self.problem(shown, "it changed while it was read")

    def add_file(self, path: str, into: str) -> None:
        """Add a file of our own."""
        self._add_open(os.open(path, OPEN_FILE), into, into)

    def add_json(self, into: str, value: object) -> None:
        """Add a value as a JSON file."""
        data = json.dumps(value, indent=1).encode()
        self._tar.addfile(header(into, len(data), is_program=False, changed=0), io.BytesIO(data))

    def close(self) -> None:
        """Write the end of the archive."""
        self._tar.close()


@contextlib.contextmanager
def _folder(top: str, folders: list[str]) -> Iterator[int]:
    """A descriptor of a folder below `top`, over no link."""
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folders:
            inner = os.open(name, DIRECTORY, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)
