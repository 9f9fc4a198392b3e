"""One-use login tokens: issued by `dvm web`, stored as hashes in the state folder, valid for five minutes."""

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
    """Seconds since the host booted, including sleep; independent of the wall clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS: its monotonic clock counts sleep
    return time.clock_gettime(clock)


def hashed(secret: str) -> str:
    """The stored form of a secret: SHA-256 in hex. Accepts any text, including lone surrogates."""
    return digest(secret.encode("utf-8", "surrogatepass"))


def issue(folder: Path, now: float) -> str:
    """Create a login token, as a file: so another process can issue one for the running dashboard.

    The file's name is the hash of the token and its content the expiry in boot seconds; the token itself is not stored.
    """
    token = secrets.token_urlsafe(32)
    place = private_folder(folder / "logins")
    _forget_old(place, now)
    write_whole(place / hashed(token), repr(now + LOGIN_SECONDS).encode())
    return token


def redeem(folder: Path, token: str, now: float) -> bool:
    """Use up a token and return whether it was valid."""
    place = folder / "logins"
    wanted = hashed(token)
    found = [path for path in _issued(place) if compare_digest(path.name.encode(), wanted.encode())]
    for path in found:
        end = _end(path)
        try:
            path.unlink()
        except FileNotFoundError:  # it was used a moment ago
            return False
        return now <= end
    return False


def forget_all(folder: Path) -> None:
    """Delete all tokens."""
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
        if not now <= _end(path) <= now + LOGIN_SECONDS:  # expired, or from before the host's last boot
            path.unlink(missing_ok=True)
