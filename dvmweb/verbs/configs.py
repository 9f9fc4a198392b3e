"""Writes new configs, reads configs with all their errors, and lists what an incomplete one lacks.

Imports little at the top, because `dvm sync` passes its work to another process; the rest is imported where used.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dvmweb.config.kinds import SIZES
from dvmweb.config.stray_files import no_config
from dvmweb.errors import ConfigError, Problem, UsageError
from dvmweb.names import check_socket_path, vm_name
from dvmweb.paths import Paths

if TYPE_CHECKING:
    from dvmweb.config.model import VmConfig
    from dvmweb.config.store import ConfigStore


def store(paths: Paths) -> ConfigStore:
    """The store of all configs."""
    from dvmweb.config.store import ConfigStore

    return ConfigStore(paths)


def has_config(paths: Paths, name: str) -> bool:
    """Whether a VM with a config has this name; `name` can be any text."""
    with suppress(UsageError):
        return paths.vm_config(vm_name(name)).exists()
    return False


def must_have_config(paths: Paths, name: str) -> None:
    """Raise NotFound for a name without a config, with what to do."""
    if not has_config(paths, name):
        raise no_config(paths, name)


def check_config(paths: Paths, name: str) -> VmConfig:
    """The config of a VM. Raises NotFound, and ConfigError with all its errors."""
    must_have_config(paths, name)
    return store(paths).read(vm_name(name))


def init(paths: Paths, name: str, recipes: tuple[str, ...], repo: str, kind: str) -> Path:
    """Write the config of a new VM and return its path. Raises UsageError, ConfigError; then nothing was written."""
    check_socket_path(str(paths.lima_home), vm_name(name))
    given = (("kind", kind), ("repo", repo), ("recipes", list(recipes)))
    values = {field: value for field, value in given if value} | SIZES.get(kind, {})
    try:
        _check_recipes(paths, recipes)
        path = store(paths).create(name, values)
    except ConfigError as error:
        raise ConfigError(tuple(_with_option(problem) for problem in error.problems)) from error
    refresh_schema(paths)
    return path


def refresh_schema(paths: Paths, *, only_existing: bool = False) -> None:
    """Bring the file that editors check configs by up to date, see `schema_file`."""
    from dvmweb.verbs import schema_file

    schema_file.refresh(paths, only_existing=only_existing)


def _check_recipes(paths: Paths, names: tuple[str, ...]) -> None:
    from dvmweb import recipes

    bundles = store(paths).read_defaults().bundles
    recipes.order([name for name in names if name not in bundles], recipes.RecipeCatalog(paths))


def _with_option(problem: Problem) -> Problem:
    """The problem with the name of the option of `init` in place of the field, because there is no file yet."""
    option = {"repo": "--repo", "recipes": "--recipe", "kind": "--kind"}.get(problem.field.partition(".")[0])
    return replace(problem, field=option) if option and not problem.file else problem


def lacks(paths: Paths, name: str) -> tuple[Problem, ...]:
    """What is missing in a valid config before its VM can be created. Raises ConfigError, NotFound."""
    from dvmweb.jobs.inputs import beyond_the_file

    check_config(paths, name)
    return beyond_the_file(paths, store(paths).reading(name))[1]
