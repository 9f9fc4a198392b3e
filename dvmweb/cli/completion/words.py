"""The words that each argument and option can have, for completion: read from folders, never from the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from dvmweb import paths
from dvmweb.guest_text import visible
from dvmweb.paths import Paths

if TYPE_CHECKING:
    Item = CompletionItem[str]
else:
    Item = CompletionItem  # no generic class in older versions of click

MOST_JOBS = 20
Words = Callable[[Paths, click.Context], Iterator[Item]]


def vms(here: Paths, _: click.Context) -> Iterator[Item]:
    """The names of VMs with a config."""
    from dvmweb.config import stray_files

    found = stray_files.entries(here)
    yield from (Item(path.stem) for path in sorted(found) if stray_files.is_config(path))


def recipes(here: Paths, _: click.Context) -> Iterator[Item]:
    """The names of recipes."""
    from dvmweb.recipes import RecipeCatalog

    yield from (Item(name) for name in RecipeCatalog(here).names())


def checkpoints(here: Paths, context: click.Context) -> Iterator[Item]:
    """The checkpoints, by their records; those of the VM if one is typed."""
    from dvmweb.records import checkpoint_records

    for name in checkpoint_records.names(here):
        record = checkpoint_records.read(here, name)
        if context.params.get("name") in (None, "", record.vm):
            yield Item(name, help=visible(record.note, 60))


def trash(here: Paths, _: click.Context) -> Iterator[Item]:
    """The entries of the trash, by their records."""
    from dvmweb.records import trash_records

    yield from (Item(entry) for entry in trash_records.entries(here))


def bases(here: Paths, _: click.Context) -> Iterator[Item]:
    """The bases, by their records."""
    from dvmweb.records import bases as records

    yield from (Item(base.name, help=" ".join(one.name for one in base.recipes)) for base in records.read_all(here))


def jobs(here: Paths, _: click.Context) -> Iterator[Item]:
    """The first characters of the ids of the newest jobs, as `dvm jobs` shows them."""
    for job_id, about, _has_ended in _jobs(here):
        yield Item(job_id, help=about)


def open_jobs(here: Paths, _: click.Context) -> Iterator[Item]:
    """Those that can be cancelled."""
    for job_id, about, has_ended in _jobs(here):
        if not has_ended:
            yield Item(job_id, help=about)


def _jobs(here: Paths) -> Iterator[tuple[str, str, bool]]:
    from dvmweb.errors import DvmError
    from dvmweb.guest_text import visible
    from dvmweb.jobs import job_record
    from dvmweb.names import is_id

    folders = [entry for entry in here.jobs.iterdir() if is_id(entry.name)]
    for folder in sorted(folders, key=lambda entry: entry.stat().st_mtime, reverse=True)[:MOST_JOBS]:
        with suppress(DvmError, OSError):
            job = job_record.read(here, folder.name)
            yield job.id[:8], f"{job.verb} {visible(job.about, 40)}", bool(job.ended)


def vms_and_jobs(here: Paths, context: click.Context) -> Iterator[Item]:
    """What `dvm log` takes."""
    yield from vms(here, context)
    yield from jobs(here, context)


def keys(here: Paths, context: click.Context) -> Iterator[Item]:
    """The keys of a config, and the params of the recipes of the VM that is already typed."""
    from dvmweb.config.model import form_fields
    from dvmweb.config.store import ConfigStore
    from dvmweb.recipes import RecipeCatalog

    yield from (Item(field.name, help=field.label) for field in form_fields() if field.name not in ("name", "params"))
    catalog = RecipeCatalog(here)
    for recipe in ConfigStore(here).reading(str(context.params.get("name", ""))).config.recipes:
        params = (param for param in catalog.load(recipe).params if not param.secret)
        yield from (Item(f"params.{recipe}.{param.name}", help=param.label) for param in params)


def values(here: Paths, context: click.Context) -> Iterator[Item]:
    """The values that the key that is already typed can have."""
    from dvmweb.config.model import form_fields

    key = context.params.get("key")
    if key == "recipes":
        yield from recipes(here, context)
    for field in form_fields():
        if field.name == key:
            words = ("true", "false") if field.kind == "yes-no" else field.choices
            yield from (Item(word) for word in words)


def kinds(_: Paths, __: click.Context) -> Iterator[Item]:
    """The kinds of service VMs."""
    from dvmweb.config.kinds import SERVICES

    yield from (Item(kind) for kind in SERVICES)


def settings(_: Paths, __: click.Context) -> Iterator[Item]:
    """What `dvm base auto` takes."""
    yield from (Item(word) for word in ("ask", "yes", "no"))


# By the name of the parameter; in a group or command of that name, what is given there.
WORDS: Mapping[str, Words] = {
    "name": vms,
    "names": vms,
    "origin": vms,
    "recipes": recipes,
    "job": open_jobs,
    "key": keys,
    "values": values,
    "kind": kinds,
    "other": vms,
    "checkpoint": checkpoints,
    "checkpoints": checkpoints,
    "entry": trash,
    "entries": trash,
    "bases": bases,
    "setting": settings,
    "like": vms,
    "dvm log name": vms_and_jobs,
    "dvm recipe name": recipes,
    "dvm recipe names": recipes,
}
FILES = ("sources", "target", "folder", "file", "stored")  # completed by the shell
# Arguments without a list of words: new names, numbers, and what only a guest knows.
FREE = (
    "dvm init name",
    "dvm rename new",
    "dvm clone new",
    "note",
    "dvm recipe new name",
    "dvm trash restore new",
    "image",
    "command",
    "unit",
    "port",
    "ports",
    "action",
    "shell",
)


def source(place: str, parameter: str) -> str:
    """The entry of WORDS, FILES or FREE that is used for a parameter of the command `place`; "" for none."""
    whole = place.split()
    for upto in range(len(whole), 0, -1):
        name = " ".join((*whole[:upto], parameter))
        if upto > 1 and (name in WORDS or name in FREE):
            return name
    return parameter if parameter in (*WORDS, *FILES, *FREE) else ""


class Listed(click.types.StringParamType):
    """A text that is completed with words, or with files."""

    def __init__(self, words: Words | None, environ: Mapping[str, str]) -> None:
        self.words, self.environ = words, environ

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Item]:
        """The words that begin with what is typed, without those that the line has; nothing if they cannot be read."""
        if self.words is None:
            return [Item(incomplete, type="file")]
        typed = ctx.params.get(param.name or "") or ()
        given = set(typed) if isinstance(typed, tuple) else set()
        found: list[Item] = []
        with suppress(Exception):  # what was found until then is shown
            here = paths.from_environment(self.environ)
            for item in self.words(here, ctx):
                if item.value.startswith(incomplete) and item.value not in given:
                    found.append(item)
        return found


def parameters(group: click.Group, place: str) -> Iterator[tuple[str, click.Parameter]]:
    """Each parameter that takes a text, with the whole name of its command."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from parameters(command, f"{place} {name}")
        else:
            for parameter in command.params:
                if not getattr(parameter, "is_flag", False):
                    yield f"{place} {name}", parameter


def add_to(main: click.Group, environ: Mapping[str, str]) -> None:
    """Give the parameters of all commands their words."""
    for place, parameter in parameters(main, "dvm"):
        name = source(place, parameter.name or "")
        if name in WORDS or name in FILES:
            parameter.type = Listed(WORDS.get(name), environ)
