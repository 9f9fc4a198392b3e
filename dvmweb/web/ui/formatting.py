"""Numbers, times and names as the pages show them. Pure."""

from __future__ import annotations

from datetime import datetime

from dvmweb.ages import STEP

GIB = 1 << 30


def steady(now: float) -> float:
    """Round a time down to 10 s, so that the list stays the same for that long."""
    return now // STEP * STEP


def duration(seconds: float) -> str:
    """Format seconds: 41 s, 3 min 41 s, 2 h 5 min."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def day(at: float) -> str:
    """Format a time as the day in the host's time zone: 2026-12-14."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d")


def clock(seconds: float) -> str:
    """Format seconds as a clock: 1:48."""
    whole = max(0, int(seconds))
    hours = f"{whole // 3600}:{whole % 3600 // 60:02d}" if whole >= 3600 else str(whole // 60)
    return f"{hours}:{whole % 60:02d}"


def size(size_bytes: int) -> str:
    """Format bytes as GiB, or MiB if small; ? for 0, which means not known."""
    if not size_bytes:
        return "?"
    return f"{round(size_bytes / GIB, 1):g} GiB" if size_bytes >= GIB // 10 else f"{max(1, size_bytes >> 20)} MiB"


def short_repo(repo: str) -> str:
    """Shorten a repository to host/owner/name."""
    word = repo.removeprefix("ssh://").removeprefix("https://").removeprefix("git@").removesuffix(".git")
    return word.replace(":", "/", 1) if repo.startswith("git@") else word


def element_id(name: str) -> str:
    """Return a name as an element id; other characters become underscores."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter == "-") else "_" for letter in name)[:80]


def count(number: int, one: str, more: str) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else more}"


def needs_you(number: int) -> str:
    """Return the number of terminals that wait for the user, in words."""
    return f"{number} waiting for you"


def capital(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
