"""`limactl copy`: copies files into and out of a guest, with scp's rules for names."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dvmweb.demo import store
from dvmweb.demo.guest.entering import LOST, Guest, Order, run_apart
from dvmweb.demo.guest.shell import guest_of, instance_for
from dvmweb.demo.logs import Fatal, Log, Plain
from dvmweb.demo.options import Call

# The scripts get names as $1 and $2, so no name is parsed as shell code.
_IS_FOLDER = '[ -d "$1" ]'
_TAKE_FILE = """to=$1; [ ! -d "$to" ] || to=${to%/}/$2
{ cat >"$to" && chmod "$3" "$to"; } 2>/dev/null
"""
_GIVE_FILE = '[ -f "$1" ] || exit 3; exec cat -- "$1"'
_EXISTS = '[ -e "$1" ]'
_TAKE_FOLDER = 'mkdir -p -- "$1" && exec tar -C "$1" -xf - --no-same-owner'
_GIVE_FOLDER = 'cd -- "$1" && exec tar -ch --hard-dereference -f - .'  # as scp does: the target of a link, not the link


@dataclass(frozen=True)
class End:
    """One side of a copy: a path, in a guest or (name "") on the host."""

    name: str
    path: str


def copy(call: Call, home: Path, log: Log) -> int:
    """`limactl copy [-r] SRC... TARGET`; exit codes are scp's."""
    if len(call.words) < 2:
        raise Fatal(f"`limactl copy` requires at least 2 arg(s), only received {len(call.words)}")
    *sources, target = (_end(word) for word in call.words)
    guests = {end.name: guest_of(instance_for(home, end.name), log) for end in (*sources, target) if end.name}
    if len(guests) != 1:
        raise Fatal("the demo engine copies between the host and one guest")
    for source in sources:
        if target.name and not source.name:
            _copy_in(guests[target.name], source.path, target.path, recursive=call.has("recursive"))
        elif source.name and not target.name:
            _copy_out(guests[source.name], source.path, target.path, recursive=call.has("recursive"))
        else:
            raise Fatal("the demo engine copies between the host and one guest")
    return 0


def _end(word: str) -> End:
    name, colon, path = word.partition(":")
    return End(store.check_name(name), path or ".") if colon else End("", word)


def _run(guest: Guest, script: str, *words: str, stdin: int | None = None, stdout: int | None = None) -> int:
    quiet = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    order = Order(("sh", "-c", script, "scp", *words), program="/bin/sh")
    try:
        return run_apart(guest, order, quiet if stdin is None else stdin, quiet if stdout is None else stdout)
    finally:
        os.close(quiet)


def _fail(message: str, code: int = 1) -> Plain:
    return Plain("\n".join(f"/usr/bin/scp: {line}" for line in message.splitlines()), code)


def _copy_in(guest: Guest, source: str, target: str, *, recursive: bool) -> None:
    here = Path(source)
    if not here.exists():
        raise _fail(f'stat local "{source}": No such file or directory', LOST)
    if here.is_dir():
        if not recursive:
            raise _fail(f'local "{source}" is not a regular file\nfailed to upload file {source} to {target}')
        _folder_in(guest, here, target)
        return
    mode = f"{here.stat().st_mode & 0o777:o}"
    with here.open("rb") as file:
        if _run(guest, _TAKE_FILE, target, here.name, mode, stdin=file.fileno()):
            raise _fail(f'dest open "{target}": Permission denied\nfailed to upload file {source} to {target}')


def _folder_in(guest: Guest, here: Path, target: str) -> None:
    is_inside = _run(guest, _IS_FOLDER, target) == 0
    goal = f"{target.rstrip('/')}/{here.resolve().name}" if is_inside else target
    with subprocess.Popen(("tar", "-C", str(here), "-cf", "-", "."), stdout=subprocess.PIPE) as packer:
        assert packer.stdout is not None  # noqa: S101  (it was asked for)
        code = _run(guest, _TAKE_FOLDER, goal, stdin=packer.stdout.fileno())
    if code or packer.returncode:
        raise _fail(f"failed to upload directory {here} to {target}")


def _copy_out(guest: Guest, source: str, target: str, *, recursive: bool) -> None:
    if _run(guest, _EXISTS, source):
        raise _fail(f"{source}: No such file or directory")
    goal = Path(target)
    if goal.is_dir():
        goal = goal / os.path.basename(source.rstrip("/"))  # noqa: PTH119
    if _run(guest, _IS_FOLDER, source) == 0:
        if not recursive:
            raise _fail(f"download {source}: not a regular file")
        _folder_out(guest, source, goal)
        return
    try:
        with goal.open("wb") as file:
            code = _run(guest, _GIVE_FILE, source, stdout=file.fileno())
    except OSError as error:
        raise _fail(f'open local "{goal}": {error.strerror}') from error
    if code:
        raise _fail(f'remote open "{source}": Permission denied')


def _folder_out(guest: Guest, source: str, goal: Path) -> None:
    goal.mkdir(exist_ok=True)
    theirs, ours = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        os._exit(_run(guest, _GIVE_FOLDER, source, stdout=ours))
    os.close(ours)
    try:
        with os.fdopen(theirs, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                _unpack(archive, member, goal)
    except (tarfile.TarError, OSError) as error:
        raise _fail(f"download {source}: {error}") from error
    finally:
        _, status = os.waitpid(child, 0)
    if status:
        raise _fail(f"download {source}: failed")


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, goal: Path) -> None:
    # The archive comes from the guest: accept only plain files and folders below the goal.
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isreg() or member.isdir()):
        raise tarfile.TarError(f"{member.name!r} is not a plain file or folder")
    place = goal / name
    if member.isdir():
        place.mkdir(exist_ok=True)
        return
    content = archive.extractfile(member)
    assert content is not None  # noqa: S101  (it is a regular file)
    place.unlink(missing_ok=True)
    with content, place.open("xb") as file:
        shutil.copyfileobj(content, file)
    place.chmod(member.mode & 0o777)
