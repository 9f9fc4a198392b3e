"""The config of one VM: its fields with their help, checks and defaults."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dvmweb import names
from dvmweb.config import fields, kinds
from dvmweb.config.fields import PortForward
from dvmweb.config.values import UNITS, Wrong, each, size_text, yes_no

CODE_DIR = "~/code/{name}"  # the default; {name} is the VM's
ARCHS = ("default", "x86_64", "aarch64")
Params = dict[str, dict[str, str | int | bool]]


def _about(
    check: Callable[..., object],
    kind: str,
    title: str,
    description: str,
    example: object,
    needs: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A field of the config. `check` gets its value, then those of the fields in `needs` (None for an invalid one)."""
    return {
        "check": check,
        "kind": kind,
        "title": title,
        "description": description,
        "example": example,
        "needs": needs,
        "choices": choices,
    }


def _code_dir(value: object, name: str | None, user: str | None) -> str:
    return fields.code_dir(f"~/code/{name or 'app'}" if value == CODE_DIR else value, name, user)


@dataclass(frozen=True, kw_only=True)
class VmConfig:
    """The config of one VM, made by `from_values`. Sizes are in bytes; paths are in the guest."""

    name: str = dataclasses.field(
        metadata=_about(
            fields.vm_name,
            "text",
            "Name",
            "The name of the VM: lowercase letters, digits and single hyphens.",
            "app",
        )
    )
    kind: str = dataclasses.field(
        default=kinds.PROJECT,
        metadata=_about(
            fields.one_of(*kinds.KINDS),
            "choice",
            "Kind",
            "What the VM is for: vm is for a project; llama, cloudflared and tailscale are services, which run the "
            "recipe of the same name and have no repository.",
            "llama",
            choices=kinds.KINDS,
        ),
    )
    repo: str = dataclasses.field(
        default="",
        metadata=_about(
            fields.repo,
            "text",
            "Repository",
            "The Git repository that the first sync clones into the code folder; for a private one use the SSH "
            "URL, and add the VM's SSH key to it.",
            "git@github.com:you/app.git",
            ("kind",),
        ),
    )
    cpus: int = dataclasses.field(
        default=2,
        metadata=_about(fields.cpus, "number", "CPUs", "The number of processor cores, from 1 to 64.", 4),
    )
    memory: int = dataclasses.field(
        default=4 * UNITS["GiB"],
        metadata=_about(fields.memory, "size", "Memory", "The memory of the VM, in MiB, GiB or TiB.", "8GiB"),
    )
    disk: int = dataclasses.field(
        default=20 * UNITS["GiB"],
        metadata=_about(
            fields.disk,
            "size",
            "Disk",
            "The maximum size of the disk; it can grow later, but never shrink.",
            "40GiB",
        ),
    )
    image: str = dataclasses.field(
        default="fedora",
        metadata=_about(
            fields.image,
            "text",
            "Image",
            "The system of the VM: fedora, debian or ubuntu, one with its version, or the absolute path of an image "
            "file on the host; applies when the VM is created.",
            "debian-13",
        ),
    )
    arch: str = dataclasses.field(
        default="default",
        metadata=_about(
            fields.one_of(*ARCHS),
            "choice",
            "Architecture",
            "The processor of the VM: default is that of the host; any other is slow.",
            "x86_64",
            choices=ARCHS,
        ),
    )
    user: str = dataclasses.field(
        default="dev",
        metadata=_about(
            fields.user, "text", "User", "The main account in the guest; applies when the VM is created.", "dev"
        ),
    )
    code_dir: str = dataclasses.field(
        metadata=_about(
            _code_dir,
            "text",
            "Code folder",
            "The folder of the project in the guest; ~ is the guest's home.",
            "~/code/app",
            ("name", "user"),
        )
    )
    ports: tuple[PortForward, ...] = dataclasses.field(
        default=(),
        metadata=_about(
            fields.ports,
            "list",
            "Ports",
            'Guest ports to open on 127.0.0.1 of the host: 3000, or "8080:80" for host port 8080 to guest port 80.',
            [3000, "8080:80"],
        ),
    )
    recipes: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=_about(
            fields.recipes,
            "list",
            "Recipes",
            "What to install, in this order: recipes or bundles.",
            ["git", "node"],
        ),
    )
    params: Params = dataclasses.field(
        default_factory=dict,
        metadata=_about(
            fields.params,
            "params",
            "Params",
            "Settings of recipes: for each recipe the params of its header with their values; never a secret.",
            {"node": {"corepack_version": "0.34.0"}},
        ),
    )
    baseline: bool = dataclasses.field(
        default=True,
        metadata=_about(
            yes_no, "yes-no", "Baseline", "Whether the baseline recipe runs first; most other recipes need it.", False
        ),
    )
    idle_stop: int = dataclasses.field(
        default=0,
        metadata=_about(
            fields.idle_stop,
            "number",
            "Stop when idle",
            "After how many hours without use, up to 720, the dashboard stops the VM, unless a program of a user runs "
            "in it; 0 is never.",
            8,
        ),
    )

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> VmConfig:
        """The config of `values`, given as in a file, with defaults. Raises Wrong with the faults of all fields."""
        given = {"code_dir": CODE_DIR, **values}
        found: dict[str, Any] = {}

        def take(name: str) -> None:
            found[name] = _value(name, given, found)

        places = (*FIELDS, *(name for name in given if name not in FIELDS))
        each(places, take, places)
        return cls(**found)

    @property
    def is_service(self) -> bool:
        """Whether it is for a service, without a project: no repository, no SSH key, no hook."""
        return kinds.is_service(self.kind)

    @property
    def instance(self) -> str:
        """The Lima instance of this VM."""
        return names.instance_name(self.name)

    @property
    def guest_name(self) -> str:
        """Its host name for other VMs."""
        return f"lima-{self.instance}.internal"

    @property
    def home(self) -> str:
        """The absolute path of the main user's home in the guest."""
        return f"/home/{self.user}"

    @property
    def guest_code_dir(self) -> str:
        """The absolute path of the code folder in the guest."""
        return self.home + self.code_dir[1:] if self.code_dir.startswith("~") else self.code_dir

    def file_value(self, field: str) -> object:
        """The value of a field as a config file contains it: sizes as text, ports as numbers or text."""
        value = getattr(self, field)
        if field in ("memory", "disk"):
            return size_text(value)
        if field == "ports":
            return [fields.port_text(forward) for forward in value]
        return list(value) if isinstance(value, tuple) else value


_FACTS = {facts.name: facts for facts in dataclasses.fields(VmConfig)}
FIELDS = tuple(_FACTS)
OWN_FIELDS = ("name", "repo")  # these belong to one VM and have no default


def _value(name: str, given: Mapping[str, object], found: Mapping[str, object]) -> object:
    """The value of a field, or its default; `found`: the fields before it. Raises Wrong."""
    if name not in _FACTS:
        near = difflib.get_close_matches(name, FIELDS, 1)
        todo = f"Write {near[0]}." if near else f"The fields are {', '.join(FIELDS[1:])}."
        raise Wrong("is not a field of a config", todo)
    facts = _FACTS[name]
    if name in given:
        return facts.metadata["check"](given[name], *(found.get(need) for need in facts.metadata["needs"]))
    if facts.default_factory is not dataclasses.MISSING:
        return facts.default_factory()
    if facts.default is dataclasses.MISSING:
        raise Wrong("is missing", "Write one.")
    return facts.default


@dataclass(frozen=True)
class Defaults:
    """The content of config.yaml: valid values of fields, as written there, and bundles of recipes."""

    values: Mapping[str, object] = dataclasses.field(default_factory=dict)
    bundles: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def config(self, name: str) -> VmConfig:
        """The config of a VM without fields of its own. Raises Wrong for an invalid name."""
        return VmConfig.from_values({**self.values, "name": name})


@dataclass(frozen=True)
class FormField:
    """A field for forms and docs."""

    name: str
    label: str
    help: str
    default: object  # as a config file contains it; None for none
    example: object
    kind: str  # text, number, size, choice, list, params or yes-no
    choices: tuple[str, ...] = ()  # all values of a choice


def form_fields(defaults: Defaults | None = None, name: str = "app") -> tuple[FormField, ...]:
    """Every field in the order of the form, with its default for a VM of this name."""
    config = (defaults or Defaults()).config(name)
    return tuple(_form_field(field, config) for field in FIELDS)


def _form_field(field: str, config: VmConfig) -> FormField:
    about = _FACTS[field].metadata
    default = None if field in OWN_FIELDS else config.file_value(field)
    shown = about["title"], about["description"], default, about["example"], about["kind"], about["choices"]
    return FormField(field, *shown)
