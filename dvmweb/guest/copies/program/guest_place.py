"""What the programs of a copy share in a guest: the answer, who answers, folders that another user can write."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

O_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
EVERY = 5.0  # seconds between two signs of life
MOST_LINKS = 20  # in the path of a folder


class Refused(Exception):
    """Nothing is copied; the arguments are the fields of the answer: a word for the reason, and what belongs to it."""


def write_all(file: int, data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def answer(tag: str, *fields: bytes) -> None:
    write_all(1, b"".join(field + b"\0" for field in (tag.encode(), b"%d" % len(fields), *fields)))


@contextlib.contextmanager
def signs_of_life(sign: Callable[[], None]) -> Iterator[None]:
    """Give a sign every few seconds, so that a long step is not taken for a stop; it ends with the answer."""
    is_over = threading.Event()

    def repeat() -> None:
        with contextlib.suppress(OSError):
            while not is_over.wait(EVERY):
                sign()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def serve(kind: bytes, act: Callable[..., None], *, takes_stream: bool = False) -> None:
    """Answer one question of this kind: what `act` answers, or why it refused, between the header and the end.

    With `takes_stream`, `act` is given the pipe `stream`; the bootstrap waits until it is opened.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    nonce = os.environb[b"DVM_NONCE"]
    with contextlib.suppress(BrokenPipeError), contextlib.ExitStack() as opening:
        given = (opening.enter_context(open("stream", "rb", buffering=0)),) if takes_stream else ()
        for field in (b"dvm-answer", kind, b"1", nonce):
            write_all(1, field + b"\0")
        try:
            act(*given)
        except Refused as refused:
            answer("refused", *(one if isinstance(one, bytes) else str(one).encode() for one in refused.args))
        answer("end", nonce)


def who_is_this() -> tuple[bytes, bytes, bytes]:
    """Hostname, instance and id of this guest. Raises Refused for another VM: ssh to a clone can reach its origin."""
    given = os.environb
    place = given.get(b"DVM_ROOT", b"") + b"/etc/dvm/identity"
    line = b""
    with contextlib.suppress(OSError):
        file = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if stat.S_ISREG(os.fstat(file).st_mode):
            line = os.read(file, 200).partition(b"\n")[0]
        os.close(file)
    found = re.fullmatch(rb"([a-z][a-z0-9-]{0,75}) ([0-9a-f]{32})", line)
    if not found:
        raise Refused("guest")
    is_this = (os.uname().nodename.encode(), found[1], found[2])
    if is_this != (given[b"DVM_HOST"], given[b"DVM_INSTANCE"], given[b"DVM_ID"] or found[2]):
        raise Refused("guest")
    return is_this


def opened(path: bytes) -> int:
    """A descriptor of a folder. Follows a link in the path only if no other user can have made it."""
    place, links = os.open("/", O_PLACE), 0
    parts = path.split(b"/")[::-1]
    while parts:
        name = parts.pop()
        try:
            inner = os.open(name or b".", O_PLACE, dir_fd=place)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            leads_to = trusted_link(place, name)
            links += 1
            if links > MOST_LINKS:
                raise Refused("folder") from None
            inner = os.open("/", O_PLACE) if leads_to.startswith(b"/") else os.dup(place)
            parts += leads_to.split(b"/")[::-1]
        os.close(place)
        place = inner
    return place


def trusted_link(place: int, name: bytes) -> bytes:
    """The target of a link. Raises Refused unless only root or this user can have made it."""
    around, ours = os.fstat(place), (0, os.geteuid())
    facts = os.stat(name, dir_fd=place, follow_symlinks=False)
    if not stat.S_ISLNK(facts.st_mode):
        raise Refused("folder")
    if facts.st_uid not in ours or around.st_uid not in ours or around.st_mode & 0o022:
        raise Refused("link")
    return os.readlink(name, dir_fd=place)


def shown(place: int, home: bytes) -> bytes:
    """The path of the folder, with ~ for the home folder."""
    folder, home = os.readlink(b"/proc/self/fd/%d" % place), os.path.realpath(home)
    return b"~" + folder[len(home) :] if folder == home or folder.startswith(home + b"/") else folder


def stop(number: int, _frame: object) -> NoReturn:
    """Clean up and exit. The connection and the bootstrap each send a signal; the second must not stop the clean-up."""
    for other in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def path_of(given: bytes) -> bytes:
    """The absolute path that a user means: below ~, or below the code folder (home folder where that is missing)."""
    home, code = os.environb[b"HOME"], os.environb[b"DVM_CODE_DIR"]
    if given == b"~" or given.startswith(b"~/"):
        return home + given[1:]
    return os.path.join(code if os.path.isdir(code) else home, given)
