"""Makes the text of new configs from those of bash DVM, and a report on every line. Pure: texts in, texts out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from dvmweb import names
from dvmweb.config import validate, yaml_reader
from dvmweb.config.bash_dvm.evaluation import Evaluation, evaluated
from dvmweb.config.bash_dvm.facts import DONE, LEFT, NOTHING, Outcome, Place
from dvmweb.config.bash_dvm.mapping import SHARED, Mapped, RecipeFacts, mapped
from dvmweb.config.bash_dvm.statements import Function, Statement, lines_of, parse
from dvmweb.config.model import FIELDS, OWN_FIELDS
from dvmweb.config.store import SCHEMA_LINE
from dvmweb.config.yaml_editor import field_lines
from dvmweb.config.yaml_reader import Document
from dvmweb.guest_text import visible

DEFAULTS_FILE = "config.yaml"
_SECRET = re.compile(r"((?:TOKEN|SECRET|PASSWORD|PASSWD|AUTH_?KEY|API_?KEY)\w*[\"']?\s*\+?[=:]).+", re.IGNORECASE)
_USER = re.compile(r"(://)[^/@\s]+@")
MOST_NOTES = 100  # lines that are not imported, in the comments of a new config
_ORDER = (DONE, NOTHING, LEFT)


@dataclass(frozen=True)
class Row:
    """Lines of a file and what became of them; `text` is safe to show and without secrets."""

    file: str
    line: int
    last: int
    text: str
    level: str
    what: str


@dataclass(frozen=True)
class Conversion:
    """The new texts, the names of their VMs, and the report. `defaults`: the text of config.yaml, "" for none."""

    defaults: str
    vms: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def left(self) -> tuple[Row, ...]:
        """The lines that are not imported."""
        return tuple(row for row in self.rows if row.level == LEFT)


@dataclass(frozen=True)
class _Bundles:
    names: Mapping[str, str]  # by function
    members: Mapping[str, tuple[str, ...]]  # by bundle


def vm_file(name: str) -> str:
    """The file of a VM, as a report names it."""
    return f"vms/{name}.sh"


def convert(
    shared: str, vms: Mapping[str, str], known: Mapping[str, RecipeFacts], existing: Document | None = None
) -> Conversion:
    """Convert the text of config.sh and those of the VMs by name.

    `known`: all recipes. `existing`: a config.yaml that stays as it is; then each VM has all its values itself.
    """
    texts = {SHARED: shared, **{vm_file(name): text for name, text in vms.items()}}
    parsed = {file: parse(text) for file, text in texts.items()}
    all_vms = evaluated({SHARED: parsed[SHARED]}, {})
    each_vm = {
        name: evaluated({file: parsed[file] for file in (SHARED, vm_file(name))}, {"DVM_NAME": name}) for name in vms
    }
    read = set().union(all_vms.read, *(found.read for found in each_vm.values()))
    for found in (all_vms, *each_vm.values()):
        found.read = read
    bundles, outcomes = _bundles(all_vms, known)
    shared_part, parts = mapped("", all_vms, known), {name: mapped(name, each_vm[name], known) for name in vms}
    defaults = _defaults(shared_part, bundles)
    is_same = existing is not None and _canonical(existing.data) == _canonical(defaults)
    if existing is not None and not is_same:
        defaults = existing.data
        bundles = _kept(bundles, existing)
        outcomes = [one for one in outcomes if one.level == LEFT]
        shared_part.outcomes = [one for one in shared_part.outcomes if one.level != DONE]
    values = {name: _vm(part, bundles, defaults) for name, part in parts.items()}
    every = [*outcomes, *(one for part in parts.values() for one in part.outcomes)]
    rows = tuple(_rows(texts, parsed, every, shared_part.outcomes, is_kept=existing is not None and not is_same))
    title = f"Defaults of all VMs, imported from {SHARED} of bash DVM."
    written = _text(title, defaults, rows, SHARED) if existing is None and defaults else ""
    return Conversion(written, _checked(values, rows, defaults), rows)


def _checked(
    values: Mapping[str, Mapping[str, object]], rows: tuple[Row, ...], defaults: Mapping[str, object]
) -> dict[str, str]:
    """The texts of the VMs that are valid; the caller reports any other."""
    beside = yaml_reader.scan(_text("", defaults, (), "").encode(), DEFAULTS_FILE)
    found = {}
    for name, given in values.items():
        text = _text(f"The VM {name}, imported from {vm_file(name)} of bash DVM.", given, rows, vm_file(name))
        if not validate.judge(name, yaml_reader.scan(text.encode(), f"{name}.yaml"), beside).problems:
            found[name] = text
    return found


# -- bundles -----------------------------------------------------------------------------------------------------------


def _bundles(found: Evaluation, known: Mapping[str, RecipeFacts]) -> tuple[_Bundles, list[Outcome]]:
    """A bundle for each function of config.sh that uses recipes."""
    by_function: dict[str, str] = {}
    members: dict[str, tuple[str, ...]] = {}
    outcomes: list[Outcome] = []
    for function, (file, one) in found.functions.items():
        trial = found.called(function)
        outcomes += trial.outcomes
        for listed in trial.recipes:
            is_known = listed.name in known
            what = f"recipe {listed.name}" if is_known else f"there is no recipe {visible(listed.name, 40)}"
            outcomes.append(Outcome(listed.place, DONE if is_known else LEFT, what))
        used = tuple(dict.fromkeys(listed.name for listed in trial.recipes if listed.name in known))
        if used:
            name = _bundle_name(function, {*known, *members})
            by_function[function], members[name] = name, used
            outcomes.append(Outcome(Place(file, one.line, one.last), DONE, f"bundle {name}"))
    return _Bundles(by_function, members), outcomes


def _bundle_name(function: str, taken: set[str]) -> str:
    """`use_app_tools` is app-tools; another name where a recipe or bundle has it."""
    word = re.sub(r"[^a-z0-9]+", "-", function.lower()).removeprefix("use-").removeprefix("dvm-").strip("-")[:30]
    word = word.strip("-") if names.is_recipe_name(word.strip("-")) else "bundle"
    numbered = (f"{word}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (word, *numbered) if name not in taken)


def _kept(bundles: _Bundles, existing: Document) -> _Bundles:
    """The bundles that config.yaml has with the same recipes."""
    given = existing.data.get("bundles")
    same = {
        name: used
        for name, used in bundles.members.items()
        if isinstance(given, dict) and given.get(name) == list(used)
    }
    return _Bundles({function: name for function, name in bundles.names.items() if name in same}, same)


def _listed(part: Mapped, bundles: _Bundles) -> list[str]:
    """The recipes as a config lists them: with bundles, each once."""
    found: list[str] = []
    for function, group in groupby(part.recipes, key=lambda one: one.function):
        used = tuple(dict.fromkeys(one.name for one in group))
        bundle = bundles.names.get(function, "")
        found += [bundle] if bundle and bundles.members[bundle] == used else used
    return list(dict.fromkeys(found))


# -- values ------------------------------------------------------------------------------------------------------------


def _defaults(part: Mapped, bundles: _Bundles) -> dict[str, object]:
    values = {field: part.values[field] for field in FIELDS if field in part.values and field not in OWN_FIELDS}
    if recipes := _listed(part, bundles):
        values["recipes"] = recipes
    if part.params:
        values["params"] = _nested({at: text for at, (text, _) in part.params.items()})
    if bundles.members:
        values["bundles"] = {name: list(used) for name, used in bundles.members.items()}
    return values


def _nested(params: Mapping[tuple[str, str], str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (recipe, param), text in params.items():
        found.setdefault(recipe, {})[param] = text
    return found


def _vm(part: Mapped, bundles: _Bundles, defaults: Mapping[str, object]) -> dict[str, object]:
    """The fields of a VM: those of its own file, and those that differ from the defaults."""
    own = vm_file(part.name)
    values = {
        field: part.values[field]
        for field in FIELDS
        if field in part.values and (part.places[field].file == own or part.values[field] != defaults.get(field))
    }
    recipes = [] if "kind" in values else _listed(part, bundles)
    if recipes != defaults.get("recipes", []):
        values["recipes"] = recipes
    given = defaults.get("params")
    shared = given if isinstance(given, dict) else {}
    params = {
        (recipe, param): text
        for (recipe, param), (text, place) in part.params.items()
        if place.file == own or shared.get(recipe, {}).get(param) != text
    }
    if params:
        values["params"] = _nested(params)
    return values


def _text(title: str, values: Mapping[str, object], rows: Iterable[Row], file: str) -> str:
    """The YAML of a config, and as comments the lines of `file` that are not imported."""
    lines = [*([SCHEMA_LINE] if file.startswith("vms/") else []), f"# {title}", ""]
    for name, value in values.items():
        lines += field_lines(name, value)
    left = [row for row in rows if row.file == file and row.level == LEFT]
    if left:
        lines += ["", "# Not imported:"]
        lines += [f"# {file}:{row.line}: {row.text}  ({row.what})" for row in left[:MOST_NOTES]]
        lines += [f"# and {len(left) - MOST_NOTES} more lines"] if len(left) > MOST_NOTES else []
    return "\n".join(lines) + "\n"


def _canonical(values: Mapping[str, object]) -> str:
    return json.dumps(values, sort_keys=True, default=str)


# -- the report --------------------------------------------------------------------------------------------------------


def _rows(
    texts: Mapping[str, str],
    parsed: Mapping[str, tuple[Statement, ...]],
    outcomes: Iterable[Outcome],
    of_shared: Iterable[Outcome],
    *,
    is_kept: bool,
) -> Iterator[Row]:
    """One row for each statement; a line of config.sh counts as imported if it is so for one VM."""
    by_place = _by_place(outcomes)
    for place, found in _by_place(of_shared).items():
        by_place.setdefault(place, found)
    for file, statements in parsed.items():
        lines = texts[file].split("\n")
        unused = "no VM uses it, and config.yaml exists and stays as it is" if is_kept and file == SHARED else ""
        done: set[Place] = set()
        for line, last, one in sorted(lines_of(statements), key=lambda found: (found[0], -found[1])):
            place = Place(file, line, last)
            if place in done:
                continue
            done.add(place)
            level, what = _merged(by_place.get(place, []), one, unused)
            yield Row(file, line, last, safe(lines[line - 1]), level, visible(what, 300))


def _by_place(outcomes: Iterable[Outcome]) -> dict[Place, list[Outcome]]:
    found: dict[Place, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(one.place, []).append(one)
    return found


def _merged(found: list[Outcome], one: Statement, unused: str) -> tuple[str, str]:
    if not found and isinstance(one, Function):
        return NOTHING, "a function; its lines are listed"
    if not found:
        return LEFT, unused or "no line that is understood uses it"
    level = max((outcome.level for outcome in found), key=_ORDER.index)
    level = DONE if level == NOTHING and any(outcome.level == DONE for outcome in found) else level
    return level, "; ".join(dict.fromkeys(outcome.what for outcome in found if outcome.level == level))


def safe(line: str) -> str:
    """A line of a config to show: without secrets, without hidden characters, short."""
    return visible(_USER.sub(r"\1…@", _SECRET.sub(r"\1…", line.strip())), 70)
