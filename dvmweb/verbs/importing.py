"""Imports configs of bash DVM: reads its files as text, writes YAML, copies recipes; runs nothing of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb import files, names, recipes
from dvmweb.config import legacy, stray_files, validate, yaml_reader
from dvmweb.config.bash_dvm.conversion import DEFAULTS_FILE, Conversion, convert
from dvmweb.config.bash_dvm.mapping import RecipeFacts
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError, NotFound, UsageError
from dvmweb.guest_text import visible
from dvmweb.paths import Paths

MOST_BYTES = 64 * 1024  # of one file


@dataclass(frozen=True)
class NewFile:
    """A file that the import writes."""

    path: Path
    data: bytes


@dataclass(frozen=True)
class Import:
    """What an import writes, and its report."""

    conversion: Conversion
    new: tuple[NewFile, ...]
    same: tuple[Path, ...]  # exist with the same content
    kept: tuple[str, ...]  # names of local recipes that are in place already
    problems: tuple[str, ...]  # files that are not imported: a sentence each
    vms: tuple[str, ...]
    made: tuple[str, ...]  # VMs whose Lima instance exists

    @property
    def is_whole(self) -> bool:
        """Whether every line and file was imported."""
        return not self.conversion.left and not self.problems


def read(paths: Paths, folder: Path, only: tuple[str, ...] = ()) -> Import:
    """Prepare the import of a folder; writes nothing.

    Raises NotFound if it has no config of bash DVM or none of that name, UsageError if a file that would be written
    exists with another content, ConfigError for an invalid config.yaml.
    """
    shared_file, vm_files = legacy.bash_files(folder)
    if shared_file is None and not vm_files:
        what = f"There is no config of bash DVM in {folder}: no config.sh and no vms/NAME.sh."
        raise NotFound(what, "Give its folder: dvm import FOLDER")
    shared = _text(shared_file) if shared_file else ""
    problems: list[str] = []
    vms = dict(_vms(paths, vm_files, only, problems))
    local = _local_recipes(paths, folder, problems)
    known = _known(paths, local)
    existing = _existing(paths)
    found = convert(shared, vms, known, existing)
    _check_defaults(found)
    problems += [
        f"{name}: its config would not be valid, so it is not written" for name in vms if name not in found.vms
    ]
    wanted = [NewFile(paths.local_recipes / f"{name}.sh", recipe.text.encode()) for name, recipe in local.items()]
    if found.defaults:
        wanted.append(NewFile(paths.config_file, found.defaults.encode()))
    wanted += [NewFile(paths.vm_config(name), text.encode()) for name, text in found.vms.items()]
    new = tuple(_not_there(wanted))
    in_place = _is_same_folder(paths.local_recipes, folder / "recipes")
    return Import(
        conversion=found,
        new=new,
        same=tuple(one.path for one in wanted if one not in new),
        kept=_recipe_files(paths.local_recipes) if in_place else (),
        problems=tuple(problems),
        vms=tuple(found.vms),
        made=tuple(name for name in found.vms if (paths.lima_home / names.instance_name(name)).exists()),
    )


def write(found: Import) -> None:
    """Write the files of an import: recipes and config.yaml first, so that each VM is whole.

    Raises ChangedOnDisk if a file was created meanwhile; it stays as it is.
    """
    for one in found.new:
        one.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_whole(one.path, one.data, expected="")


def _vms(
    paths: Paths, vm_files: Iterable[Path], only: tuple[str, ...], problems: list[str]
) -> Iterable[tuple[str, str]]:
    """Name and text of each VM; files that cannot be one are problems."""
    by_name = {path.stem: path for path in vm_files}
    if missing := [name for name in only if name not in by_name]:
        raise NotFound(
            f"There is no vms/{visible(missing[0], 60)}.sh.",
            f"There are: {', '.join(visible(name, 60) for name in by_name) or 'no VMs'}.",
        )
    for name, path in by_name.items():
        if only and name not in only:
            continue
        try:
            names.check_socket_path(str(paths.lima_home), names.vm_name(name))
            if error := stray_files.why_not_new(paths, name):
                raise error
            yield name, _text(path)
        except UsageError as error:
            problems.append(f"vms/{visible(path.name, 80)}: {error.what} {error.todo}")


def _text(path: Path) -> str:
    """The text of a file; bytes that are not UTF-8 are shown as escapes and refused in values."""
    return files.read_bounded(path, MOST_BYTES, follow=True).decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def _local_recipes(paths: Paths, folder: Path, problems: list[str]) -> dict[str, recipes.Recipe]:
    """The valid recipes of the folder that are to be copied; none if it is the folder of dvm."""
    source = folder / "recipes"
    if _is_same_folder(paths.local_recipes, source):
        return {}
    found: dict[str, recipes.Recipe] = {}
    for name in _recipe_files(source):
        path = source / f"{name}.sh"
        if not names.is_recipe_name(name):
            problems.append(f"recipes/{visible(path.name, 80)} is not copied: its name is not the name of a recipe")
            continue
        try:
            found[name] = recipes.parse_header(name, files.read_script(path), path, is_local=True)
        except ConfigError as error:
            problems.append(f"recipes/{path.name} is not copied: {error.problems[0].what}. {error.problems[0].todo}")
    return found


def _recipe_files(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.sh") if path.is_file())) if folder.is_dir() else ()


def _is_same_folder(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _known(paths: Paths, local: dict[str, recipes.Recipe]) -> dict[str, RecipeFacts]:
    """The facts of all recipes that are or will be there. An invalid one has no params; a sync reports it."""
    catalog = recipes.RecipeCatalog(paths)
    found: dict[str, RecipeFacts] = {}
    for name in catalog.names():
        found[name] = RecipeFacts()
        with suppress(DvmError):
            found[name] = _facts(local.get(name) or catalog.load(name))
    return found | {name: _facts(recipe) for name, recipe in local.items()}


def _facts(recipe: recipes.Recipe) -> RecipeFacts:
    params = {param.name: param.secret for param in recipe.params}
    return RecipeFacts(recipe.needs, params, not recipe.is_local)


def _existing(paths: Paths) -> yaml_reader.Document | None:
    """config.yaml, None if there is none. Raises ConfigError if it is invalid."""
    store = ConfigStore(paths)
    store.read_defaults()
    return store.defaults_file() if paths.config_file.exists() else None


def _check_defaults(found: Conversion) -> None:
    """Raise ConfigError if config.yaml would be invalid, as with more entries than a config can have."""
    if found.defaults:
        document = yaml_reader.scan(found.defaults.encode(), DEFAULTS_FILE)
        if problems := validate.defaults_of(document)[1]:
            raise ConfigError(problems)


def _not_there(wanted: Iterable[NewFile]) -> Iterable[NewFile]:
    """The files that do not exist yet. Raises UsageError if others exist with another content."""
    different: list[Path] = []
    for one in wanted:
        if not one.path.exists() and not one.path.is_symlink():
            yield one
            continue
        try:
            is_same = files.read_bounded(one.path, files.RECIPE_BYTES, follow=True) == one.data
        except (OSError, UsageError):
            is_same = False
        if not is_same:
            different.append(one.path)
    if different:
        more = f", and {len(different) - 1} more" if len(different) > 1 else ""
        raise UsageError(
            f"{different[0]} already exists with another content{more}. Nothing was written.",
            "Move it away, or import other VMs: dvm import --only NAME",
        )
