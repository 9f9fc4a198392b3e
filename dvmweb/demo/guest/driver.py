"""Starts the sandbox of one guest, or an idle process in its place if this host cannot have one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.demo.guest import account, linux, refusal, sandbox
from dvmweb.demo.guest.refusal import Refusal
from dvmweb.demo.guest.sandbox import GuestUser

OFF = "DVM_DEMO_GUESTS"  # "off" in the environment of a start: no guests, as on a host without namespaces
IDLE = ("sleep", "2147483647")
MEETING_PLACES = ("/mnt", "/srv", "/media", "/opt")
SPARE_PLACES = ("/var/tmp", "/tmp")  # noqa: S108  (mounted over in a private namespace, never written to)


@dataclass(frozen=True)
class Driver:
    """A started driver."""

    process: subprocess.Popen[bytes]
    pid: int  # the guest ends with this process
    no_guest: str = ""  # why there is no guest


def start(folder: Path, user: GuestUser, hostname: str) -> Driver:
    """Start the sandbox of the instance in `folder`; if that fails, an idle process with the reason."""
    refused = obstacle()
    if refused is None:
        try:
            return _start_sandbox(folder, user, hostname)
        except (OSError, subprocess.SubprocessError) as error:
            refused = refusal.of_bubblewrap(str(error))
    idle = subprocess.Popen(IDLE, stdin=subprocess.DEVNULL, start_new_session=True)
    return Driver(idle, idle.pid, refused.sentence())


def obstacle() -> Refusal | None:
    """Why this host cannot have guests, as far as it is known before a start."""
    if os.environ.get(OFF) == "off":
        return Refusal(f"{OFF}=off")
    if sys.platform != "linux":
        return refusal.not_linux()
    if not sandbox.find_bubblewrap():
        return refusal.no_bubblewrap()
    return None if Path("/bin/bash").exists() else Refusal("/bin/bash is missing")


def _start_sandbox(folder: Path, user: GuestUser, hostname: str) -> Driver:
    guest = folder / "guest"
    owner = account.ordinary(guest)
    if not guest.is_dir():
        guest.mkdir(mode=0o700)
        os.chown(guest, owner.uid, owner.gid)
    places = _places(guest)
    (info, info_end), (up, up_end) = os.pipe(), os.pipe()
    try:
        process = subprocess.Popen(
            ("bwrap", *sandbox.command_line(places.root, user, hostname, info=info_end, up=up_end)),
            executable=places.program,
            pass_fds=(info_end, up_end),
            preexec_fn=_preparation(guest, places, owner, user, hostname),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": sandbox.PATH},
        )
    finally:
        for descriptor in (info_end, up_end):
            os.close(descriptor)
    return Driver(process, _first_pid(info, up, process))


@dataclass(frozen=True)
class _Places:
    """The paths of the guest's files and of Bubblewrap."""

    root: Path
    program: Path
    copy_folder: Path | None = None  # the folder of a copy of Bubblewrap that an ordinary user can read
    copies: Mapping[str, bytes] = field(default_factory=dict)  # its files, by relative path


def _places(guest: Path) -> _Places:
    """For root, paths that the unprivileged user can reach: LIMA_HOME and bwrap may be below /root."""
    program = Path(sandbox.find_bubblewrap())
    if os.geteuid() != 0:
        return _Places(guest, program)
    root, copy_folder = [Path(place) for place in (*MEETING_PLACES, *SPARE_PLACES) if Path(place).is_dir()][:2]
    if program.is_relative_to("/usr"):
        return _Places(root, program)
    # Read them now: a new mount can hide them.
    copies = {name: path.read_bytes() for name, path in sandbox.parts_of(program).items()}
    return _Places(root, copy_folder / next(iter(copies)), copy_folder, copies)


def _preparation(
    guest: Path, places: _Places, owner: account.Account, user: GuestUser, hostname: str
) -> Callable[[], None]:
    def prepare() -> None:
        try:
            _prepare(guest, places)
            account.become(owner)
            sandbox.build(places.root, user, hostname)
        except OSError as error:  # this fails before Bubblewrap can report it
            os.write(2, str(error).partition("] ")[2].encode())
            os._exit(1)

    return prepare


def _prepare(guest: Path, places: _Places) -> None:
    os.umask(0o022)
    if places.root != guest:
        linux.private_mounts()
        linux.bind(guest, places.root)
    if places.copy_folder:
        linux.memory(places.copy_folder)
        for name, content in places.copies.items():
            copy = places.copy_folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            copy.chmod(0o755)


def _first_pid(info: int, up: int, process: subprocess.Popen[bytes]) -> int:
    with os.fdopen(info) as facts, os.fdopen(up) as signal:
        answer, is_up = facts.read(), signal.read() == "up"
    if is_up:
        return int(json.loads(answer)["child-pid"])
    process.kill()
    _, complaint = process.communicate()
    raise OSError(complaint.decode(errors="replace").strip() or "it ended immediately")
