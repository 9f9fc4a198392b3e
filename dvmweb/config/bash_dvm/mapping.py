"""Makes the fields of configs from an evaluation, each with the lines that it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dvmweb.config import kinds
from dvmweb.config.bash_dvm import variables
from dvmweb.config.bash_dvm.evaluation import RECIPES, Evaluation
from dvmweb.config.bash_dvm.facts import DONE, LEFT, NOTHING, Listed, Outcome, Place, Value
from dvmweb.config.bash_dvm.variables import TABLE, as_items, as_text
from dvmweb.config.model import VmConfig
from dvmweb.config.values import Wrong
from dvmweb.config.yaml_editor import scalar
from dvmweb.guest_text import visible

SHARED = "config.sh"
BASELINE = "baseline"


@dataclass(frozen=True)
class RecipeFacts:
    """What the import needs to know of a recipe."""

    needs: tuple[str, ...] = ()
    params: Mapping[str, bool] = field(default_factory=dict)  # each with whether it is a secret
    is_bundled: bool = True


@dataclass
class Mapped:
    """The fields of one VM or, without a name, of all; the place of each; and what became of the lines."""

    name: str
    values: dict[str, object] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    recipes: list[Listed] = field(default_factory=list)
    params: dict[tuple[str, str], tuple[str, Place]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def note(self, place: Place, level: str, what: str) -> None:
        """Add an outcome; a value that bash DVM set itself has no line."""
        if place.line:
            self.outcomes.append(Outcome(place, level, what))

    @property
    def recipe_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(listed.name for listed in self.recipes))


def mapped(name: str, found: Evaluation, known: Mapping[str, RecipeFacts]) -> Mapped:
    """The fields of the VM `name`, or of all VMs for ""; `found`: the evaluation of its files."""
    result = Mapped(name, outcomes=list(found.outcomes))
    _recipes(result, found, known)
    closure = _closure(result.recipe_names, known) if name else tuple(known)
    for variable, value in found.variables.items():
        if variable not in (RECIPES, *variables.RECIPE_LISTS) or value.content is None:
            _variable(result, found, variable, value, closure, known)
    for variable, before, after in found.replaced:
        if before.file == after.file:
            result.note(before, NOTHING, f"line {after.line} sets {variable} again")
    if name:
        _whole_vm(result, found, closure, known)
    _check(result)
    return result


def _closure(names: Iterable[str], known: Mapping[str, RecipeFacts]) -> tuple[str, ...]:
    """The recipes with all that they need."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found and name in known:
            found[name] = None
            waiting += known[name].needs
    return tuple(found)


def _recipes(result: Mapped, found: Evaluation, known: Mapping[str, RecipeFacts]) -> None:
    listed: list[Listed] = []
    for variable in variables.RECIPE_LISTS:
        value = found.variables.get(variable)
        if value is not None and value.content is not None:
            listed += [Listed(name, value.place) for name in variables.recipe_names(value.content)]
            if not value.content:
                result.note(value.place, NOTHING, "it is empty")
    own = found.variables.get(RECIPES)
    if own is not None and own.content is not None and not own.content:
        result.note(own.place, NOTHING, "it is empty")
    by_place: dict[Place, list[str]] = {}
    for one in (*listed, *found.recipes):
        if one.name in known:
            result.recipes.append(one)
            by_place.setdefault(one.place, []).append(one.name)
        else:
            result.note(one.place, LEFT, f"there is no recipe {visible(one.name, 40)}")
    for place, names in by_place.items():
        result.note(place, DONE, f"recipe {names[0]}" if len(names) == 1 else f"recipes: {', '.join(names)}")


def _variable(
    result: Mapped,
    found: Evaluation,
    variable: str,
    value: Value,
    closure: tuple[str, ...],
    known: Mapping[str, RecipeFacts],
) -> None:
    readers = tuple(_params_for(variable, closure, known))
    if any(is_secret for _, _, is_secret in readers) or variables.SECRET.search(variable):
        _secret(result, variable, value, readers)
    elif value.content is None:
        field_name = variables.field_of(variable)
        todo = f". Write {field_name} yourself" if field_name else ""
        result.note(value.place, LEFT, f"not understood: {value.why}{todo}")
    elif variable in TABLE:
        _field(result, variable, value)
    elif variable == variables.SECRETS:
        _secrets(result, value, closure, known)
    elif readers:
        for recipe, param, _ in readers:
            result.params[recipe, param] = (as_text(value.content), value.place)
    elif variable == variables.CODE_ROOT:
        is_used = value.place in found.read or not result.name or variables.CODE_DIR in found.variables
        result.note(value.place, NOTHING, "the parent of the code folders") if is_used else None
    elif value.place in found.read:
        result.note(value.place, NOTHING, "another line uses it")
    elif not value.content:
        result.note(value.place, NOTHING, "it is empty")
    elif variable in variables.AGENT_USERS and value.content == variables.AGENT_USER:
        result.note(value.place, NOTHING, "the default of the recipe agent-user")
    elif not result.name or value.place.file != SHARED:
        others = [recipe for recipe, _, _ in _params_for(variable, tuple(known), known)][:3]
        hint = f"; the recipe {', '.join(others)} would" if others else ""
        whose = "of this VM " if result.name else ""
        result.note(value.place, LEFT, f"no recipe {whose}reads {visible(variable, 60)}{hint}")


def _params_for(
    variable: str, recipes: Iterable[str], known: Mapping[str, RecipeFacts]
) -> Iterator[tuple[str, str, bool]]:
    """Recipe, param and whether it is a secret, for each param that this variable sets."""
    if variable in variables.AGENT_USERS:
        variable = "DVM_AGENT_USER"
    if variable in TABLE or not variable.startswith("DVM_"):
        return
    word = variable.removeprefix("DVM_").lower()
    for recipe in recipes:
        for param, is_secret in known[recipe].params.items():
            if word in (param, f"{recipe.replace('-', '_')}_{param}"):
                yield recipe, param, is_secret


def _secret(result: Mapped, variable: str, value: Value, readers: tuple[tuple[str, str, bool], ...]) -> None:
    secret = next((param for _, param, is_secret in readers if is_secret), "")
    name = result.name or "NAME"
    if secret:
        result.note(value.place, NOTHING, f"a secret, given with: dvm sync {name} --secret {secret}=-")
    elif value.content == "":
        result.note(value.place, NOTHING, "it is empty")
    elif result.name and value.place.file == SHARED:
        return
    else:
        result.note(value.place, LEFT, f"{visible(variable, 60)} seems to be a secret, which no config contains")


def _secrets(result: Mapped, value: Value, closure: tuple[str, ...], known: Mapping[str, RecipeFacts]) -> None:
    for name in as_items(value.content or ()):
        params = [param for _, param, is_secret in _params_for(name, closure, known) if is_secret]
        if params:
            result.note(value.place, NOTHING, f"given with: dvm sync {result.name or 'NAME'} --secret {params[0]}=-")
        else:
            result.note(value.place, LEFT, f"no recipe takes the secret {visible(name, 60)}")


def _field(result: Mapped, variable: str, value: Value) -> None:
    taken = TABLE[variable](value.content or "", result.name)
    for problem in taken.problems:
        result.note(value.place, LEFT, problem)
    for name, content in taken.values.items():
        result.values[name], result.places[name] = content, value.place
    if taken.note:
        result.note(value.place, NOTHING, taken.note)


def _whole_vm(result: Mapped, found: Evaluation, closure: tuple[str, ...], known: Mapping[str, RecipeFacts]) -> None:
    """What follows from several variables together: code folder, baseline, kind."""
    root = found.variables.get(variables.CODE_ROOT)
    if "code_dir" not in result.values and root is not None and root.content:
        path = f"{as_text(root.content).rstrip('/')}/{result.name}"
        if path != f"~/code/{result.name}":
            result.values["code_dir"], result.places["code_dir"] = path, root.place
        else:
            result.note(root.place, NOTHING, "the default")
    if "baseline" in result.values:
        needing = [name for name in closure if known[name].is_bundled and BASELINE in known[name].needs]
        if needing:
            place = result.places.pop("baseline")
            del result.values["baseline"]
            result.note(place, NOTHING, f"the recipe {needing[0]} of dvm needs the baseline, so it runs")
    if len(result.recipe_names) == 1 and kinds.is_service(result.recipe_names[0]) and "repo" not in result.values:
        result.values["kind"], result.places["kind"] = result.recipe_names[0], result.recipes[0].place


def _check(result: Mapped) -> None:
    """Remove what no config can contain, with its outcome; then add the outcomes of the rest."""
    result.params = dict(_valid_params(result))
    while True:
        try:
            VmConfig.from_values({**result.values, "name": result.name or "app"})
        except Wrong as wrong:
            faulty = {at[0]: f"{what}. {todo}" for at, what, todo in wrong.faults if at and at[0] in result.values}
            if not faulty:
                result.values.clear()
                return
            for name, why in faulty.items():
                result.note(result.places[name], LEFT, f"{name} {why}")
                del result.values[name]
            continue
        break
    for name, value in result.values.items():
        result.note(result.places[name], DONE, shown(name, value))


def _valid_params(result: Mapped) -> Iterator[tuple[tuple[str, str], tuple[str, Place]]]:
    for (recipe, param), (text, place) in result.params.items():
        try:
            VmConfig.from_values({"name": "app", "params": {recipe: {param: text}}})
        except Wrong as wrong:
            _, what, todo = wrong.faults[0]
            result.note(place, LEFT, f"{param} {what}. {todo}")
        else:
            result.note(place, DONE, shown(f"params.{recipe}.{param}", text))
            yield (recipe, param), (text, place)


def shown(name: str, value: object) -> str:
    """A field as a report shows it."""
    if isinstance(value, (list, tuple)):
        return f"{name}: [{', '.join(visible(scalar(one), 60) for one in value[:20])}]"
    return f"{name}: {visible(scalar(value), 80)}"
