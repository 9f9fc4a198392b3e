"""Sends the work of this guest's code folder as one archive. Only reads; runs no code of a repository.

In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_NAME (of the VM), and the limits
of the unsaved-work check (DVM_WORK_...), whose modules find the repositories and call Git.
Out: an answer `rescue_out` (dvmweb/guest/protocol.py): `ready HOST INSTANCE ID`, `archive`, behind it the archive in
frames (rescue_frames.py), then `problem PLACE REASON`... (what is not in the archive), `outside PATH`... (repositories
outside the code folder, not in it), `done REPOSITORIES LOOSE PROBLEMS`; or `refused guest|folder|root|room REASON`.
The archive: rescue.json, a folder for each repository (rescue_repository.py), and `loose/`. Needs Python 3.10.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile

# Isolated mode leaves the script's folder out of sys.path; the folder is private to this user.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest_place import Refused, answer, serve, who_is_this
from rescue_frames import Frames, ticking
from rescue_parts import Archive
from rescue_repository import rescue_repositories
from work_check import bare_query
from work_found import Found
from work_git import find_git
from work_loose import files_below, starts_below
from work_outside import report_outside
from work_records import Records, Setting

LEAST_ROOM = 64 << 20  # bytes


def rooms(home: str) -> list[str]:
    """Where large temporary files can be, the one with the most space first."""
    found = []
    for place in dict.fromkeys((home, "/var/tmp", "/tmp", "/dev/shm")):
        with contextlib.suppress(OSError):
            facts = os.statvfs(place)
            if os.access(place, os.W_OK):
                found.append((facts.f_bavail * facts.f_frsize, place))
    return [place for free, place in sorted(found, reverse=True) if free > LEAST_ROOM]


def new_room(home: str) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder for Git's files. Raises Refused."""
    for place in rooms(home):
        with contextlib.suppress(OSError):
            return tempfile.TemporaryDirectory(prefix=".dvm-rescue-", dir=place)
    raise Refused("room", b"no folder has enough free space for temporary files")


def send(environment: dict[str, str]) -> None:
    """Answer with the archive."""
    answer("ready", *who_is_this())
    code = environment["DVM_CODE_DIR"]
    if os.geteuid() == 0 and environment.get("DVM_WORK_AS_ROOT") != "1":
        raise Refused("root")
    try:
        os.chdir(code)
        os.listdir(".")
    except OSError as error:
        raise Refused("folder", os.strerror(error.errno or 0).encode()) from None
    with new_room(environment.get("HOME", "/")) as work:
        os.mkdir(f"{work}/empty")
        records = Records()
        answer("archive")
        frames = Frames(1)
        with ticking(frames, Setting(environment)):
            archive = Archive(frames, records)
            repositories, loose = pack_all(environment, work, archive, records)
            archive.close()
        frames.end()
    for place, reason in archive.problems:
        answer("problem", os.fsencode(place)[:4096], reason.encode("utf-8", "surrogateescape")[:1000])
    for path in archive.outside:
        answer("outside", os.fsencode(path)[:4096])
    answer("done", *(b"%d" % count for count in (repositories, loose, archive.problem_count)))


def pack_all(environment: dict[str, str], work: str, archive: Archive, records: Records) -> tuple[int, int]:
    """Pack the whole code folder; the numbers of repositories and of loose files, with links."""
    setting = Setting(environment)
    records.problem = archive.problem  # type: ignore[method-assign]  # all of them, with no limit on their number
    git = find_git(environment, setting, work, records)
    found = Found(records, setting, bare_query(git, work))
    found.find()
    for path, owner in found.walk.unseen.items():
        archive.problem(path, f"this folder cannot be read (owner: {owner})")
    facts = rescue_repositories(found, git, work, archive, environment) if git else []
    loose: list[list[str]] = []
    before = archive.tally.files
    for path, _ in files_below(starts_below(".", found), found):
        archive.add(".", path.removeprefix("./"), "loose", loose)
    read = {one.path for one in found.repositories} if git else set()
    for top in sorted(found.tops - read - set(found.stores)):
        for path, _ in files_below([top], found, frozenset()):  # its .git was reported
            if "/.git/" not in f"{path}/":
                archive.add(".", path.removeprefix("./"), "loose", loose)
    about = Records()
    names = report_outside(environment.get("HOME", ""), found, about)[:-1]
    archive.outside += names
    archive.add_json(
        "rescue.json",
        {
            "version": 1,
            "vm": environment.get("DVM_NAME", ""),
            "repositories": facts,
            "loose_links": loose,
            "problems": [list(one) for one in archive.problems],
            "outside": names,
        },
    )
    return len(facts), archive.tally.files - before + len(loose)


def main() -> None:
    """Answer one question."""
    os.umask(0o077)
    serve(b"rescue_out", lambda: send(dict(os.environ)))


if __name__ == "__main__":
    main()
