"""Renders the lima.yaml of a VM, and compares it with that of an existing instance."""

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
NETWORK = "user-v2"  # on Lima's other network, a guest can reach every loopback address of the host
UID = 1000
LOOPBACK = "127.0.0.1"
MULTICAST_NAMES = 5355  # LLMNR: every Fedora and Ubuntu guest listens there
# Plain names -> Lima's image templates; Lima has no `_images/debian` (2.2.0).
PLAIN_IMAGES = {"debian": "debian-13"}
FIXED_AT_CREATE = ("vmType",)  # Lima does not change it afterwards
# The value of a key after it was removed from the user's own lima.yaml. Without `vmOpts` and `timezone`: Lima sets them
# itself, so their removal cannot be detected.
RESET: Mapping[str, Any] = {
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
    """A declared port forward (`PortForward` of config/fields.py)."""

    @property
    def host_port(self) -> int: ...
    @property
    def guest_port(self) -> int: ...


@dataclass(frozen=True)
class DesiredInstance:
    """The part of a config that goes into lima.yaml."""

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
    """The part of a config that goes into lima.yaml."""
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
    """The text for `limactl create`: JSON, which all YAML parsers read alike.

    Raises UsageError for a value that Lima would expand or that YAML cannot contain.
    """
    config = expected_config(desired, overlay)
    _check_text(config)
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    if json.loads(text) != config:
        raise DvmError(
            f"The lima.yaml of {desired.instance} does not read back as it was written.", "Please report this."
        )
    return text


def expected_config(desired: DesiredInstance, overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The rendered config as data. Raises UsageError for an invalid image."""
    config = _merge(_config(desired), overlay)
    return _merge(config, {"hostResolver": {"enabled": False}}) if "dns" in overlay else config  # Lima rejects both


def _config(desired: DesiredInstance) -> dict[str, Any]:
    return {
        "minimumLimaVersion": LEAST_LIMA,
        **_image(desired),
        "cpus": desired.cpus,
        "memory": size(desired.memory_bytes),
        "disk": size(desired.disk_bytes),
        "mounts": [],
        # Set all of them, or Lima takes name, uid and full name from the host's account.
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
    """The rules for declared ports on 127.0.0.1, then one that keeps all other guest ports off the host.

    Lima uses the first rule that matches. An ignoring rule covers listeners on 0.0.0.0 only with guestIP 0.0.0.0, and
    those on the guest's loopback only with guestIPMustBeZero false.
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
    """Whether an effective rule keeps all guest ports off the host."""
    return bool(
        rule.get("ignore") is True
        and rule.get("guestIP") == "0.0.0.0"  # noqa: S104
        and rule.get("guestIPMustBeZero") is False
        and rule.get("proto") == "any"
        and rule.get("guestPortRange") == [1, 65535]
        and not rule.get("static")
    )


def forward_of(rule: Mapping[str, Any]) -> tuple[int, int] | None:
    """(host port, guest port) of an effective rule for one TCP port, as `port_rules` writes it; None for others."""
    guest, host = rule.get("guestPortRange"), rule.get("hostPortRange")
    if not (isinstance(guest, list) and isinstance(host, list) and len(guest) == len(host) == 2):
        return None
    is_single = guest[0] == guest[1] and host[0] == host[1]
    is_ours = rule.get("guestIP") == LOOPBACK and rule.get("proto") == "tcp" and not rule.get("static")
    return (host[0], guest[0]) if is_single and is_ours else None


def size(count: int) -> str:
    """Bytes as Lima writes them: 4GiB, 512MiB, other numbers as bytes."""
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
    """Raise UsageError for text with Go templates, control characters, line separators or surrogates."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_text(key, place)
            _check_text(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text(inner, f"{place}.{index}")
    elif isinstance(value, str):
        if "{{" in value:
            raise UsageError(f"{place} contains `{{{{`, which Lima would expand.", "Write it without double braces.")
        for character in value:
            if unicodedata.category(character) in HIDDEN_CATEGORIES and character not in "\n\t":
                raise UsageError(f"{place} contains the character U+{ord(character):04X}.", "Use plain, visible text.")


def expected_difference(instance: Instance, desired: DesiredInstance, overlay: Mapping[str, Any]) -> dict[str, Any]:
    """What to edit in an existing instance: key of lima.yaml -> new value; {} if nothing differs.

    Raises UsageError for a smaller disk. Keys that apply only at creation are ignored.
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
    """(host port, guest port) of each forward; None for one of another form, or for a missing closing rule."""
    rules = [rule for rule in config.get("portForwards") or [] if isinstance(rule, Mapping)]
    forwards = [forward_of(rule) for rule in rules if not rule.get("ignore")]
    return forwards if any(is_catch_all(rule) for rule in rules) else [None]


def overlay_difference(config: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the user's own lima.yaml that an effective config lacks, or still has after their removal."""
    changes = {
        key: value
        for key, value in overlay.items()
        if key not in FIXED_AT_CREATE and (not _is_within(value, config.get(key)) or _has_more(key, config, value))
    }
    changes.update({key: off for key, off in RESET.items() if key not in overlay and _has_more(key, config, off)})
    if "dns" in changes:
        changes["hostResolver"] = {**overlay.get("hostResolver", {}), "enabled": not overlay.get("dns")}
    return changes


def _has_more(key: str, config: Mapping[str, Any], expected: Any) -> bool:
    """Whether a key has a value that is no longer wanted; off and empty values do not count."""
    found = flatten({key: config.get(key)}) if key in RESET else ()
    return any(not is_empty(value) and value_at({key: expected}, path) != value for path, value in found)


def _is_within(expected: Any, actual: Any) -> bool:
    """Whether all wanted values are in the effective ones; Lima adds defaults and omits values that are off."""
    if isinstance(expected, Mapping):
        given = actual if isinstance(actual, Mapping) else {}
        return all(_is_within(value, given.get(key)) for key, value in expected.items())
    return bool(expected == actual or (not expected and actual is None))
