"""Reads the input of a plan from disk: config, recipes, guest scripts, ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvmweb import files, recipes
from dvmweb.config.model import VmConfig
from dvmweb.config.store import ConfigStore
from dvmweb.config.validate import Reading, in_order, port_conflicts
from dvmweb.errors import ConfigError, DvmError, Problem, UsageError
from dvmweb.guest import bundled
from dvmweb.lima import image_file
from dvmweb.lima.engine import find_engine
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.lima.lima_yaml.rendering import desired_instance
from dvmweb.names import base_of_instance, check_socket_path, is_id, new_id
from dvmweb.paths import Paths
from dvmweb.plans import DesiredRecipe, PlanInput
from dvmweb.records.kept_records import COPY_OF


def load_input(
    paths: Paths, environ: Mapping[str, str], vm: str, verb: str, secrets: Mapping[str, bytes] = {}
) -> PlanInput:
    """The plan input of a VM, without its instance and guest state.

    Raises NotFound without a config, ConfigError with all its errors, NoEngine, UsageError for an unused secret.
    """
    store = ConfigStore(paths)
    if verb == "sync":
        config, overlay, wanted_recipes = _checked(paths, store, vm, secrets)
    else:
        config, overlay, wanted_recipes = store.read(vm), read_overlay(paths.overlay_file), ()
    return input_of(paths, environ, config, overlay, wanted_recipes, secrets)


def input_of(
    paths: Paths,
    environ: Mapping[str, str],
    config: VmConfig,
    overlay: Mapping[str, Any],
    wanted_recipes: tuple[DesiredRecipe, ...],
    secrets: Mapping[str, bytes],
) -> PlanInput:
    """The plan input of a valid config. Raises NoEngine, UsageError for a path that is too long for a socket."""
    vm = config.name
    copy_of = read_note(paths, vm, COPY_OF)
    is_base_copy = base_of_instance(copy_of) is not None
    check_socket_path(str(paths.lima_home), vm)
    engine = find_engine(environ, paths)
    return PlanInput(
        config=config,
        desired=desired_instance(config),
        overlay=overlay,
        recipes=wanted_recipes,
        scripts=scripts(paths),
        engine=engine,
        lima_home=paths.lima_home,
        lima_file=paths.vm_state(vm) / "lima.yaml",
        known_id=_known_id(paths, vm),
        new_id=new_id(),
        nonce=new_id(),
        approved_hook=read_note(paths, vm, "approved-hook"),
        key_note=read_note(paths, vm, "no-key"),
        is_copy=bool(copy_of) and not is_base_copy,
        is_base_copy=is_base_copy,
        secrets=dict(secrets),
    )


def scripts(paths: Paths) -> dict[str, str]:
    """The bundled guest scripts and the library of recipes, by file name. Raises ConfigError."""
    return bundled.scripts() | recipes.RecipeCatalog(paths).library()


def _checked(
    paths: Paths, store: ConfigStore, vm: str, secrets: Mapping[str, bytes]
) -> tuple[VmConfig, dict[str, Any], tuple[DesiredRecipe, ...]]:
    """Config, overlay and recipes of a sync. Raises one ConfigError with all problems of the three."""
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
    return config, overlay, desired_recipes(paths, config, ordered)


def beyond_the_file(paths: Paths, reading: Reading) -> tuple[tuple[recipes.Recipe, ...], tuple[Problem, ...]]:
    """The known recipes of a config in run order, and the problems with recipes, params, image and other VMs' ports."""
    config, catalog = reading.config, recipes.RecipeCatalog(paths)
    places = {name: reading.problem(reading.recipe_place(name), "", "") for name in config.recipes}
    ordered, unknown = recipes.arrange(config.recipes, catalog, has_baseline=config.baseline, places=places)
    problems = [*unknown, *_recipe_problems(reading, catalog, ordered)]
    problems += [*_image_problems(paths, reading), *_port_problems(ConfigStore(paths), reading)]
    return ordered, tuple(problems)


def recipes_of(paths: Paths, config: VmConfig) -> tuple[recipes.Recipe, ...]:
    """The recipes of a VM in the order in which they run. Raises ConfigError."""
    return recipes.order(config.recipes, recipes.RecipeCatalog(paths), has_baseline=config.baseline)


def desired_recipes(paths: Paths, config: VmConfig, ordered: tuple[recipes.Recipe, ...]) -> tuple[DesiredRecipe, ...]:
    """Valid recipes with the params that the config gives them."""
    catalog = recipes.RecipeCatalog(paths)
    library = "".join(catalog.library().values())
    return tuple(_desired_recipe(recipe, config, library, catalog) for recipe in ordered)


def _recipe_problems(
    reading: Reading, catalog: recipes.RecipeCatalog, ordered: tuple[recipes.Recipe, ...]
) -> Iterator[Problem]:
    """Problems of params that no recipe takes or that are missing, and of bundles with the name of a recipe."""
    params, known = reading.config.params, catalog.names()
    for recipe in ordered:
        given = params.get(recipe.name, {})
        for found in recipes.validate_params(recipe, given):
            yield reading.problem(found.field, found.what, found.todo)
        listed = reading.problem(reading.recipe_place(recipe.name), "", "")
        for found in recipes.missing_params(recipe, given):  # reported at the line that lists the recipe
            yield replace(found, file=listed.file, line=listed.line)
    for name in params:
        if name not in (*known, *reading.config.recipes):  # an unknown recipe is reported in the list of recipes
            yield reading.problem(f"params.{name}", "there is no such recipe", f"Known recipes: {', '.join(known)}.")
    for name in reading.bundles:
        if name in known:
            yield reading.problem(f"bundles.{name}", "a recipe has the same name", "Give the bundle another name.")


def _image_problems(paths: Paths, reading: Reading) -> Iterator[Problem]:
    """The problem of a local image file that is not usable; after the creation Lima has a copy, and there is none."""
    image, is_made = reading.config.image, (paths.lima_home / reading.config.instance).exists()
    if image.startswith("/") and not is_made and (why := image_file.why_not(image)):
        yield reading.problem("image", why, f"{image_file.TODO} Or a name like fedora.")


def _port_problems(store: ConfigStore, reading: Reading) -> Iterator[Problem]:
    others = []
    for name in store.names():
        if name != reading.config.name:
            with suppress(DvmError):  # a broken config of another VM must not stop this one
                others.append(store.read(name))
    for place, what, todo in port_conflicts(reading.config, others):
        yield reading.problem(".".join(place), what, todo)


def _desired_recipe(
    recipe: recipes.Recipe, config: VmConfig, library: str, catalog: recipes.RecipeCatalog
) -> DesiredRecipe:
    values = recipes.param_values(recipe, config.params.get(recipe.name, {}))
    releases, beside = catalog.releases(recipe.name), bundled.recipe_files(recipe.files)
    digest = recipes.recipe_hash(recipe, library, values, releases, beside)
    variables = {recipes.variable_name(name, is_secret=False): value for name, value in values.items()}
    return DesiredRecipe(recipe, digest, variables, releases, beside)


def check_secrets(ordered: tuple[recipes.Recipe, ...], secrets: Mapping[str, bytes]) -> None:
    """Raise UsageError for a secret that none of the recipes takes."""
    takers = {param.name for recipe in ordered for param in recipes.secret_params(recipe)}
    for name in secrets:
        if name not in takers:
            known = ", ".join(sorted(takers)) or "none"
            raise UsageError(f"No recipe of this VM takes a secret {name!r}.", f"Secrets of its recipes: {known}.")


def _known_id(paths: Paths, vm: str) -> str:
    known = read_note(paths, vm, "identity")
    return known if is_id(known) else ""


def read_note(paths: Paths, vm: str, name: str) -> str:
    """One stored line about a VM (`identity`, `approved-hook`, `key.pub`), "" if there is none."""
    with suppress(FileNotFoundError):
        return files.read_bounded(paths.vm_state(vm) / name, 10_000).decode("utf-8", "replace").strip()
    return ""


def write_note(paths: Paths, vm: str, name: str, line: str) -> None:
    """Store one line about a VM."""
    files.write_whole(files.private_folder(paths.vm_state(vm)) / name, f"{line}\n".encode())
