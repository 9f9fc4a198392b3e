"""What the pages show of terminals: rows with their state in words, and which of them need somebody. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dvmweb import wall
from dvmweb.guest_text import visible
from dvmweb.terminals.agents import AGENTS
from dvmweb.terminals.client import TerminalFacts
from dvmweb.vms import Vm
from dvmweb.web.views import Badge, Mark
from dvmweb.web.wording import STEP, capital, count, needs_you

NEEDS = ("waits", "ended", "rang")
LOOKS = {"waits": ("warn", "bell"), "works": ("info", "sync"), "ended": ("idle", "stop"), "rang": ("warn", "bell")}
OPEN = Badge("idle", "term", "Open")


@dataclass(frozen=True)
class Row:
    """A terminal in a list."""

    id: str
    vm: str
    name: str
    what: str  # shell, or the agent's name
    badge: Badge
    detail: str
    path: str  # below the prefix
    needs_you: bool
    is_over: bool

    @property
    def words(self) -> str:
        """The row as one sentence, for a mark or a notice."""
        return f"{self.name}: {self.badge.word[:1].lower()}{self.badge.word[1:]}"


@dataclass(frozen=True)
class Opener:
    """A named command that can be opened in a VM."""

    command: str
    text: str


def label(command: str) -> str:
    """A command as people say it."""
    return AGENTS[command].label if command in AGENTS else command


def has_hole(vm: Vm) -> bool:
    """Whether the last test of the wall around its agents found a hole."""
    return vm.wall is not None and vm.wall.result == wall.HOLE


def openers(vm: Vm) -> tuple[Opener, ...]:
    """What can be opened beside a shell: agents whose recipe is applied by the guest's word; none behind a hole."""
    applied = vm.reach.applied if vm.reach is not None and not has_hole(vm) else ()
    return tuple(Opener(name, f"Open {agent.label}") for name, agent in AGENTS.items() if agent.recipe in applied)


def row(facts: TerminalFacts) -> Row:
    """One terminal. Its name is the user's and was checked when it was given; it is made safe here again."""
    return Row(
        id=facts.id,
        vm=facts.vm,
        name=visible(facts.name, 60) or facts.id[:8],
        what=label(facts.command),
        badge=_badge(facts),
        detail=_detail(facts),
        path=f"/vms/{facts.vm}/terminal?id={facts.id}",
        needs_you=facts.state in NEEDS,
        is_over=facts.ended,
    )


def rows(terminals: Iterable[TerminalFacts]) -> tuple[Row, ...]:
    """Those that need somebody first, the longest waiting on top; then by VM in the order of opening."""
    shown = [facts for facts in terminals if facts.state or not facts.ended]
    ordered = sorted(shown, key=lambda one: (0, "", -one.since) if one.state in NEEDS else (1, one.vm, -one.age))
    return tuple(row(facts) for facts in ordered)


def marks(terminals: Iterable[TerminalFacts]) -> dict[str, tuple[Mark, ...]]:
    """By VM, what its card says of terminals that need somebody, the longest waiting first."""
    found: dict[str, tuple[Mark, ...]] = {}
    for one in rows(facts for facts in terminals if facts.state in NEEDS):
        mark = Mark(f"needs-{one.id[:12]}", one.path, one.words, one.badge.age)
        found[one.vm] = (*found.get(one.vm, ()), mark)
    return found


def _badge(facts: TerminalFacts) -> Badge:
    if facts.state not in LOOKS:
        return OPEN
    tone, icon = LOOKS[facts.state]
    why = "Guessed from its output: it gave no word itself" if facts.guess else "" if facts.ended else "Its own word"
    return Badge(tone, icon, capital(facts.state_in_words), since(facts.since), why)


def _detail(facts: TerminalFacts) -> str:
    if facts.ended:
        return facts.reason
    told = [f"opened {since(facts.age)}", f"last output or key {since(facts.idle)}"]
    told.append(f"shown in {count(facts.viewers, 'window', 'windows')}" if facts.viewers else "shown in no window")
    if facts.guess and facts.state != "rang":
        told.insert(0, "guessed")
    return ", ".join(told)


def since(seconds: float) -> str:
    """How long ago, in steps of ten seconds, so that a list that did not change is not sent again."""
    if seconds < STEP:
        return "just now"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds // STEP * STEP)} s ago"


def heading(every: Sequence[Row]) -> str:
    """The answer of the page in a line."""
    waiting = sum(one.needs_you for one in every)
    if not every:
        return "No terminal is open"
    return f"{count(len(every), 'terminal', 'terminals')}, {needs_you(waiting) if waiting else 'none needs you'}"
