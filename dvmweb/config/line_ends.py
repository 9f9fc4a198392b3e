"""The line ends of a text from a form: unchanged lines keep the line end that they have in the file. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher


def plain(text: str) -> str:
    """The text with Unix line ends."""
    return text.replace("\r\n", "\n")


def ended_like(own: str, text: str) -> str:
    """The text with the line ends of `own`; new lines get the most frequent one."""
    if plain(text) == plain(own):
        return own
    long = own.count("\r\n")
    short = own.count("\n") - long
    most = "\r\n" if long > short else "\n"
    if not long or not short:
        return plain(text).replace("\n", most)
    lines, old = plain(text).split("\n"), own.split("\n")
    ends = [most] * (len(lines) - 1)  # the last line has none
    # The same comparison as in the preview, so lines that it shows as unchanged are unchanged byte by byte.
    matcher = SequenceMatcher(None, _lines(plain(own)), _lines(plain(text)))
    for at, to, size in matcher.get_matching_blocks():
        for step in range(min(size, len(old) - 1 - at, len(ends) - to)):
            ends[to + step] = "\r\n" if old[at + step].endswith("\r") else "\n"
    return "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")
