"""View models for recipes: rows, uses, findings and diffs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dvmweb.guest_text import visible
from dvmweb.recipes import Param
from dvmweb.recipes.checking import ERROR, WARNING, Checked, Finding
from dvmweb.recipes.groups import GROUPS, group_of
from dvmweb.recipes.local import unpinned
from dvmweb.verbs.recipes import Entry, Standing, Use
from dvmweb.verbs.recipes.usage import APPLIED, CHANGED, NOT_APPLIED, NOT_RUN
from dvmweb.web.ui.diff import Line, diff
from dvmweb.web.ui.formatting import capital, count
from dvmweb.web.ui.values import Badge

YOURS = "Yours"  # the group of local recipes
LONGEST = 1000  # characters shown of a line
FEWEST_ROWS, MOST_ROWS = 16, 40  # of the editor
BADGES = {
    APPLIED: ("ok", "check"),
    CHANGED: ("warn", "sync"),
    NOT_APPLIED: ("idle", "dot"),
    NOT_RUN: ("blind", "eye-off"),
}
NOT_KNOWN = ("blind", "eye-off")
LEVELS = {ERROR: ("bad", "warn"), WARNING: ("warn", "warn")}


@dataclass(frozen=True)
class UseView:
    """A VM that uses the recipe, and the state of the recipe there."""

    vm: str
    how: str
    badge: Badge
    note: str


@dataclass(frozen=True)
class ParamView:
    """A parameter of a recipe."""

    name: str
    label: str
    default: str
    help: str
    variable: str


@dataclass(frozen=True)
class RecipeRow:
    """A recipe in the list."""

    name: str
    group: str
    summary: str
    marks: tuple[str, ...]  # local, changed, …
    uses: tuple[UseView, ...]
    is_broken: bool
    search: str  # its text in lower case
    is_shown: bool


@dataclass(frozen=True)
class RecipeGroup:
    """The recipes of one group."""

    title: str
    rows: tuple[RecipeRow, ...]

    @property
    def shown(self) -> int:
        return sum(row.is_shown for row in self.rows)


@dataclass(frozen=True)
class RecipePage:
    """One recipe with everything that is known about it."""

    name: str
    summary: str
    problem: tuple[str, ...]  # why it cannot be used
    origin: str
    path: str
    is_local: bool
    is_over: bool  # it replaces a bundled one
    pin: str
    facts: tuple[tuple[str, str], ...]
    params: tuple[ParamView, ...]
    uses: tuple[UseView, ...]
    lines: tuple[str, ...]
    difference: tuple[Line, ...]


@dataclass(frozen=True)
class FindingView:
    """One finding with the line it refers to."""

    tone: str
    level: str
    icon: str
    place: str
    what: str
    todo: str
    by: str
    line: str
    number: int  # of the line, 0 for none


@dataclass(frozen=True)
class CheckView:
    """The result of a check."""

    tone: str
    icon: str
    title: str
    findings: tuple[FindingView, ...]
    not_run: tuple[str, ...]


def heading(rows: Sequence[RecipeRow]) -> str:
    """The heading of the list: how many recipes, how many are local or unusable."""
    local = sum("local" in row.marks for row in rows)
    broken = sum(row.is_broken for row in rows)
    parts = [count(len(rows), "recipe", "recipes")]
    parts += [f"{local} local"] if local else []
    parts += [f"{broken} cannot be used"] if broken else []
    return ", ".join(parts)


def row(entry: Entry, query: str = "") -> RecipeRow:
    """A recipe in the list, shown if each word of the query is in its text."""
    recipe = entry.recipe
    group = YOURS if entry.is_local else group_of(recipe.category if recipe else "")
    summary = visible(recipe.summary) if recipe else visible(entry.problem.splitlines()[0], 300)
    vms = " ".join(use.vm for use in entry.uses)
    search = f"{entry.name} {summary} {recipe.category if recipe else ''} {group} {vms}".lower()
    return RecipeRow(
        name=entry.name,
        group=group,
        summary=summary,
        marks=(*(["local"] if entry.is_local else []), *([entry.mark] if entry.mark else [])),
        uses=tuple(map(use_view, entry.uses)),
        is_broken=recipe is None,
        search=search,
        is_shown=all(word in search for word in query.lower().split()),
    )


def grouped(rows: Iterable[RecipeRow]) -> tuple[RecipeGroup, ...]:
    """The groups that have recipes, in their order; the rows of a group stay in theirs."""
    rows = tuple(rows)
    found = (RecipeGroup(title, tuple(row for row in rows if row.group == title)) for title in (YOURS, *GROUPS))
    return tuple(group for group in found if group.rows)


def use_view(use: Use) -> UseView:
    """A use with its badge."""
    return UseView(use.vm, use.how, badge_of(use.standing), use.standing.note)


def badge_of(stands: Standing) -> Badge:
    """The state of a recipe in a VM as a badge."""
    tone, icon = BADGES.get(stands.word, NOT_KNOWN)
    return Badge(tone, icon, capital(stands.word))


def page(entry: Entry, text: str, bundled: str) -> RecipePage:
    """One recipe; `text` is its script, `bundled` the script of the bundled recipe that it replaces, "" for none."""
    recipe = entry.recipe
    return RecipePage(
        name=entry.name,
        summary=visible(recipe.summary) if recipe else "",
        problem=tuple(visible(line, 600) for line in entry.problem.splitlines()),
        origin=entry.origin,
        path=str(entry.path),
        is_local=entry.is_local,
        is_over=bool(bundled),
        pin=_pin(entry),
        facts=_facts(entry),
        params=_params(entry),
        uses=tuple(map(use_view, entry.uses)),
        lines=shown_lines(text),
        difference=lines_between(bundled, unpinned(text)) if entry.is_changed or (bundled and not recipe) else (),
    )


def _pin(entry: Entry) -> str:
    if entry.pin is None:
        return ""
    origin = f"Customized from dvm {visible(entry.pin.version, 40)}."
    return f"{origin} The bundled one has changed since." if entry.has_moved else origin


def _facts(entry: Entry) -> tuple[tuple[str, str], ...]:
    recipe = entry.recipe
    if recipe is None:
        return ()
    ports = ", ".join(map(str, recipe.ports))
    found = [("Category", recipe.category), ("Needs", ", ".join(recipe.needs) or "nothing")]
    found += [("Listens on", f"{ports} in the guest")] if ports else []
    found += [("Service", ", ".join(recipe.units))] if recipe.units else []
    probe = visible(recipe.probe, 500)
    found += [("Probe", probe) if probe else ("No probe", "a sync cannot check whether it works")]
    found += [("Environment", "as in bash DVM, which it was written for")] if recipe.is_of_bash_dvm else []
    found += [("Version", "latest (re-run with `--update`)")] if recipe.moving else []
    return tuple(found)


def _params(entry: Entry) -> tuple[ParamView, ...]:
    params = entry.recipe.params if entry.recipe else ()
    return tuple(
        ParamView(
            param.name,
            visible(param.label),
            _default(param),
            visible(param.help, 500),
            param.variable,
        )
        for param in params
    )


def _default(param: Param) -> str:
    if param.secret:
        return "secret, kept in the guest" if param.is_kept else "secret, never saved"
    return "not set" if param.is_inferred else visible(param.default, 500) or "empty"


def shown_lines(text: str) -> tuple[str, ...]:
    """The lines of a script with hidden characters made visible; tabs are kept."""
    lines = text.removesuffix("\n").split("\n")
    return tuple("\t".join(visible(part, max(1, len(part))) for part in line.split("\t")) for line in lines)


def lines_between(old: str, new: str) -> tuple[Line, ...]:
    """The lines that differ, with some context."""
    return tuple(Line(mark, visible(text, LONGEST)) for mark, text in diff(old, new))


def check_view(checked: Checked, text: str) -> CheckView:
    """The result of a check; green only where every checker ran and found nothing."""
    lines = text.split("\n")
    has_errors = any(found.level == ERROR for found in checked.findings)
    tone, icon = ("bad", "warn") if has_errors else ("warn", "warn") if checked.problems else ("ok", "check")
    if tone == "ok" and checked.not_run:
        tone, icon = "blind", "eye-off"
    findings = tuple(_finding(found, lines) for found in checked.findings)
    return CheckView(tone, icon, capital(checked.words), findings, checked.not_run)


def _finding(found: Finding, lines: Sequence[str]) -> FindingView:
    tone, icon = LEVELS.get(found.level, ("info", "info"))
    line = lines[found.line - 1] if 0 < found.line <= len(lines) else ""
    return FindingView(
        tone=tone,
        level=capital(found.level),
        icon=icon,
        place=f"line {found.line}" if found.line else "",
        what=found.what,
        todo=found.todo,
        by=f"{found.by} {found.code}".strip(),
        line=visible(line.strip(), 200),
        number=found.line,
    )


def rows_for(text: str) -> int:
    """The height of the editor in rows."""
    return min(max(text.count("\n") + 3, FEWEST_ROWS), MOST_ROWS)


def after_delete(entry: Entry, incompatible: Iterable[str]) -> tuple[str, ...]:
    """What happens once a local recipe is deleted, in sentences.

    `incompatible`: VMs whose configs set parameters that the bundled recipe does not accept.
    """
    names = [use.vm for use in entry.uses]
    if entry.origin != "local":
        bundled = f"The bundled recipe is used instead{'; it differs' if entry.is_changed else '. It does the same'}."
        runs = f"The next sync runs it in {_and(names)}." if names and entry.is_changed else ""
        refused = list(incompatible)
        breaks = f"It does not accept the params set in {_and(refused)}: no sync there until the config is fixed."
        return tuple(sentence for sentence in (bundled, runs, breaks if refused else "") if sentence)
    left = "There is no bundled recipe to fall back to."
    if not names:
        return (left, "No VM uses it.")
    return (left, f"VMs that use it: {_and(names)}. They cannot be synced until you remove it from their configs.")


def _and(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return f"{', '.join(unique[:-1])} and {unique[-1]}" if len(unique) > 1 else "".join(unique)
