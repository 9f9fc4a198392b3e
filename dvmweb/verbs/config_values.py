"""Reads and changes single values of a config, by dotted keys, and lists all problems of configs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from dvmweb.config import stray_files, typed
from dvmweb.config.model import FIELDS, form_fields
from dvmweb.config.store import ConfigStore
from dvmweb.config.validate import Reading, in_order
from dvmweb.errors import ConfigError, DvmError, NotFound, Problem, UsageError
from dvmweb.guest_text import visible
from dvmweb.jobs.inputs import beyond_the_file
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.names import is_param_name, is_recipe_name
from dvmweb.paths import Paths
from dvmweb.verbs.drafts import Draft, Drafts

KEYS = tuple(field for field in FIELDS if field != "name")  # the name of the file gives that
OWN, SHARED, DEFAULT = "config", "config.yaml", "default"  # where a value comes from


@dataclass(frozen=True)
class Setting:
    """A value that is used for a VM, and where it comes from; `file` and `line` only if a file contains it."""

    key: str
    value: object
    origin: str  # config, config.yaml or default
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Change:
    """A change of one value that was written, or that was not necessary; None: the file does not contain it."""

    key: str
    old: object
    new: object

    @property
    def is_one(self) -> bool:
        """Whether something was written."""
        return self.old != self.new or type(self.old) is not type(self.new)


# -- get ---------------------------------------------------------------------------------------------------------------


def settings(paths: Paths, name: str) -> tuple[Setting, ...]:
    """The value of every field. Raises NotFound, and ConfigError with all problems."""
    reading = _read(paths, name)
    return tuple(_setting(reading, key) for key in KEYS)


def setting(paths: Paths, name: str, key: str) -> Setting:
    """The value at a dotted key. Raises NotFound for one without a value, UsageError for a key that cannot exist."""
    _field_of(key)
    return _setting(_read(paths, name), key)


def _read(paths: Paths, name: str) -> Reading:
    reading = ConfigStore(paths).reading(name)
    if reading.problems:
        raise ConfigError(reading.problems)
    return reading


def _setting(reading: Reading, key: str) -> Setting:
    field, *rest = key.split(".")
    value = list(reading.written) if field == "recipes" else reading.config.file_value(field)
    for part in rest:
        value = _below(value, part, key)
    for origin, document in zip((OWN, SHARED), reading.documents, strict=True):
        if key in document.lines:
            return Setting(key, value, origin, document.file, document.lines[key])
    return Setting(key, value, DEFAULT)


def _below(value: object, part: str, key: str) -> object:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdecimal() and 1 <= int(part) <= len(value):
        return value[int(part) - 1]
    raise NotFound(f"{visible(key, 80)} is not set.", "`dvm config get NAME` lists all values.")


def _field_of(key: str) -> str:
    """The field of a key. Raises UsageError if there is none."""
    field = key.partition(".")[0]
    if field in KEYS:
        return field
    if field == "name":
        raise UsageError("The name of a VM is the name of its file.", "`dvm ls` lists all VMs.")
    near = difflib.get_close_matches(field, KEYS, 1)
    todo = f"Write {near[0]}." if near else f"The fields are {', '.join(KEYS)}."
    raise UsageError(f"{visible(field, 60)} is not a field of a config.", todo)


# -- set ---------------------------------------------------------------------------------------------------------------


def change(
    drafts: Drafts, name: str, key: str, words: Sequence[str] | None, instance: Instance | None = None
) -> Change:
    """Write the value at a key, typed as `words`; None removes it. The other lines of the file stay as they are.

    Raises NotFound, UsageError for a key that cannot be set, ConfigError with what would not be valid, and
    ChangedOnDisk; then nothing was written.
    """
    source = drafts.source(name)
    if source.problems:
        raise ConfigError(source.problems)
    document = source.document.data
    old, changes = _changes(document, name, key, words)
    new = _at(changes, key)
    found = Change(key, old, new)
    if found.is_one:
        draft = drafts.draft(source, changes, instance)
        if draft.problems:
            raise ConfigError(_of_change(drafts.draft(source, {}), draft, key))
        drafts.save(draft)
    return found


def _changes(
    document: Mapping[str, object], name: str, key: str, words: Sequence[str] | None
) -> tuple[object, dict[str, object]]:
    """The value at a key in a file, and the fields to change."""
    field, *rest = _field_of(key), *key.split(".")[1:]
    kind = next(one.kind for one in form_fields() if one.name == field)
    if kind == "params":
        return _param_changes(document, name, key, words)
    if rest:
        raise UsageError(f"{visible(key, 80)} cannot be set alone.", f"Set all of it: dvm config set {name} {field} …")
    if words is None:
        return document.get(field), {field: None}
    if kind != "list" and len(words) > 1:
        raise UsageError(f"{field} has one value, not {len(words)}.", "Put a value with spaces in quotes.")
    value = typed.value_of(kind, " ".join(words))
    if value is None:
        raise UsageError("The value is empty.", f"To remove the field: dvm config set {name} {field} --unset")
    return document.get(field), {field: value}


def _param_changes(
    document: Mapping[str, object], name: str, key: str, words: Sequence[str] | None
) -> tuple[object, dict[str, object]]:
    parts = key.split(".")
    if len(parts) != 3 or not is_recipe_name(parts[1]) or not is_param_name(parts[2]):
        todo = f"Name a recipe and its param, like: dvm config set {name} params.node.corepack_version 0.34.0"
        raise UsageError(f"{visible(key, 80)} is not the key of a param.", todo)
    if words is not None and len(words) > 1:
        raise UsageError(f"{key} has one value, not {len(words)}.", "Put a value with spaces in quotes.")
    _, recipe, param = parts
    given = document.get("params")
    params = {str(one): value for one, value in given.items()} if isinstance(given, dict) else {}
    entries = params.get(recipe)
    values = dict(entries) if isinstance(entries, dict) else {}
    old = values.pop(param, None)
    if words is not None:
        values = {**(entries if isinstance(entries, dict) else {}), param: typed.param_value(words[0], old)}
    params = {**params, recipe: values}
    return old, {"params": {one: value for one, value in params.items() if value} or None}


def _at(changes: Mapping[str, object], key: str) -> object:
    value: object = changes
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _of_change(before: Draft, after: Draft, key: str) -> tuple[Problem, ...]:
    """The problems of a change: those of the value without a line, as the file does not contain it; others with it."""
    known = {(one.field, one.what): one for one in before.problems}
    field = key.partition(".")[0]
    new = (replace(one, file="", line=0) for one in after.problems if (one.field, one.what) not in known)
    old = (one for one in before.problems if one.field.partition(".")[0] != field)
    return (*new, *old) or after.problems


# -- validate ----------------------------------------------------------------------------------------------------------


def all_problems(paths: Paths, names: Iterable[str] = ()) -> dict[str, tuple[Problem, ...]]:
    """The problems by VM; under "" those of files that all VMs share. Without `names`, of all configs.

    Raises NotFound for a name without a config.
    """
    wanted, store = tuple(names), ConfigStore(paths)
    shared = [*_shared(paths), *(() if wanted else stray_files.problems(paths))]
    found: dict[str, tuple[Problem, ...]] = {}
    for name in wanted or store.names():
        problems = tuple(in_order(_own(paths, store, name)))
        ours = str(paths.vm_config(name))
        found[name] = tuple(one for one in problems if one.file == ours)
        shared += [one for one in problems if one.file != ours]
    return {"": tuple(dict.fromkeys(shared)), **found}


def _own(paths: Paths, store: ConfigStore, name: str) -> Iterator[Problem]:
    try:
        reading = store.reading(name)
        yield from reading.problems
        yield from beyond_the_file(paths, reading)[1]
    except ConfigError as error:
        yield from error.problems
    except NotFound:
        raise
    except UsageError as error:
        yield Problem("", error.what.rstrip("."), error.todo, str(paths.vm_config(name)))


def _shared(paths: Paths) -> Iterator[Problem]:
    """The problems of config.yaml and lima.yaml."""
    for path, read in (
        (paths.config_file, lambda: ConfigStore(paths).read_defaults()),
        (paths.overlay_file, lambda: read_overlay(paths.overlay_file)),
    ):
        try:
            read()
        except ConfigError as error:
            yield from error.problems
        except UsageError as error:
            yield Problem("", error.what.rstrip("."), error.todo, str(path))


def instance_for(drafts: Drafts, name: str, key: str) -> Instance | None:
    """The instance of the VM where the check of a new value needs it; None if not, or if the engine fails."""
    from dvmweb.verbs import listing

    if key == "disk":
        with suppress(DvmError):
            vms = listing.list_vms(drafts.paths, drafts.environ)
            return next((vm.instance for vm in vms if vm.name == name), None)
    return None
