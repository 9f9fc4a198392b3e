"""View models for terminals: rows with their state, and which of them need attention. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.guest.agent import sandbox_report
from dvmweb.guest_text import visible
from dvmweb.terminals.agents import AGENTS, label
from dvmweb.terminals.client import TerminalFacts
from dvmweb.verbs.attention.agents import NEEDS
from dvmweb.verbs.vms import Vm
from dvmweb.web.ui.formatting import capital, count, needs_you, steady
from dvmweb.web.ui.values import Badge, Mark

BADGES = {"waits": ("warn", "bell"), "works": ("info", "sync"), "ended": ("idle", "stop"), "rang": ("warn", "bell")}
OPEN = Badge("idle", "term", "Open")
GUESSED = "guessed from its output"
# Suggested fonts, those with the glyphs of starship and yazi first.
FONTS = (
    *("JetBrainsMono Nerd Font", "FiraCode Nerd Font", "Hack Nerd Font", "MesloLGS NF", "CaskaydiaCove Nerd Font"),
    *("Symbols Nerd Font Mono", "JetBrains Mono", "Fira Code", "Cascadia Code", "Menlo", "Consolas"),
)


@dataclass(frozen=True)
class Row:
    """A terminal in a list."""

    id: str
    vm: str
    name: str
    program: str  # shell, or the agent's name
    badge: Badge
    detail: str
    path: str  # below the prefix
    needs_attention: bool
    has_ended: bool
    is_working: bool

    @property
    def summary(self) -> str:
        """The row in one line, for a card or a notification."""
        return f"{self.name}: {self.badge.word[:1].lower()}{self.badge.word[1:]}"


@dataclass(frozen=True)
class Opener:
    """A named command that can be opened in a VM."""

    command: str
    text: str


def has_failed_sandbox(vm: Vm) -> bool:
    """Return whether the last test of the agent sandbox failed."""
    return vm.sandbox is not None and vm.sandbox.result == sandbox_report.FAILED


def openers(vm: Vm) -> tuple[Opener, ...]:
    """The agents that can be opened: the guest reports their recipe as applied, and no sandbox test failed."""
    applied = vm.reach.applied if vm.reach is not None and not has_failed_sandbox(vm) else ()
    return tuple(Opener(name, f"Open {agent.label}") for name, agent in AGENTS.items() if agent.recipe in applied)


def row(facts: TerminalFacts) -> Row:
    """One terminal. Its name was checked when the user gave it; it is made safe to show again here."""
    return Row(
        id=facts.id,
        vm=facts.vm,
        name=visible(facts.name, 60) or facts.id[:8],
        program=label(facts.command),
        badge=_badge(facts),
        detail=_detail(facts),
        path=f"/vms/{facts.vm}/terminal?id={facts.id}",
        needs_attention=facts.state in NEEDS,
        has_ended=facts.ended,
        is_working=facts.state == "works" and not facts.ended,
    )


def rows(terminals: Iterable[TerminalFacts]) -> tuple[Row, ...]:
    """Those that need attention first, the longest waiting on top; then by VM in the order of opening."""
    shown = [facts for facts in terminals if facts.state or not facts.ended]
    ordered = sorted(shown, key=lambda one: (0, "", -one.since) if one.state in NEEDS else (1, one.vm, -one.age))
    return tuple(row(facts) for facts in ordered)


def marks(terminals: Iterable[TerminalFacts]) -> dict[str, tuple[Mark, ...]]:
    """By VM, the terminals that need attention as shown on its card, the longest waiting first."""
    found: dict[str, tuple[Mark, ...]] = {}
    for one in rows(facts for facts in terminals if facts.state in NEEDS):
        mark = Mark(f"needs-{one.id[:12]}", one.path, one.summary, one.badge.age)
        found[one.vm] = (*found.get(one.vm, ()), mark)
    return found


def _badge(facts: TerminalFacts) -> Badge:
    state = "ended" if facts.ended else facts.state
    if state not in BADGES:
        return OPEN
    tone, icon = BADGES[state]
    source = "" if facts.ended else GUESSED.capitalize() if facts.guess else "Reported by the agent"
    return Badge(tone, icon, capital(facts.state_in_words), since(facts.since), source)


def _detail(facts: TerminalFacts) -> str:
    if facts.ended:
        return facts.reason
    parts = [f"opened {since(facts.age)}", f"last input or output {since(facts.idle)}"]
    parts.append(f"shown in {count(facts.viewers, 'window', 'windows')}" if facts.viewers else "not shown anywhere")
    if facts.guess and facts.state != "rang":
        parts.insert(0, GUESSED)
    return ", ".join(parts)


def since(seconds: float) -> str:
    """An age in steps of ten seconds, so that an unchanged list is not sent again."""
    return age(0.0, steady(seconds))


def heading(every: Sequence[Row]) -> str:
    """The heading of the page: how many terminals, and how many need attention."""
    waiting = sum(one.needs_attention for one in every)
    if not every:
        return "No open terminals"
    return f"{count(len(every), 'terminal', 'terminals')}, {needs_you(waiting) if waiting else 'none waiting for you'}"
