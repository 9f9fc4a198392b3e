"""Checks the effective config of an instance: reports what is neither rendered, nor wanted, nor a default of Lima."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dvmweb.errors import ConfigError
from dvmweb.files import CONFIG_BYTES, read_bounded
from dvmweb.guest_text import visible
from dvmweb.lima.lima_yaml import flatten
from dvmweb.lima.lima_yaml.overlay import SCHEMA, may_stand
from dvmweb.lima.lima_yaml.rendering import NETWORK, DesiredInstance, expected_config, forward_of, is_catch_all

UNREADABLE = "unreadable"
# Keys that the functions below check; the plan compares and changes cpus, memory and disk.
_JUDGED_APART = ("mounts", "portForwards", "networks", "images", "user", "cpus", "memory", "disk")
# No value of these opens the host: a version, a machine type, the source of containerd, which is off.
_HARMLESS = (
    ("minimumLimaVersion",), ("arch",), ("mountType",), ("mountTypesUnsupported",), ("timezone",),
    ("containerd", "archives"), ("ssh", "overVsock"),
)  # fmt: skip
# Defaults of Lima 2.0 to 2.2 for keys that are not rendered, if they are neither off nor empty.
_DEFAULTS: Mapping[flatten.Path, tuple[Any, ...]] = {
    ("vmType",): ("qemu", "vz"),
    ("os",): ("Linux",),
    ("guestInstallPrefix",): ("/usr/local",),
    ("video", "display"): ("none",),
    ("video", "vnc", "display"): ("127.0.0.1:0,to=9",),  # without display: vnc nothing listens there
    ("audio", "device"): ("none",),
    ("hostResolver", "enabled"): (True,),
    ("vmOpts", "vz", "diskImageFormat"): ("raw",),
    ("param", "internal_netplanOptional"): ("true",),  # Lima's Ubuntu images
}
# Start of a dotted key -> what it does, for the sentence.
EFFECTS = {
    "ssh.forwardAgent": "forwards your ssh agent into the guest",
    "ssh.forwardX11": "lets the guest draw on your screen",
    "ssh.forwardX11Trusted": "lets the guest read your keyboard and screen",
    "ssh.loadDotSSHPubKeys": "lets every key in your ~/.ssh log in to the guest",
    "ssh.localPort": "opens the guest's ssh on a fixed port of the host",
    "propagateProxyEnv": "copies your proxy variables into the guest, passwords included",
    "containerd": "downloads and installs containerd",
    "copyToHost": "writes files of the guest onto the host",
    "additionalDisks": "attaches another disk",
    "provision": "runs a script that is not from dvm; check Lima's _config folder",
    "probes": "runs a probe that is not from dvm; check Lima's _config folder",
    "caCerts.files": "reads files of the host into the guest",
    "caCerts": "changes the certificates that the guest trusts",
    "firmware.images": "boots other firmware, from a file that dvm did not set",
    "env": "puts a variable into every shell of the guest",
    "dns": "sends the guest's DNS queries to another server",
    "hostResolver.hosts": "resolves a host name to another address in the guest",
    "audio": "lets the guest use the host's sound devices",
    "video": "gives the guest a window or a VNC port on the host",
    "vmOpts": "starts the machine with options that dvm did not set",
    "cpuType": "starts the machine with options that dvm did not set",
    "rosetta": "shares the host's Rosetta with the guest",
    "plain": "disables the guest agent that dvm's port forwards need",
}
_UNKNOWN = "is neither dvm's nor Lima's default, nor set in the lima.yaml of your dvm config folder"
_IMAGE_SERVERS = ("fedoraproject.org", "debian.org", "ubuntu.com")
_IMAGE_KEYS = ("location", "arch", "digest", "variant", "kernel", "initrd")
_NETWORK_KEYS = ("lima", "macAddress", "interface", "metric")


def problems(
    config: Mapping[str, Any],
    desired: DesiredInstance,
    overlay: Mapping[str, Any] | None = None,
    *,
    mode: str = NETWORK,
    changing: Collection[str] = (),
) -> tuple[str, ...]:
    """A sentence about each value that is neither rendered nor Lima's default; () if there is none.

    `overlay` is the user's own lima.yaml; None accepts every value allowed there. `mode` comes from `network_mode`.
    `changing`: keys of the overlay that are about to be edited, so their old values are not reported.
    """
    return (
        *_mounts(config),
        *_rest(config, desired, overlay, changing),
        *_forwards(config, desired),
        *_networks(config, mode),
        *_images(config, desired),
        *_user(config, desired),
    )


def network_mode(lima_home: Path) -> str:
    """The mode of the network user-v2 in Lima's _config/networks.yaml; "unreadable" if it cannot be determined.

    If the file or the network in it is missing, Lima adds its own, whose mode is user-v2.
    """
    file = lima_home / "_config" / "networks.yaml"
    try:
        data = read_bounded(file, CONFIG_BYTES, follow=True)
        if not data.strip():
            return NETWORK
        from dvmweb.config import yaml_reader  # only here: PyYAML costs 15 ms

        networks = yaml_reader.read(data, str(file)).data.get("networks") or {}
    except FileNotFoundError:
        return NETWORK
    except (OSError, ConfigError):
        return UNREADABLE
    if not isinstance(networks, Mapping):
        return UNREADABLE
    found = networks.get(NETWORK, {"mode": NETWORK})
    return str(found.get("mode")) if isinstance(found, Mapping) else UNREADABLE


def _items(config: Mapping[str, Any], key: str) -> list[Any]:
    value = config.get(key)
    return value if isinstance(value, list) else [value] if value else []


def _mounts(config: Mapping[str, Any]) -> Iterator[str]:
    for mount in _items(config, "mounts"):
        facts = mount if isinstance(mount, Mapping) else {}
        how = "writable" if facts.get("writable") else "readable"
        place = visible(str(facts.get("location") or mount))
        yield f"mounts: {place} of the host would be {how} in the guest"


def _rest(
    config: Mapping[str, Any], desired: DesiredInstance, overlay: Mapping[str, Any] | None, changing: Collection[str]
) -> Iterator[str]:
    expected = expected_config(desired, overlay or {})
    for path, value in flatten.flatten({key: inner for key, inner in config.items() if key not in _JUDGED_APART}):
        is_changing = path[0] in changing and path[0] in SCHEMA
        is_theirs = is_changing or (overlay is None and may_stand(path, value))
        if is_theirs or flatten.is_empty(value) or path in _HARMLESS or value in _DEFAULTS.get(path, ()):
            continue
        if not _is_expected(path, value, flatten.value_at(expected, path)):
            yield _sentence(path, value)


def _is_expected(path: flatten.Path, value: Any, expected: Any) -> bool:
    if isinstance(value, list) and isinstance(expected, list):
        known = [_plain(item) for item in expected]
        return all(_plain(item) in known for item in value)
    return bool(value == expected and type(value) is type(expected))


def _plain(item: Any) -> Any:
    """A value as Lima writes it: a certificate without its last line end, an address in its own form."""
    try:
        return ipaddress.ip_address(item)
    except ValueError:
        return item.strip() if isinstance(item, str) else item


def _sentence(path: flatten.Path, value: Any) -> str:
    key = ".".join(path)
    effect = next((effect_text for start, effect_text in _longest_first() if f"{key}.".startswith(f"{start}.")), "")
    shown = "set" if path[0] == "env" else visible(str(value), 80)  # the value of a variable can be a password
    return f"{visible(key, 80)} is {shown}: that {effect or _UNKNOWN}"


def _longest_first() -> list[tuple[str, str]]:
    return sorted(EFFECTS.items(), key=lambda pair: -len(pair[0]))


def _forwards(config: Mapping[str, Any], desired: DesiredInstance) -> Iterator[str]:
    declared = {(port.host_port, port.guest_port) for port in desired.ports}
    is_closed = False
    for rule in _items(config, "portForwards"):
        facts = rule if isinstance(rule, Mapping) else {}
        if any(facts.get(key) for key in ("reverse", "hostSocket", "guestSocket")):
            yield "portForwards: a socket is forwarded between guest and host"
        elif facts.get("ignore"):
            is_closed = is_closed or is_catch_all(facts)
        elif facts.get("hostIP") != "127.0.0.1":
            address = visible(str(facts.get("hostIP")))
            yield f"portForwards: a guest port would be open on {address}, not only on 127.0.0.1"
        elif forward_of(facts) not in declared:
            where = "before" if not is_closed else "after"
            ports = f"{facts.get('guestPortRange')} to {facts.get('hostPortRange')}"
            effect_text = f"guest port {visible(ports)} is forwarded {where} the closing rule, undeclared"
            yield f"portForwards: {effect_text}"
        elif is_closed:
            port = facts.get("hostPort")
            yield f"portForwards: the declared port {port} comes after the rule that closes all others"
    if not is_closed:
        yield "portForwards: the last rule, which closes all other guest ports, is missing"


def _networks(config: Mapping[str, Any], mode: str) -> Iterator[str]:
    networks = _items(config, "networks")
    names = [network.get("lima") if isinstance(network, Mapping) else None for network in networks]
    if names != [NETWORK] or _odd_keys(networks[0], _NETWORK_KEYS):
        effect_text = (
            ", ".join(visible(str(name or "another kind")) for name in names)
            or "none (a guest could reach all of loopback)"
        )
        yield f"networks: {effect_text}, instead of exactly {NETWORK}"
    if mode != NETWORK:
        found = "could not be read" if mode == UNREADABLE else f"gives {NETWORK} the mode {visible(mode, 40)}"
        yield f"networks: Lima's _config/networks.yaml {found}; only with `mode: {NETWORK}` is a guest isolated"


def _odd_keys(facts: Mapping[str, Any], known: Collection[str]) -> list[str]:
    return [key for key, value in facts.items() if key not in known and not flatten.is_empty(value)]


def _images(config: Mapping[str, Any], desired: DesiredInstance) -> Iterator[str]:
    for image in _items(config, "images"):
        facts = image if isinstance(image, Mapping) else {"location": image}
        parts = [facts, *(part for key in ("kernel", "initrd") if isinstance(part := facts.get(key), Mapping))]
        for part in parts:
            location = str(part.get("location"))
            if not _is_image_of(location, desired):
                yield f"images: {visible(location)} is not the image {visible(desired.image)} of the config"
        for key in _odd_keys(facts, _IMAGE_KEYS):
            yield f"images: {visible(key, 40)} is {visible(str(facts[key]), 80)}: that {_UNKNOWN}"


def _is_image_of(location: str, desired: DesiredInstance) -> bool:
    """Whether an image is allowed: the wanted local file, or any image of the distributions' servers.

    Only Lima knows which of these a name means, and `image` can have changed since the VM was created."""
    address = re.fullmatch(r"https://([a-z0-9.-]+)/\S*", location)
    if not address:
        return location == desired.image
    host = address[1]
    return any(host == server or host.endswith(f".{server}") for server in _IMAGE_SERVERS)


def _user(config: Mapping[str, Any], desired: DesiredInstance) -> Iterator[str]:
    actual = config.get("user")
    facts = actual if isinstance(actual, Mapping) else {}
    expected = {**expected_config(desired, {})["user"], "passwordlessSudo": True}
    for key in expected:
        if facts.get(key) != expected[key]:
            yield f"user.{key} is {visible(str(facts.get(key)), 80)}, not {expected[key]}"
    for key in _odd_keys(facts, tuple(expected)):
        yield _sentence(("user", str(key)), facts[key])
