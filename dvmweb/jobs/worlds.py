"""Read from disk all that a plan depends on: config, recipes, guest scripts, ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvmweb import files, recipes
from dvmweb.config.model import VmConfig
from dvmweb.config.resolve import Reading, in_order, port_conflicts
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError, Problem, UsageError
from dvmweb.lima.engine import find_engine
from dvmweb.lima.overlay import read_overlay
from dvmweb.lima.rendering import Wish
from dvmweb.names import check_socket_path, instance_name, is_id, new_id
from dvmweb.paths import Paths
from dvmweb.plans import RecipeWish, World

SCRIPTS = tuple(
    f"_{name}.sh"
    for name in (
        "lib",
        "state",
        "apply",
        "identity",
        "keys",
        "clone",
        "code_dir",
        "hook",
        "show_hook",
        "terminals",
        "journal",
        "receive",
        "wall",
        "work",
    )
)


def load_world(
    paths: Paths, environ: Mapping[str, str], vm: str, verb: str, secrets: Mapping[str, bytes] = {}
) -> World:
    """The world of one VM before anything was asked of the engine.

    Raises NotFound without a config, ConfigError with all its errors, NoEngine, UsageError for a secret nobody takes.
    """
    store = ConfigStore(paths)
    if verb == "sync":
        config, overlay, wishes = _checked(paths, store, vm, secrets)
    else:
        config, overlay, wishes = store.read(vm), read_overlay(paths.overlay_file), ()
    return world_of(paths, environ, config, overlay, wishes, secrets)


def world_of(
    paths: Paths,
    environ: Mapping[str, str],
    config: VmConfig,
    overlay: Mapping[str, Any],
    wishes: tuple[RecipeWish, ...],
    secrets: Mapping[str, bytes],
) -> World:
    """The world of a config that was found good."""
    vm = config.name
    check_socket_path(str(paths.lima_home), vm)
    engine = find_engine(environ, paths)
    return World(
        config=config,
        wish=wish_of(config),
        overlay=overlay,
        recipes=wishes,
        scripts=scripts(paths),
        engine=engine,
        lima_home=paths.lima_home,
        lima_file=paths.vm_state(vm) / "lima.yaml",
        known_id=_known_id(paths, vm),
        new_id=new_id(),
        nonce=new_id(),
        approved_hook=read_note(paths, vm, "approved-hook"),
        key_note=read_note(paths, vm, "no-key"),
        secrets=dict(secrets),
    )


def scripts(paths: Paths) -> dict[str, str]:
    """Our own guest scripts by file name. Raises ConfigError."""
    shelf = recipes.Shelf(paths)
    return {name: shelf.own(name.removesuffix(".sh")) for name in SCRIPTS}


def wish_of(config: VmConfig) -> Wish:
    """What Lima is told of a config."""
    return Wish(
        instance=instance_name(config.name),
        cpus=config.cpus,
        memory_bytes=config.memory,
        disk_bytes=config.disk,
        user=config.user,
        image=config.image,
        arch=config.arch,
        ports=config.ports,
    )


def _checked(
    paths: Paths, store: ConfigStore, vm: str, secrets: Mapping[str, bytes]
) -> tuple[VmConfig, dict[str, Any], tuple[RecipeWish, ...]]:
    """Config, overlay and recipes of a sync, judged together: one ConfigError holds all that is wrong with them."""
    reading = store.reading(vm)
    config, overlay = reading.config, {}
    ordered, found = beyond_the_file(paths, reading)
    problems = [*reading.problems, *found]
    try:
        overlay = read_overlay(paths.overlay_file)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(in_order(problems))
    check_secrets(ordered, secrets)
    return config, overlay, recipe_wishes(paths, config, ordered)


def beyond_the_file(paths: Paths, reading: Reading) -> tuple[tuple[recipes.Recipe, ...], tuple[Problem, ...]]:
    """The good recipes of a config in their order, and what recipes, image and other VMs do not allow."""
    config, shelf = reading.config, recipes.Shelf(paths)
    places = {name: reading.problem(reading.recipe_place(name), "", "") for name in config.recipes}
    ordered, unknown = recipes.arrange(config.recipes, shelf, has_baseline=config.baseline, places=places)
    problems = [*unknown, *_recipe_problems(reading, shelf, ordered)]
    problems += [*_image_problems(paths, reading), *_port_problems(ConfigStore(paths), reading)]
    return ordered, tuple(problems)


def recipes_of(paths: Paths, config: VmConfig) -> tuple[recipes.Recipe, ...]:
    """The recipes of a VM in the order in which they run. Raises ConfigError."""
    return recipes.order(config.recipes, recipes.Shelf(paths), has_baseline=config.baseline)


def recipe_wishes(paths: Paths, config: VmConfig, ordered: tuple[recipes.Recipe, ...]) -> tuple[RecipeWish, ...]:
    """Recipes that were found good, with the params that the config gives them."""
    shelf = recipes.Shelf(paths)
    library = shelf.library()
    return tuple(_wish(recipe, config, library, shelf) for recipe in ordered)


def _recipe_problems(reading: Reading, shelf: recipes.Shelf, ordered: tuple[recipes.Recipe, ...]) -> Iterator[Problem]:
    """Params that their recipe does not take or that no recipe takes, and bundles that hide a recipe."""
    params, known = reading.config.params, shelf.names()
    for recipe in ordered:
        for found in recipes.validate_params(recipe, params.get(recipe.name, {})):
            yield reading.problem(found.field, found.what, found.todo)
    for name in params:
        if name not in (*known, *reading.config.recipes):  # an unknown recipe in the list is told there
            yield reading.problem(f"params.{name}", "there is no such recipe", f"There are: {', '.join(known)}.")
    for name in reading.bundles:
        if name in known:
            yield reading.problem(f"bundles.{name}", "a recipe has this name, too", "Give the bundle another name.")


def _image_problems(paths: Paths, reading: Reading) -> Iterator[Problem]:
    """A local image must be there until the instance is made; Lima keeps a copy."""
    image, is_made = reading.config.image, (paths.lima_home / reading.config.instance).exists()
    if image.startswith("/") and not is_made and not Path(image).is_file():
        todo = "Write the absolute path of an image file, or a name like fedora."
        yield reading.problem("image", "there is no such file on this computer", todo)


def _port_problems(store: ConfigStore, reading: Reading) -> Iterator[Problem]:
    others = []
    for name in store.names():
        if name != reading.config.name:
            with suppress(DvmError):  # a broken config of another VM must not stop this one
                others.append(store.read(name))
    for place, what, todo in port_conflicts(reading.config, others):
        yield reading.problem(".".join(place), what, todo)


def _wish(recipe: recipes.Recipe, config: VmConfig, library: str, shelf: recipes.Shelf) -> RecipeWish:
    values = recipes.param_values(recipe, config.params.get(recipe.name, {}))
    releases, beside = shelf.releases(recipe.name), shelf.files(recipe)
    digest = recipes.recipe_hash(recipe, library, values, releases, beside)
    variables = {recipes.variable_name(name, is_secret=False): value for name, value in values.items()}
    return RecipeWish(recipe, digest, variables, releases, beside)


def check_secrets(ordered: tuple[recipes.Recipe, ...], secrets: Mapping[str, bytes]) -> None:
    """Raise UsageError for a secret that none of the recipes takes."""
    takers = {param.name for recipe in ordered for param in recipes.secret_params(recipe)}
    for name in secrets:
        if name not in takers:
            known = ", ".join(sorted(takers)) or "none"
            raise UsageError(
                f"No recipe of this VM takes a secret {name!r}.", f"Secrets that its recipes take: {known}."
            )


def _known_id(paths: Paths, vm: str) -> str:
    known = read_note(paths, vm, "identity")
    return known if is_id(known) else ""


def read_note(paths: Paths, vm: str, name: str) -> str:
    """One line that we keep about a VM (`identity`, `approved-hook`, `key.pub`), "" where there is none."""
    with suppress(FileNotFoundError):
        return files.read_bounded(paths.vm_state(vm) / name, 10_000).decode("utf-8", "replace").strip()
    return ""


def write_note(paths: Paths, vm: str, name: str, line: str) -> None:
    """Keep one line about a VM."""
    files.write_whole(files.private_folder(paths.vm_state(vm)) / name, f"{line}\n".encode())
