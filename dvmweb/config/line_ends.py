"""Line ends of a text that came back from a form: every line that stayed has the one that it has in the file. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher


def plain(text: str) -> str:
    """`text` with one kind of line end, whatever a browser made of it."""
    return text.replace("\r\n", "\n")


def ended_like(own: str, text: str) -> str:
    """`text` with the line ends of `own`; a line that is not in `own` gets the one that most of its lines have."""
    if plain(text) == plain(own):
        return own
    long = own.count("\r\n")
    short = own.count("\n") - long
    most = "\r\n" if long > short else "\n"
    if not long or not short:
        return plain(text).replace("\n", most)
    lines, old = plain(text).split("\n"), own.split("\n")
    ends = [most] * (len(lines) - 1)  # the last one has none
    # The same comparison as that of the preview: what it shows as unchanged is unchanged to the last byte.
    matcher = SequenceMatcher(None, _lines(plain(own)), _lines(plain(text)))
    for at, to, size in matcher.get_matching_blocks():
        for step in range(min(size, len(old) - 1 - at, len(ends) - to)):
            ends[to + step] = "\r\n" if old[at + step].endswith("\r") else "\n"
    return "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")
