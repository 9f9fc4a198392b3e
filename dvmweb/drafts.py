"""A config that is not saved yet: what its file would say, what is wrong with it, which steps a sync would take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dvmweb import files, plans, recipes
from dvmweb.config import yaml_editor, yaml_reader
from dvmweb.config.model import FIELDS, Defaults, VmConfig
from dvmweb.config.resolve import IN_PARTS, Reading, defaults_of, judge
from dvmweb.config.store import ConfigStore
from dvmweb.config.values import size_text
from dvmweb.config.yaml_reader import Document
from dvmweb.errors import ConfigError, DvmError, NotFound, Problem, UsageError
from dvmweb.jobs.worlds import SCRIPTS, beyond_the_file, recipe_wishes, wish_of
from dvmweb.lima.engine import find_engine
from dvmweb.lima.overlay import read_overlay
from dvmweb.names import check_socket_path, instance_name, vm_name
from dvmweb.paths import Paths

if TYPE_CHECKING:
    from dvmweb.lima.instances import Instance
    from dvmweb.plans import Step

STAND_IN = "app"  # the name of a VM that has none yet, so that the rest of its draft can be judged
BLANK_ID = "0" * 32  # no step that is only shown depends on an id


@dataclass(frozen=True)
class Source:
    """The file that a draft starts from; a new VM starts from none."""

    name: str
    data: bytes = b""
    digest: str = ""  # "": there is no file
    document: Document = field(default_factory=lambda: yaml_reader.empty(""))


@dataclass(frozen=True)
class Draft:
    """A wish for one VM that nobody has saved, and all that is known of it without asking a guest."""

    source: Source
    changes: Mapping[str, object]  # as a file writes them; None removes a field
    values: Mapping[str, object]  # what the file would hold
    text: str  # the fields of a new file, or an old file with its changes; "" where it cannot be told
    config: VmConfig | None  # the good part of it; None where there is none
    recipes: tuple[recipes.Recipe, ...]  # with everything that they need, in the order in which they run
    problems: tuple[Problem, ...]

    @property
    def is_new(self) -> bool:
        return not self.source.digest


@dataclass(frozen=True)
class Drafts:
    """Drafts over one set of folders. Nothing is kept in memory, and only `save` writes."""

    paths: Paths
    environ: Mapping[str, str]

    def defaults(self) -> tuple[Defaults, tuple[Problem, ...]]:
        """The good part of config.yaml and the problems of the rest; never raises for what the file says."""
        try:
            return defaults_of(self._defaults_file())
        except ConfigError as error:
            return Defaults(), error.problems

    def source(self, name: str) -> Source:
        """The config of a VM as it lies on the disk. Raises NotFound, and ConfigError for a file that is no YAML."""
        data, digest = ConfigStore(self.paths).source(name)
        return Source(name, data, digest, yaml_reader.read(data, str(self.paths.vm_config(name))))

    def draft(self, source: Source, changes: Mapping[str, object], instance: Instance | None = None) -> Draft:
        """The draft that `changes` make of `source`, with every problem at once; `instance` is the VM's, if known."""
        kept = {name: value for name, value in source.document.data.items() if name not in changes}
        values = {**kept, **{name: value for name, value in changes.items() if value is not None}}
        defaults, problems = self.defaults()
        name = _usable_name(source.name)
        document = _document(str(self.paths.vm_config(name)), values)
        reading, config = _judged(name, document, self._shared(defaults))
        ordered, beyond = self._beyond(reading)
        found = [*problems, *self._name_problems(source), *reading.problems, *beyond]
        if config is not None:
            found += _smaller_disk(config, instance)
        text, unwritable = _text(source, changes, values)
        return Draft(source, changes, values, text, config, ordered, (*found, *unwritable))

    def steps(self, draft: Draft, instance: Instance | None, options: plans.Options) -> tuple[Step, ...]:
        """What a sync of the draft would do to `instance` as it was last listed; asks neither engine nor guest.

        Raises NoEngine, and ConfigError or UsageError for a draft that no sync could bring about.
        """
        if draft.config is None:
            raise ConfigError(draft.problems)
        shelf = recipes.Shelf(self.paths)
        ordered = recipes.order(draft.config.recipes, shelf, has_baseline=draft.config.baseline)
        world = plans.World(
            config=draft.config,
            wish=wish_of(draft.config),
            overlay=read_overlay(self.paths.overlay_file),
            recipes=recipe_wishes(self.paths, draft.config, ordered),
            scripts={name: shelf.own(name.removesuffix(".sh")) for name in SCRIPTS},
            engine=find_engine(self.environ, self.paths),
            lima_home=self.paths.lima_home,
            lima_file=self.paths.vm_state(draft.config.name) / "lima.yaml",
            known_id=BLANK_ID,
            new_id=BLANK_ID,
            nonce=BLANK_ID,
            instance=instance,
            has_looked=True,
        )
        return plans.plan("sync", world, options)

    def save(self, draft: Draft) -> None:
        """Write the draft. Raises ConfigError for its problems, ChangedOnDisk, DvmError; then nothing was written."""
        if draft.problems:
            raise ConfigError(draft.problems)
        store, source = ConfigStore(self.paths), draft.source
        try:
            if not draft.is_new:
                store.edit(source.name, draft.changes, source.digest)
            elif self._is_taken(source.name):  # by somebody else, since the draft was judged
                raise files.ChangedOnDisk(f"There is a VM {source.name} already.", "Nothing was written.")
            else:
                store.create(source.name, draft.values)
        except NotFound as error:  # deleted since it was read
            raise files.ChangedOnDisk(error.what, "Nothing was written.") from error
        except OSError as error:
            what = f"The config of {source.name} could not be written: {error.strerror or error}."
            raise DvmError(what, f"Look at {self.paths.config / 'vms'}. Nothing was changed.") from error

    def _defaults_file(self) -> Document:
        try:
            return ConfigStore(self.paths).defaults_file()
        except UsageError as error:
            path = str(self.paths.config_file)
            raise ConfigError([Problem("", error.what.rstrip("."), error.todo, path)]) from error

    def _name_problems(self, source: Source) -> list[Problem]:
        """What keeps a new VM from its name, beside the rule for names."""
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
        except UsageError as error:
            return [Problem("name", error.what.rstrip("."), error.todo)]
        return []

    def _is_taken(self, name: str) -> bool:
        path = self.paths.vm_config(name)
        return path.exists() or path.is_symlink()

    def _beyond(self, reading: Reading) -> tuple[tuple[recipes.Recipe, ...], tuple[Problem, ...]]:
        try:
            return beyond_the_file(self.paths, reading)
        except UsageError as error:  # a folder that cannot be read must not cost what was typed
            return (), (Problem("", error.what.rstrip("."), error.todo),)

    def _shared(self, defaults: Defaults) -> Document:
        """config.yaml without what is wrong in it, and of its lines those of bundles: all else a draft may say anew."""
        lines: Mapping[str, int] = {}
        with suppress(ConfigError):
            lines = self._defaults_file().lines
        bundles = {name: list(members) for name, members in defaults.bundles.items()}
        document = _document(str(self.paths.config_file), {**defaults.values, "bundles": bundles})
        return replace(document, lines={at: line for at, line in lines.items() if at.startswith("bundles.")})


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
    """What the core says of `document`, and its config with all fields that are good, None where there is none."""
    reading = judge(name, document, shared)
    if not reading.problems:
        return reading, reading.config
    # What is wrong in config.yaml is told by `Drafts.defaults`; a bundle that was left empty would be told once more.
    reading = replace(reading, problems=tuple(found for found in reading.problems if found.file != shared.file))
    bad = {problem.field.partition(".")[0] for problem in reading.problems}
    good = {field: value for field, value in document.data.items() if field in FIELDS and field not in bad}
    plain = {field: value for field, value in shared.data.items() if field != "bundles"}
    rest = judge(name, replace(document, data=good), replace(shared, data=plain))
    if rest.problems:
        return reading, None
    return reading, replace(rest.config, **{field: getattr(reading.config, field) for field in IN_PARTS})


def _text(
    source: Source, changes: Mapping[str, object], values: Mapping[str, object]
) -> tuple[str, tuple[Problem, ...]]:
    if not source.digest:
        fields = [name for name in FIELDS if name in values]
        return "\n".join(line for name in fields for line in yaml_editor.field_lines(name, values[name])), ()
    try:
        return yaml_editor.edited(source.data.decode(), source.document, changes), ()
    except UsageError as error:
        return "", (Problem("", error.what.rstrip("."), error.todo),)


def instance_of(name: str, instances: Iterable[Instance | None]) -> Instance | None:
    """The instance of a VM among those of a list, also where no config names it yet; None for a bad name."""
    with suppress(UsageError):
        wanted = instance_name(name)
        return next((one for one in instances if one is not None and one.name == wanted), None)
    return None
