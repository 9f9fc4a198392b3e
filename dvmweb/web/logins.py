"""One-use login tokens: made by `dvm web`, kept as hashes in the state folder, good for five minutes."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path

from dvmweb.errors import UsageError
from dvmweb.files import digest, private_folder, read_bounded, write_whole

LOGIN_SECONDS = 300
_HASH = re.compile(r"[0-9a-f]{64}")


def boot_seconds() -> float:
    """Seconds since the start of the computer, sleep included; the wall clock has no part in it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS: its monotonic clock counts sleep
    return time.clock_gettime(clock)


def hashed(secret: str) -> str:
    """What is stored of a secret: SHA-256 in hex. Any text is taken, also what a form cannot really send."""
    return digest(secret.encode("utf-8", "surrogatepass"))


def issue(folder: Path, now: float) -> str:
    """Make a login token. A file of its own: another process can make one for the dashboard that runs.

    The token is the only copy; the file holds its hash (as its name) and its end in boot seconds.
    """
    token = secrets.token_urlsafe(32)
    place = private_folder(folder / "logins")
    _forget_old(place, now)
    write_whole(place / hashed(token), repr(now + LOGIN_SECONDS).encode())
    return token


def redeem(folder: Path, token: str, now: float) -> bool:
    """Say whether the token was good until now; it is used up by this."""
    place = folder / "logins"
    asked = hashed(token)
    found = [path for path in _issued(place) if compare_digest(path.name.encode(), asked.encode())]
    for path in found:
        end = _end(path)
        try:
            path.unlink()
        except FileNotFoundError:  # somebody else used it a moment ago
            return False
        return now <= end
    return False


def forget_all(folder: Path) -> None:
    """Make every token void."""
    for path in _issued(folder / "logins"):
        path.unlink(missing_ok=True)


def _issued(place: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return [path for path in place.iterdir() if _HASH.fullmatch(path.name)]
    return []


def _end(path: Path) -> float:
    with suppress(FileNotFoundError, ValueError, UsageError):
        return float(read_bounded(path, 64, follow=False))
    return 0.0


def _forget_old(place: Path, now: float) -> None:
    for path in _issued(place):
        if not now <= _end(path) <= now + LOGIN_SECONDS:  # over, or of an earlier start of the computer
            path.unlink(missing_ok=True)
