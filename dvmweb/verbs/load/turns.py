"""The work of agents in words, from the turns that their own hooks reported. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dvmweb.records.agent_turns import Turn


def worked(turns: Iterable[Turn], agent: str) -> str:
    """How often and how long an agent worked in these turns of the last day, "" for never."""
    mine = [turn for turn in turns if turn.agent == agent]
    if not mine:
        return ""
    number = "1 turn" if len(mine) == 1 else f"{len(mine)} turns"
    return f"{number}, {_duration(sum(turn.seconds for turn in mine))} worked in 24 h"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
