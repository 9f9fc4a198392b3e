"""Terminals that wait: agents with a question, ended programs, a bell."""

from __future__ import annotations

from collections.abc import Iterator

from dvmweb.guest_text import visible
from dvmweb.terminals.agents import label
from dvmweb.terminals.client import TerminalFacts
from dvmweb.terminals.program_states import ENDED, RANG, WAITS
from dvmweb.verbs.attention.item import AGENTS, TERMINAL, Facts, Item, Todo
from dvmweb.verbs.load.turns import worked

NEEDS = (WAITS, ENDED, RANG)  # states of a terminal that need the user


def items(facts: Facts) -> Iterator[Item]:
    """The terminals that need the user, the longest waiting first."""
    for one in sorted(facts.terminals, key=lambda one: -one.since):
        if one.state in NEEDS:
            since = facts.now - one.since
            yield Item(
                key=f"terminal {one.id} {one.state} {one.event}",
                group=AGENTS,
                vm=one.vm,
                title=f"{visible(one.name, 60) or one.id[:8]}: {one.state_in_words}",
                detail=", ".join(
                    part for part in (_detail(one), worked(facts.turns.get(one.vm, ()), one.command)) if part
                ),
                todos=(Todo(TERMINAL, one.id),),
                since=since,
                is_watched=one.watched,
            )


def _detail(one: TerminalFacts) -> str:
    program = label(one.command)
    if one.ended or one.state == ENDED:
        return visible(one.reason, 160) or f"{program} has ended"
    source = "guessed from its output" if one.guess else "reported by the agent"
    return f"{program}, {source}" if one.state == WAITS else program
