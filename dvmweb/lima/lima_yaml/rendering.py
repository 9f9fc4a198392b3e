"""Render the lima.yaml of a VM as data, and say what must change in one that exists."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dvmweb.config.fields import IMAGE_EXAMPLE, is_image_name
from dvmweb.config.model import VmConfig
from dvmweb.errors import DvmError, UsageError
from dvmweb.guest_text import HIDDEN_CATEGORIES, visible
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.flatten import flatten, is_empty, value_at

LEAST_LIMA = "2.0.0"
NETWORK = "user-v2"  # on Lima's other network a guest reaches every loopback address of the host
UID = 1000
LOOPBACK = "127.0.0.1"
MULTICAST_NAMES = 5355  # LLMNR: every Fedora and Ubuntu guest listens there
# Plain names -> Lima's image templates; Lima has no `_images/debian` (2.2.0).
PLAIN_IMAGES = {"debian": "debian-13"}
FIXED_AT_CREATE = ("vmType",)  # Lima does not change it afterwards
# What a key is set to once it is taken out of the user's own lima.yaml. Not `vmOpts` and `timezone`: Lima fills them
# in by itself, so nobody could tell.
UNWISHED: Mapping[str, Any] = {
    "firmware": {"legacyBIOS": False},
    "dns": [],
    "hostResolver": {"enabled": True},
    "caCerts": {"removeDefaults": False},
    "nestedVirtualization": False,
    "upgradePackages": False,
    "message": "",
    "env": {},
}


class Port(Protocol):
    """A declared port forward, as config/fields.py has it."""

    @property
    def host_port(self) -> int: ...
    @property
    def guest_port(self) -> int: ...


@dataclass(frozen=True)
class DesiredInstance:
    """What Lima is told of one VM."""

    instance: str
    cpus: int
    memory_bytes: int
    disk_bytes: int
    user: str
    image: str  # "fedora", "debian-12", or the absolute path of an image file
    arch: str  # "default", "x86_64" or "aarch64"
    ports: Sequence[Port] = ()
    uid: int = UID

    @property
    def home(self) -> str:
        """The user's home in the guest."""
        return f"/home/{self.user}"


def desired_instance(config: VmConfig) -> DesiredInstance:
    """What Lima is told of a config."""
    return DesiredInstance(
        instance=config.instance,
        cpus=config.cpus,
        memory_bytes=config.memory,
        disk_bytes=config.disk,
        user=config.user,
        image=config.image,
        arch=config.arch,
        ports=config.ports,
    )


def render(desired: DesiredInstance, overlay: Mapping[str, Any]) -> str:
    """The text for `limactl create`: JSON, which every YAML parser reads in the same way.

    Raises UsageError for a value that Lima would expand or that no YAML can hold.
    """
    config = expected_config(desired, overlay)
    _check_text(config)
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    if json.loads(text) != config:
        raise DvmError(f"The lima.yaml of {desired.instance} did not survive its own rendering.", "Please report this.")
    return text


def expected_config(desired: DesiredInstance, overlay: Mapping[str, Any]) -> dict[str, Any]:
    """What is rendered, as data. Raises UsageError for an image that is none."""
    config = _merge(_config(desired), overlay)
    return _merge(config, {"hostResolver": {"enabled": False}}) if "dns" in overlay else config  # Lima refuses both


def _config(desired: DesiredInstance) -> dict[str, Any]:
    return {
        "minimumLimaVersion": LEAST_LIMA,
        **_image(desired),
        "cpus": desired.cpus,
        "memory": size(desired.memory_bytes),
        "disk": size(desired.disk_bytes),
        "mounts": [],
        # All of it, or Lima would take name, uid and full name from the host's account.
        "user": {
            "name": desired.user,
            "uid": desired.uid,
            "home": desired.home,
            "comment": desired.user,
            "shell": "/bin/bash",
        },
        "ssh": {"loadDotSSHPubKeys": False, "forwardAgent": False},
        "containerd": {"system": False, "user": False},
        "propagateProxyEnv": False,
        "networks": [{"lima": NETWORK}],
        "portForwards": port_rules(desired.ports),
    }


def _image(desired: DesiredInstance) -> dict[str, Any]:
    arch = {} if desired.arch == "default" else {"arch": desired.arch}
    if desired.image.startswith("/"):
        return {**arch, "images": [{"location": desired.image, **arch}]}
    if not is_image_name(desired.image):
        raise UsageError(f"{visible(desired.image, 60)} is not a known image.", IMAGE_EXAMPLE)
    return {**arch, "base": [f"template:_images/{PLAIN_IMAGES.get(desired.image, desired.image)}"]}


def port_rules(ports: Sequence[Port]) -> list[dict[str, Any]]:
    """Declared ports on 127.0.0.1 first, last the rule that keeps every other guest port off the host.

    Lima takes the first rule that fits. An ignoring rule covers listeners on 0.0.0.0 only with guestIP 0.0.0.0,
    and those on guest loopback only with guestIPMustBeZero false.
    """
    every = {"guestIP": "0.0.0.0", "guestIPMustBeZero": False, "proto": "any", "ignore": True}  # noqa: S104
    return [
        *(
            {"guestPort": port.guest_port, "hostIP": LOOPBACK, "hostPort": port.host_port, "proto": "tcp"}
            for port in ports
        ),
        {**every, "guestPort": MULTICAST_NAMES},
        {**every, "guestPortRange": [1, 65535]},
    ]


def is_catch_all(rule: Mapping[str, Any]) -> bool:
    """Say whether an effective rule keeps every guest port off the host."""
    return bool(
        rule.get("ignore") is True
        and rule.get("guestIP") == "0.0.0.0"  # noqa: S104
        and rule.get("guestIPMustBeZero") is False
        and rule.get("proto") == "any"
        and rule.get("guestPortRange") == [1, 65535]
        and not rule.get("static")
    )


def forward_of(rule: Mapping[str, Any]) -> tuple[int, int] | None:
    """(host port, guest port) of an effective rule that is one TCP port as `port_rules` writes it, else None."""
    guest, host = rule.get("guestPortRange"), rule.get("hostPortRange")
    if not (isinstance(guest, list) and isinstance(host, list) and len(guest) == len(host) == 2):
        return None
    is_single = guest[0] == guest[1] and host[0] == host[1]
    is_ours = rule.get("guestIP") == LOOPBACK and rule.get("proto") == "tcp" and not rule.get("static")
    return (host[0], guest[0]) if is_single and is_ours else None


def size(count: int) -> str:
    """Bytes as Lima writes them: 4GiB, 512MiB; other numbers as plain bytes."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return str(count)


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _check_text(value: Any, place: str = "") -> None:
    """Refuse what is not plain text everywhere: Go templates, controls, line separators, halves of characters."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_text(key, place)
            _check_text(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text(inner, f"{place}.{index}")
    elif isinstance(value, str):
        if "{{" in value:
            raise UsageError(f"{place} holds `{{{{`, which Lima would expand.", "Write it without double braces.")
        for character in value:
            if unicodedata.category(character) in HIDDEN_CATEGORIES and character not in "\n\t":
                raise UsageError(f"{place} holds the character U+{ord(character):04X}.", "Use plain, visible text.")


def expected_difference(instance: Instance, desired: DesiredInstance, overlay: Mapping[str, Any]) -> dict[str, Any]:
    """What to edit in an instance that exists: key of lima.yaml -> new value, {} where nothing differs.

    Raises UsageError for a smaller disk. Keys that only count at creation are left alone.
    """
    config = instance.config or {}
    if 0 < desired.disk_bytes < instance.disk:
        raise UsageError(
            f"The disk of {instance.name} has {size(instance.disk)} and cannot shrink.",
            f"Write `disk: {size(instance.disk)}` or more in its config, or create a new VM.",
        )
    changes: dict[str, Any] = {}
    if instance.cpus != desired.cpus:
        changes["cpus"] = desired.cpus
    if instance.memory != desired.memory_bytes:
        changes["memory"] = size(desired.memory_bytes)
    if instance.disk != desired.disk_bytes:
        changes["disk"] = size(desired.disk_bytes)
    if forwards_of(config) != [(port.host_port, port.guest_port) for port in desired.ports]:
        changes["portForwards"] = port_rules(desired.ports)
    changes.update(overlay_difference(config, overlay))
    _check_text(changes)
    return changes


def forwards_of(config: Mapping[str, Any]) -> list[tuple[int, int] | None]:
    """(host port, guest port) of each forward; None stands for one that is not ours, or for a missing closing rule."""
    rules = [rule for rule in config.get("portForwards") or [] if isinstance(rule, Mapping)]
    forwards = [forward_of(rule) for rule in rules if not rule.get("ignore")]
    return forwards if any(is_catch_all(rule) for rule in rules) else [None]


def overlay_difference(config: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """What the user's own lima.yaml wants that an effective config does not hold, or that it no longer wants."""
    changes = {
        key: value
        for key, value in overlay.items()
        if key not in FIXED_AT_CREATE and (not _is_within(value, config.get(key)) or _has_more(key, config, value))
    }
    changes.update({key: off for key, off in UNWISHED.items() if key not in overlay and _has_more(key, config, off)})
    if "dns" in changes:
        changes["hostResolver"] = {**overlay.get("hostResolver", {}), "enabled": not overlay.get("dns")}
    return changes


def _has_more(key: str, config: Mapping[str, Any], expected: Any) -> bool:
    """Does a key hold a value that is not wished (any more)? What is off or empty does not count."""
    found = flatten({key: config.get(key)}) if key in UNWISHED else ()
    return any(not is_empty(value) and value_at({key: expected}, path) != value for path, value in found)


def _is_within(expected: Any, actual: Any) -> bool:
    """Is all that was wished in what Lima filled in? Lima adds defaults beside it and leaves out what is off."""
    if isinstance(expected, Mapping):
        given = actual if isinstance(actual, Mapping) else {}
        return all(_is_within(value, given.get(key)) for key, value in expected.items())
    return bool(expected == actual or (not expected and actual is None))
