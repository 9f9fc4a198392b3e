"""Numbers, times and names in the words of the pages. Pure."""

from __future__ import annotations

from dvmweb.jobs import stored

GIB = 1 << 30
STEP = 10  # seconds: ages move in steps, so that a page that did not change is not sent again each second


def age(at: float, now: float) -> str:
    """How long ago in words, in steps of ten seconds."""
    return "just now" if -stored.AHEAD <= now - at < STEP else stored.age(at, now)


def steady(now: float) -> float:
    """The time as the list uses it: the same for ten seconds."""
    return now // STEP * STEP


def duration(seconds: float) -> str:
    """A span in words: 41 s, 3 min 41 s, 2 h 5 min."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clock(seconds: float) -> str:
    """A span as a step's clock: 1:48."""
    whole = max(0, int(seconds))
    hours = f"{whole // 3600}:{whole % 3600 // 60:02d}" if whole >= 3600 else str(whole // 60)
    return f"{hours}:{whole % 60:02d}"


def size(size_bytes: int) -> str:
    """GiB as people write them (MiB for little), ? where it is not known."""
    if not size_bytes:
        return "?"
    return f"{round(size_bytes / GIB, 1):g} GiB" if size_bytes >= GIB // 10 else f"{max(1, size_bytes >> 20)} MiB"


def short_repo(repo: str) -> str:
    """A repository as people say it: host/owner/name."""
    word = repo.removeprefix("ssh://").removeprefix("https://").removeprefix("git@").removesuffix(".git")
    return word.replace(":", "/", 1) if repo.startswith("git@") else word


def element_id(name: str) -> str:
    """A name as it may stand in an id: odd characters of an instance that is not ours become underscores."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter == "-") else "_" for letter in name)[:80]


def count(number: int, one: str, more: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else more}"


def needs_you(number: int) -> str:
    """So many terminals need somebody."""
    return f"{number} {'needs' if number == 1 else 'need'} you"


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
