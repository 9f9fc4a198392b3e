"""The differences between a config and its instance: wanted and actual values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.overlay import read_overlay
from dvmweb.lima.lima_yaml.rendering import PLAIN_IMAGES, forwards_of, overlay_difference, size
from dvmweb.lima.lima_yaml.written import image_of, written

RESTART = "restart"  # a sync applies it, with a restart
NEW_VM = "new VM"  # it applies only to a VM that is created again
NEVER = "never"  # Lima cannot do it
SHOWN = 40  # characters of a value


@dataclass(frozen=True)
class Difference:
    """A field of the config whose wanted value is not the actual one."""

    field: str  # of the config, or a key of the user's lima.yaml
    actual: str  # as text, safe to show
    wanted: str
    way: str = RESTART  # RESTART, NEW_VM or NEVER

    def __str__(self) -> str:
        return f"{self.field} {self.actual} → {self.wanted}"


def pending(
    instance: Instance | None, config: VmConfig | None, overlay_file: Path, lima_file: Path | None = None
) -> tuple[Difference, ...]:
    """The differences, with the user's own lima.yaml as it is now; `lima_file`: that from which it was created."""
    image = image_of(written(lima_file)) if lima_file is not None else ""
    try:
        return differences(instance, config, read_overlay(overlay_file), image)
    except DvmError:
        return differences(instance, config, None, image)


def differences(
    instance: Instance | None,
    config: VmConfig | None,
    overlay: Mapping[str, Any] | None = None,
    image: str = "",
) -> tuple[Difference, ...]:
    """All differences between an instance and its config; () if one of them is missing. Pure.

    `overlay` is the user's own lima.yaml; None if it cannot be read, and then its keys are not compared.
    `image`: the one of its creation, "" if not known.
    """
    if instance is None or config is None or instance.config is None:
        return ()  # if Lima cannot read its lima.yaml, the applied config is not known
    return (
        *_sizes(instance, config),
        *_ports(instance, config),
        *_fixed(instance, config, image),
        *_own(instance, overlay),
    )


def _sizes(instance: Instance, config: VmConfig) -> Iterator[Difference]:
    if instance.cpus != config.cpus:
        yield Difference("cpus", str(instance.cpus), str(config.cpus))
    if instance.memory != config.memory:
        yield Difference("memory", size(instance.memory), size(config.memory))
    if instance.disk != config.disk:
        way = NEVER if config.disk < instance.disk else RESTART
        yield Difference("disk", size(instance.disk), size(config.disk), way)


def _ports(instance: Instance, config: VmConfig) -> Iterator[Difference]:
    there: list[Any] = list(forwards_of(instance.config or {}))
    wanted = [(port.host_port, port.guest_port) for port in config.ports]
    if there != wanted:
        yield Difference("ports", _pairs(there), _pairs(wanted))


def _pairs(pairs: list[Any]) -> str:
    known = [pair for pair in pairs if pair is not None]
    words = [str(host) if host == guest else f"{host}:{guest}" for host, guest in known]
    words += ["others"] if len(known) != len(pairs) else []
    return " ".join(words) or "none"


def _fixed(instance: Instance, config: VmConfig, image: str) -> Iterator[Difference]:
    """The differences in fields that apply only to a new VM."""
    facts = (instance.config or {}).get("user")
    user = facts.get("name") if isinstance(facts, Mapping) else None
    if isinstance(user, str) and user and user != config.user:
        yield Difference("user", visible(user, SHOWN), config.user, NEW_VM)
    if image and image != PLAIN_IMAGES.get(config.image, config.image):
        yield Difference("image", visible(image, SHOWN), visible(config.image, SHOWN), NEW_VM)
    if config.arch != "default" and instance.arch and instance.arch != config.arch:
        yield Difference("arch", visible(instance.arch, SHOWN), config.arch, NEW_VM)


def _own(instance: Instance, overlay: Mapping[str, Any] | None) -> Iterator[Difference]:
    if overlay is None:
        return
    for key, wanted in overlay_difference(instance.config or {}, overlay).items():
        actual = (instance.config or {}).get(key)
        yield Difference(key, visible(str(actual), SHOWN), visible(str(wanted), SHOWN))


def lines(found: tuple[Difference, ...], *, is_running: bool) -> tuple[str, ...]:
    """The differences as sentences, one for each way; () for none."""
    heads = {
        RESTART: "Waiting for a restart" if is_running else "The next start changes",
        NEW_VM: "Only in a new VM",
        NEVER: "Not possible, a disk cannot shrink",
    }
    grouped = {way: ", ".join(str(one) for one in found if one.way == way) for way in heads}
    return tuple(f"{heads[way]}: {words}" for way, words in grouped.items() if words)


def todo(name: str, found: tuple[Difference, ...], *, is_running: bool) -> tuple[str, ...]:
    """What to do about the differences of a VM, a sentence for each way."""
    ways = {one.way for one in found}
    disk = next((one.actual for one in found if one.way == NEVER), "")
    todos = {
        RESTART: f"To apply it: dvm sync {name}{' --restart' if is_running else ''}",
        NEW_VM: f"For a new VM, after its work is rescued or pushed: dvm rm {name}, then dvm sync {name}",
        NEVER: f"Write `disk: {disk}` or more in its config: a sync is refused until then.",
    }
    return tuple(text for way, text in todos.items() if way in ways)
