"""The driver: starts the sandbox of one guest, or, where there can be none, a mere process in its place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dvmweb.demo import account, linux, sandbox
from dvmweb.demo.sandbox import GuestUser

OFF = "DVM_DEMO_GUESTS"  # "off" in the environment of a start: no guests, as on a machine without namespaces
IDLE = ("sleep", "2147483647")
MEETING_PLACES = ("/mnt", "/srv", "/media", "/opt")


@dataclass(frozen=True)
class Driver:
    """A started driver."""

    process: subprocess.Popen[bytes]
    pid: int  # the process whose end is the guest's end
    no_guest: str = ""  # why there is no guest


def start(folder: Path, user: GuestUser, hostname: str) -> Driver:
    """Start the sandbox of the instance in `folder`; where that fails, a process without a guest and the reason."""
    reason = obstacle()
    if not reason:
        try:
            return _start_sandbox(folder, user, hostname)
        except (OSError, subprocess.SubprocessError) as error:
            reason = f"Bubblewrap does not work here: {' '.join(str(error).split())}"
    idle = subprocess.Popen(IDLE, stdin=subprocess.DEVNULL, start_new_session=True)
    return Driver(idle, idle.pid, no_guest_sentence(reason))


def obstacle() -> str:
    """What can be told beforehand of why there are no guests on this machine, or ""."""
    if os.environ.get(OFF) == "off":
        return f"{OFF}=off"
    if sys.platform != "linux":
        return "this system has no Linux namespaces"
    if not sandbox.find_bubblewrap():
        return "Bubblewrap (bwrap) is not installed"
    return "" if Path("/bin/bash").exists() else "/bin/bash is missing"


def no_guest_sentence(reason: str) -> str:
    """The one sentence that every attempt to enter gets."""
    way = "`brew install lima`" if sys.platform == "darwin" else _package_command()
    return (
        f"The demo has no guests on this machine ({reason}): get them with {way}, or install Lima (https://lima-vm.io)."
    )


def _package_command() -> str:
    manager = "dnf" if shutil.which("dnf") else "apt-get"
    return f"`sudo {manager} install bubblewrap`"


def _start_sandbox(folder: Path, user: GuestUser, hostname: str) -> Driver:
    guest = folder / "guest"
    owner = account.ordinary(guest)
    if not guest.is_dir():
        guest.mkdir(mode=0o700)
        os.chown(guest, owner.uid, owner.gid)
    bubblewrap = sandbox.find_bubblewrap()
    program = os.open(bubblewrap, os.O_RDONLY | os.O_CLOEXEC)
    root = _meeting_place() if os.geteuid() == 0 else guest
    (info, info_end), (up, up_end) = os.pipe(), os.pipe()
    try:
        process = subprocess.Popen(
            ("bwrap", *sandbox.command_line(root, user, hostname, info=info_end, up=up_end)),
            # Where it may lie below /root, the open file: its path would be closed to the ordinary user.
            executable=bubblewrap if bubblewrap.startswith("/usr/") else f"/proc/self/fd/{program}",
            pass_fds=(info_end, up_end, program),
            preexec_fn=_preparation(guest, root, owner, user, hostname),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": sandbox.PATH},
        )
    finally:
        for descriptor in (info_end, up_end, program):
            os.close(descriptor)
    return Driver(process, _first_pid(info, up, process))


def _meeting_place() -> Path:
    return next((Path(place) for place in MEETING_PLACES if Path(place).is_dir()), Path("/tmp"))  # noqa: S108


def _preparation(guest: Path, root: Path, owner: account.Account, user: GuestUser, hostname: str) -> Callable[[], None]:
    def prepare() -> None:
        if root != guest:  # as root: LIMA_HOME may lie where the ordinary user cannot go
            linux.private_mounts()
            linux.bind(guest, root)
        account.become(owner)
        os.umask(0o022)
        sandbox.build(root, user, hostname)

    return prepare


def _first_pid(info: int, up: int, process: subprocess.Popen[bytes]) -> int:
    with os.fdopen(info) as facts, os.fdopen(up) as signal:
        answer, is_up = facts.read(), signal.read() == "up"
    if is_up:
        return int(json.loads(answer)["child-pid"])
    process.kill()
    _, complaint = process.communicate()
    raise OSError(complaint.decode(errors="replace").strip() or "it ended at once")
