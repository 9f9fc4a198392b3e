"""Drafts of configs: the file that would be written, its problems, and the steps that a sync would take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dvmweb import files, plans, recipes
from dvmweb.config import stray_files, yaml_editor, yaml_reader
from dvmweb.config.line_ends import ended_like, plain
from dvmweb.config.model import FIELDS, Defaults, VmConfig
from dvmweb.config.store import ConfigStore
from dvmweb.config.validate import IN_PARTS, Reading, defaults_of, judge
from dvmweb.config.values import size_text
from dvmweb.config.yaml_reader import Document
from dvmweb.errors import ConfigError, DvmError, NoEngine, NotFound, Problem, UsageError
from dvmweb.jobs.inputs import beyond_the_file, desired_recipes, recipes_of, scripts
from dvmweb.lima.engine import find_engine
from dvmweb.lima.lima_yaml.known_images import known_images
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.lima.lima_yaml.rendering import desired_instance
from dvmweb.names import check_socket_path, instance_name, vm_name
from dvmweb.paths import Paths
from dvmweb.verbs import configs

if TYPE_CHECKING:
    from dvmweb.lima.instances import Instance
    from dvmweb.plans import Step

STAND_IN = "app"  # the name of a VM without a name, so that the rest of its draft can be checked
BLANK_ID = "0" * 32  # steps that are only shown do not depend on an id


@dataclass(frozen=True)
class Source:
    """The text on which a draft is based: that of the file, or one typed instead."""

    name: str
    data: bytes = b""  # the file on disk
    digest: str = ""  # of `data`; "" if there is no file
    text: str = ""
    document: Document = field(default_factory=lambda: yaml_reader.empty(""))  # the parsed `text`
    problems: tuple[Problem, ...] = ()  # why `text` cannot be parsed

    def with_text(self, typed: str) -> Source:
        """The same file with a text from a form, with the line ends of the file."""
        text = ended_like(self.data.decode(), typed)
        try:
            return replace(self, text=text, document=_scan(text), problems=())
        except ConfigError as error:
            return replace(self, text=text, document=yaml_reader.empty(""), problems=error.problems)


@dataclass(frozen=True)
class Draft:
    """A config that is not saved, and everything known about it without a guest."""

    source: Source
    values: Mapping[str, object]  # the fields of the file
    text: str  # the text of the file; that of `source` if the changes cannot be written
    config: VmConfig | None  # its valid part; None if there is none
    recipes: tuple[recipes.Recipe, ...]  # with all recipes that they need, in run order
    problems: tuple[Problem, ...]
    has_values: bool = True  # whether `text` contains `values`

    @property
    def is_new(self) -> bool:
        return not self.source.digest

    @property
    def is_plain(self) -> bool:
        """Whether a new file has only fields; then all others are added as comments with their defaults."""
        return self.is_new and self.text.rstrip("\n") == _laid_out(self.values).rstrip("\n")


@dataclass(frozen=True)
class Drafts:
    """Makes and saves drafts. Nothing is cached, and only `save` writes."""

    paths: Paths
    environ: Mapping[str, str]

    def defaults(self) -> tuple[Defaults, tuple[Problem, ...]]:
        """The valid part of config.yaml and the problems of the rest. Never raises ConfigError."""
        try:
            return defaults_of(self._defaults_file())
        except ConfigError as error:
            return Defaults(), error.problems

    def images(self) -> tuple[str, ...]:
        """The names of images that exist, for a list to choose from."""
        with suppress(NoEngine):
            return known_images(find_engine(self.environ, self.paths))
        return known_images(None)

    def filled(self, values: Mapping[str, object]) -> Source:
        """A new VM without a name, with these values."""
        return Source("").with_text(_laid_out(values))

    def source(self, name: str) -> Source:
        """The config of a VM on disk. Raises NotFound, and ConfigError for a file that is not text."""
        data, digest = ConfigStore(self.paths).source(name)
        return Source(name, data, digest).with_text(yaml_reader.decoded(data, str(self.paths.vm_config(name))))

    def draft(self, source: Source, changes: Mapping[str, object], instance: Instance | None = None) -> Draft:
        """The draft of `source` with `changes` and all its problems; `instance`: the VM's, None if not known."""
        defaults, problems = self.defaults()
        found = [*problems, *self._name_problems(source)]
        if source.problems:
            return Draft(source, {}, source.text, None, (), (*found, *source.problems), has_values=not changes)
        values = _with(source.document.data, changes)
        text, document, unwritable = _text(source, changes, values)
        name = _usable_name(source.name)
        document = replace(document, file=str(self.paths.vm_config(name)))
        reading, config = _judged(name, document, self._shared(defaults))
        ordered, beyond = self._beyond(reading)
        # Inherited values have no line in this file.
        judged = (*reading.problems, *beyond)
        found += [
            replace(one, line=0) if one.file == document.file and _head(one) not in values else one for one in judged
        ]
        if config is not None:
            found += _smaller_disk(config, instance)
        # Why a text cannot be written is usually a problem of a value, which is reported there.
        found += unwritable if not found else ()
        return Draft(source, values, text, config, ordered, tuple(found), has_values=not unwritable)

    def steps(self, draft: Draft, instance: Instance | None, options: plans.Options) -> tuple[Step, ...]:
        """The steps of a sync of the draft, for `instance` as last listed; asks neither the engine nor the guest.

        Raises NoEngine, and ConfigError or UsageError for a draft that cannot be applied.
        """
        if draft.config is None:
            raise ConfigError(draft.problems)
        plan_input = plans.PlanInput(
            config=draft.config,
            desired=desired_instance(draft.config),
            overlay=read_overlay(self.paths.overlay_file),
            recipes=desired_recipes(self.paths, draft.config, recipes_of(self.paths, draft.config)),
            scripts=scripts(self.paths),
            engine=find_engine(self.environ, self.paths),
            lima_home=self.paths.lima_home,
            lima_file=self.paths.vm_state(draft.config.name) / "lima.yaml",
            known_id=BLANK_ID,
            new_id=BLANK_ID,
            nonce=BLANK_ID,
            instance=instance,
            is_listed=True,
        )
        return plans.plan("sync", plan_input, options)

    def save(self, draft: Draft) -> None:
        """Write the draft. Raises ConfigError for its problems, ChangedOnDisk, DvmError; then nothing was written."""
        if draft.problems:
            raise ConfigError(draft.problems)
        store, source = ConfigStore(self.paths), draft.source
        try:
            if draft.is_new and self._is_taken(source.name):  # created since the draft was checked
                raise files.ChangedOnDisk(f"The VM {source.name} already exists.", "Nothing was written.")
            if draft.is_plain:
                store.create(source.name, draft.values)
                configs.refresh_schema(self.paths)
            else:
                store.replace(source.name, draft.text.encode(), source.digest)
        except NotFound as error:  # deleted since it was read
            raise files.ChangedOnDisk(error.what, "Nothing was written.") from error
        except OSError as error:
            what = f"The config of {source.name} could not be written: {error.strerror or error}."
            raise DvmError(what, f"Check the folder {self.paths.config / 'vms'}. Nothing was changed.") from error

    def _defaults_file(self) -> Document:
        try:
            return ConfigStore(self.paths).defaults_file()
        except UsageError as error:
            path = str(self.paths.config_file)
            raise ConfigError([Problem("", error.what.rstrip("."), error.todo, path)]) from error

    def _name_problems(self, source: Source) -> list[Problem]:
        """Why a new VM cannot have its name, except for the rules of names."""
        if source.digest:
            return []
        if not source.name:
            return [Problem("name", "is missing", "Give the VM a name, like app.")]
        try:
            check_socket_path(str(self.paths.lima_home), source.name)
            if self._is_taken(source.name):
                return [
                    Problem("name", f"There is a VM {source.name} already", "Choose another name, or edit that VM.")
                ]
            if error := stray_files.why_not_new(self.paths, source.name):
                raise error
        except UsageError as error:
            return [Problem("name", error.what.rstrip("."), error.todo)]
        return []

    def _is_taken(self, name: str) -> bool:
        path = self.paths.vm_config(name)
        return path.exists() or path.is_symlink()

    def _beyond(self, reading: Reading) -> tuple[tuple[recipes.Recipe, ...], tuple[Problem, ...]]:
        try:
            return beyond_the_file(self.paths, reading)
        except UsageError as error:  # an unreadable folder must not discard what was typed
            return (), (Problem("", error.what.rstrip("."), error.todo),)

    def _shared(self, defaults: Defaults) -> Document:
        """The valid part of config.yaml, with the lines of bundles only: the draft can override everything else."""
        lines: Mapping[str, int] = {}
        with suppress(ConfigError):
            lines = self._defaults_file().lines
        bundles = {name: list(members) for name, members in defaults.bundles.items()}
        document = _document(str(self.paths.config_file), {**defaults.values, "bundles": bundles})
        return replace(document, lines={at: line for at, line in lines.items() if at.startswith("bundles.")})


def _head(problem: Problem) -> str:
    return problem.field.partition(".")[0]


def _smaller_disk(config: VmConfig, instance: Instance | None) -> list[Problem]:
    if instance is None or config.disk >= instance.disk:
        return []
    size = size_text(instance.disk)
    return [Problem("disk", f"The disk has {size} and cannot get smaller", f"Write {size} or more.")]


def _document(file: str, values: Mapping[str, object]) -> Document:
    return replace(yaml_reader.empty(file), data=dict(values))


def _usable_name(name: str) -> str:
    with suppress(UsageError):
        return vm_name(name)
    return STAND_IN


def _judged(name: str, document: Document, shared: Document) -> tuple[Reading, VmConfig | None]:
    """The reading of a document, and the config of its valid fields, None if there is none."""
    reading = judge(name, document, shared)
    if not reading.problems:
        return reading, reading.config
    # `Drafts.defaults` reports problems of config.yaml; an empty bundle would be reported twice.
    reading = replace(reading, problems=tuple(found for found in reading.problems if found.file != shared.file))
    bad = {_head(problem) for problem in reading.problems}
    good = {field: value for field, value in document.data.items() if field in FIELDS and field not in bad}
    plain = {field: value for field, value in shared.data.items() if field != "bundles"}
    rest = judge(name, replace(document, data=good), replace(shared, data=plain))
    if rest.problems:
        return reading, None
    return reading, replace(rest.config, **{field: getattr(reading.config, field) for field in IN_PARTS})


def _text(
    source: Source, changes: Mapping[str, object], values: Mapping[str, object]
) -> tuple[str, Document, tuple[Problem, ...]]:
    """The text of the file with `changes`, and the parsed text; or the unchanged text, and why it cannot be written."""
    if not changes:
        return source.text, source.document, ()
    try:
        text = _edited(source, changes, values)
        document = _scan(text)
    except UsageError as error:  # or ConfigError: a value that a file cannot contain
        return source.text, _document("", values), (Problem("", error.what.rstrip("."), error.todo),)
    if json.dumps(document.data, sort_keys=True) == json.dumps(values, sort_keys=True):
        return text, document, ()
    unsafe = Problem("", "The file could not be changed safely", "Edit the YAML instead.")
    return source.text, _document("", values), (unsafe,)


def _edited(source: Source, changes: Mapping[str, object], values: Mapping[str, object]) -> str:
    if not source.digest and source.text == _laid_out(source.document.data):
        return _laid_out(values)  # no text was typed, so the fields stay in the order of the form
    # The editor uses one line end for the file; a file with several kinds keeps them.
    return ended_like(source.data.decode(), yaml_editor.edited(plain(source.text), source.document, changes))


def _laid_out(values: Mapping[str, object]) -> str:
    """The text of a new file with only `values`."""
    fields = [name for name in FIELDS if name in values]
    return "".join(f"{line}\n" for name in fields for line in yaml_editor.field_lines(name, values[name]))


def _with(values: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    kept = {name: value for name, value in values.items() if name not in changes}
    return {**kept, **{name: value for name, value in changes.items() if value is not None}}


def _scan(text: str) -> Document:
    return yaml_reader.scan(text.encode("utf-8", "surrogatepass"), "")


def instance_of(name: str, instances: Iterable[Instance | None]) -> Instance | None:
    """The instance of a VM in a list, also for a VM without a config; None for an invalid name."""
    with suppress(UsageError):
        wanted = instance_name(name)
        return next((one for one in instances if one is not None and one.name == wanted), None)
    return None
