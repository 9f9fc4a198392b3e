"""The agents of each VM as the list shows them: those in open terminals, else those that its recipes install. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.vms import Vm
from dvmweb.web.terminals import views as terminal_views
from dvmweb.web.ui.values import Mark


@dataclass(frozen=True)
class AgentLine:
    """An agent of a VM."""

    text: str  # "Claude"
    state: str = ""  # "waiting", "" where none of its terminals is open
    tone: str = ""  # of that state
    age: str = ""
    path: str = ""  # of its terminal, below the prefix


@dataclass(frozen=True)
class Terminals:
    """What the list needs of the open terminals, by VM."""

    marks: Mapping[str, tuple[Mark, ...]]  # those that wait for the user
    agents: Mapping[str, tuple[AgentLine, ...]]


NO_TERMINALS = Terminals(MappingProxyType({}), MappingProxyType({}))


def of_terminals(terminals: Iterable[TerminalFacts]) -> Terminals:
    """Return the terminals that wait, and the agents in open ones."""
    every = tuple(terminals)
    found: dict[str, tuple[AgentLine, ...]] = {}
    for facts, row in ((facts, terminal_views.row(facts)) for facts in every if not facts.ended):
        if facts.command in AGENTS:
            line = AgentLine(row.program, row.badge.word.lower(), row.badge.tone, row.badge.age, row.path)
            found[facts.vm] = (*found.get(facts.vm, ()), line)
    return Terminals(terminal_views.marks(every), found)


def agents_of(vm: Vm, opened: tuple[AgentLine, ...]) -> tuple[AgentLine, ...]:
    """Return the agents of a VM: in open terminals, then the others that its config installs."""
    recipes = vm.config.recipes if vm.config else ()
    labels = {line.text for line in opened}
    others = (agent.label for agent in AGENTS.values() if agent.recipe in recipes and agent.label not in labels)
    return (*opened, *map(AgentLine, others))
