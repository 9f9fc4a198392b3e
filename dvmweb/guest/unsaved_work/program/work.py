"""The unsaved-work check: reports what a delete of this VM would lose. Only reads; runs no code of a repository.

Input: DVM_NONCE, DVM_CODE_DIR (absolute). Runs as an ordinary user. Output: answer "work" (dvmweb/guest/protocol.py):
  identity NAME ID · checked REQUESTED RESOLVED · skipped ignored|loose NAME...
  problem PLACE REASON                with one or more of these the check has failed; it is never "clean"
  unseen PATH OWNER                   a folder that cannot be read, and its owner
  repository PATH KIND BRANCH         KIND worktree|submodule|linked|bare|gitdir; followed by its facts:
    conflicts|staged|unstaged|untracked|ignored|hidden COUNT NAME... · operation NAME · locked · stashes N
    no-remote · local-remote NAME · unpushed N · unknown N (a push would not be recorded here) · commit ID SUBJECT
    branch NAME N · unsure NAME N narrow|no-refspec|mirror REMOTE BRANCH-THERE
  loose COUNT BYTES NAME... · outside COUNT PATH... (repositories that were not checked) · outside-cut
  digest SHA256 (over all names, also those that are not listed) · end
A missing count is 0. Commits and stashes of linked work trees are reported once, with one of them.
docs/reference/unsaved-work-check.md lists the known layouts of Git.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from types import FrameType

LEAST_PYTHON = (3, 9)
# Isolated mode leaves the script's folder out of sys.path; the folder is private to this user.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from work_address import Addresses  # noqa: E402
from work_check import Check, bare_query  # noqa: E402
from work_file import read_plain  # noqa: E402
from work_found import Found  # noqa: E402
from work_git import Git, find_git  # noqa: E402
from work_loose import REMADE as REMADE_LOOSE  # noqa: E402
from work_loose import find_loose  # noqa: E402
from work_outside import report_outside  # noqa: E402
from work_records import Records, Setting, raw  # noqa: E402
from work_repository import check_repository  # noqa: E402
from work_status import REMADE  # noqa: E402


def main(environment: dict[str, str]) -> bytes:
    """The whole answer."""
    nonce = environment["DVM_NONCE"].encode()
    records = Records()
    records.add("identity", *_identity(environment.get("DVM_IDENTITY_FILE", "/etc/dvm/identity")))
    code = environment.get("DVM_CODE_DIR", "")
    if os.geteuid() == 0 and environment.get("DVM_WORK_AS_ROOT") != "1":
        records.problem(code, "the check must not run as root")
    elif sys.version_info < LEAST_PYTHON:
        records.problem("python3", "python3 is older than 3.9: install a newer package python3 in the guest")
    elif not _enter(code):
        records.problem(code, "the folder does not exist or cannot be opened")
    else:
        work = _room(environment)
        if work:
            try:
                os.mkdir(f"{work}/empty")
                _check_code_folder(code, work, environment, records)
            finally:
                _remove(work)
        else:
            records.problem(code, "a temporary folder could not be created")
    records.add("end", nonce)
    return b"dvm-answer\0work\0001\0" + nonce + b"\0" + records.data()


def _identity(file: str) -> tuple[str, str]:
    try:
        words = os.fsdecode(read_plain(file, 300).split(b"\n", 1)[0]).split()
    except OSError:
        words = []  # another guest, or none of dvm's: the host rejects the answer
    return (words[0], " ".join(words[1:])) if words else ("", "")


def _enter(code: str) -> bool:
    try:
        if not os.path.isabs(code):
            return False
        os.chdir(code)
        os.listdir(".")
    except OSError:
        return False
    return True


def _room(environment: dict[str, str]) -> str:
    """A new temporary folder, "" if none can be created."""
    for parent in environment.get("DVM_WORK_ROOM", f"/dev/shm:{environment.get('TMPDIR', '')}:/tmp").split(":"):
        work = f"{parent}/dvm-work-{os.urandom(8).hex()}"
        try:
            os.mkdir(work, 0o700)
        except OSError:
            continue  # try the next one
        return work
    return ""


def _remove(work: str) -> None:
    for folder, folders, files in os.walk(work, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        for name in folders:
            os.rmdir(os.path.join(folder, name))
    os.rmdir(work)


def _check_code_folder(code: str, work: str, environment: dict[str, str], records: Records) -> None:
    setting = Setting(environment)
    root = os.path.realpath(".")
    records.add("checked", raw(code)[:4096], raw(root)[:4096])
    records.add("skipped", "ignored", *REMADE)
    records.add("skipped", "loose", *REMADE_LOOSE)
    git = find_git(environment, setting, work, records)
    about = Records()  # about the whole check; among a repository's records they would be taken for its facts
    found = Found(about, setting, bare_query(git, work))
    found.find()
    checks = _check_all(found, git, Addresses(environment), work) if git else []
    loose = find_loose(found, {check.path for check in checks if check.kept_by_parent})
    unseen = found.report_unseen()
    outside = report_outside(environment.get("HOME", ""), found, about)
    loose.report(about)
    for part in _whole(checks, records, about, setting):
        records.extend(part)
    digest = hashlib.sha256()
    for facts in (*(check.facts for check in checks), [loose.facts()], unseen, outside):
        digest.update(b"".join(raw(fact) + b"\0" for fact in facts))
    about.add("digest", digest.hexdigest())
    records.extend(about.data())


def _whole(checks: list[Check], records: Records, about: Records, setting: Setting) -> list[bytes]:
    """The records of the repositories, up to the size limit."""
    parts, size = [], records.size + about.size
    for check in checks:
        size += check.records.size
        if size > setting.answer_bytes:
            about.problem(".", "the report is too long: some repositories are missing")
            break
        parts.append(check.records.data())
    return parts


def _check_all(found: Found, git: Git, addresses: Addresses, work: str) -> list[Check]:
    """Check all repositories, with one thread per processor and one more; Git does the work in its own processes."""
    checks = [Check(one, found, git, addresses, work) for one in found.repositories]
    left = iter(checks)
    turn = threading.Lock()

    def take() -> None:
        while True:
            with turn:
                check = next(left, None)
            if check is None:
                return
            _check_one(check, git.setting)

    threads = [
        threading.Thread(target=take, daemon=True) for _ in range(min(len(checks), 1 + len(os.sched_getaffinity(0))))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return checks


def _check_one(check: Check, setting: Setting) -> None:
    if setting.is_over():
        check.records.problem(check.path, "not checked: the time limit was reached")
        return
    try:
        check_repository(check)
    except Exception as error:  # any error makes the check incomplete
        check.records.problem(check.path, f"the check stopped with {type(error).__name__}: {error}")


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)  # the temporary folder is removed


if __name__ == "__main__":
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    os.umask(0o077)
    sys.stdout.buffer.write(main(dict(os.environ)))
