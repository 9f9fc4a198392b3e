"""Read from disk all that a plan depends on: config, recipes, guest scripts, ids."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from dvmweb import files, recipes
from dvmweb.config.model import VmConfig
from dvmweb.config.resolve import port_conflicts
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError, UsageError
from dvmweb.lima.engine import find_engine
from dvmweb.lima.overlay import read_overlay
from dvmweb.lima.rendering import Wish
from dvmweb.names import check_socket_path, instance_name, is_id, new_id
from dvmweb.paths import Paths
from dvmweb.plans import RecipeWish, World

SCRIPTS = tuple(
    f"_{name}.sh"
    for name in ("lib", "state", "apply", "identity", "keys", "clone", "code_dir", "hook", "show_hook", "work")
)


def load_world(
    paths: Paths, environ: Mapping[str, str], vm: str, verb: str, secrets: Mapping[str, bytes] = {}
) -> World:
    """The world of one VM before anything was asked of the engine.

    Raises NotFound without a config, ConfigError with all its errors, NoEngine, UsageError for a secret nobody takes.
    """
    store = ConfigStore(paths)
    config = store.read(vm)
    check_socket_path(str(paths.lima_home), vm)
    engine = find_engine(environ, paths)
    wishes = recipe_wishes(paths, config, secrets) if verb == "sync" else ()
    if verb == "sync":
        _check_ports(store, config)
    return World(
        config=config,
        wish=wish_of(config),
        overlay=read_overlay(paths.overlay_file),
        recipes=wishes,
        scripts={name: _script(paths, name) for name in SCRIPTS},
        engine=engine,
        lima_home=paths.lima_home,
        lima_file=paths.vm_state(vm) / "lima.yaml",
        known_id=_known_id(paths, vm),
        new_id=new_id(),
        nonce=new_id(),
        approved_hook=read_note(paths, vm, "approved-hook"),
        key_note=read_note(paths, vm, "key.pub"),
        secrets=dict(secrets),
    )


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


def recipe_wishes(paths: Paths, config: VmConfig, secrets: Mapping[str, bytes]) -> tuple[RecipeWish, ...]:
    """The recipes of a config in their order, with params; all errors at once."""
    shelf = recipes.Shelf(paths)
    ordered = recipes.order(config.recipes, shelf, has_baseline=config.baseline)
    problems = [
        problem for recipe in ordered for problem in recipes.validate_params(recipe, config.params.get(recipe.name, {}))
    ]
    if problems:
        raise ConfigError(problems)
    _check_secrets(ordered, secrets)
    library = _script(paths, "_lib.sh")
    return tuple(_wish(recipe, config, library) for recipe in ordered)


def _wish(recipe: recipes.Recipe, config: VmConfig, library: str) -> RecipeWish:
    values = recipes.param_values(recipe, config.params.get(recipe.name, {}))
    digest = recipes.recipe_hash(recipe, library, values)
    return RecipeWish(
        recipe, digest, {recipes.variable_name(name, is_secret=False): value for name, value in values.items()}
    )


def _check_secrets(ordered: tuple[recipes.Recipe, ...], secrets: Mapping[str, bytes]) -> None:
    takers = {param.name for recipe in ordered for param in recipes.secret_params(recipe)}
    for name in secrets:
        if name not in takers:
            known = ", ".join(sorted(takers)) or "none"
            raise UsageError(
                f"No recipe of this VM takes a secret {name!r}.", f"Secrets that its recipes take: {known}."
            )


def _check_ports(store: ConfigStore, config: VmConfig) -> None:
    others = []
    for name in store.names():
        with suppress(DvmError):  # a broken config of another VM must not stop this one
            others.append(store.read(name))
    problems = port_conflicts(others, of=config.name)
    if problems:
        raise ConfigError(problems)


def _script(paths: Paths, name: str) -> str:
    return files.read_bounded(paths.bundled_recipes / name, files.RECIPE_BYTES).decode()


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
