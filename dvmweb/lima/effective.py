"""Judge the effective config of an instance: Lima's own global files must not have opened the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dvmweb.guest_text import visible
from dvmweb.lima.rendering import NETWORK, Wish, forward_of, is_catch_all

# Switches that must be off: dotted key -> what it would do.
OFF = {
    "ssh.forwardAgent": "forwards your ssh agent into the guest",
    "ssh.forwardX11": "lets the guest draw on your screen",
    "ssh.forwardX11Trusted": "lets the guest read your keyboard and screen",
    "ssh.loadDotSSHPubKeys": "lets every key of your ~/.ssh into the guest",
    "propagateProxyEnv": "copies your proxy variables, passwords and all, into the guest",
    "containerd.system": "downloads and installs containerd",
    "containerd.user": "downloads and installs containerd",
}
EMPTY = {
    "copyToHost": "writes files of the guest onto this computer",
    "additionalDisks": "attaches another disk",
    "provision": "runs a script that dvm did not give; look into Lima's _config folder",
    "probes": "runs a probe that dvm did not give; look into Lima's _config folder",
}


def problems(config: Mapping[str, Any], wish: Wish) -> tuple[str, ...]:
    """Plain sentences about all that opens the host or is not what was wished; empty for a config as rendered."""
    return (
        *_mounts(config),
        *_switches(config),
        *_forwards(config, wish),
        *_networks(config),
        *_devices(config),
        *_user(config, wish),
    )


def _at(config: Mapping[str, Any], dotted: str) -> Any:
    value: Any = config
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _items(config: Mapping[str, Any], key: str) -> list[Any]:
    value = config.get(key)
    return value if isinstance(value, list) else [value] if value else []


def _mounts(config: Mapping[str, Any]) -> Iterator[str]:
    for mount in _items(config, "mounts"):
        facts = mount if isinstance(mount, Mapping) else {}
        how = "writable" if facts.get("writable") else "readable"
        place = visible(str(facts.get("location") or mount))
        yield f"mounts: {place} of this computer would be {how} in the guest"


def _switches(config: Mapping[str, Any]) -> Iterator[str]:
    for key, effect in OFF.items():
        if _at(config, key) not in (None, False):
            yield f"{key} is on: that {effect}"
    for key, effect in EMPTY.items():
        if config.get(key):
            yield f"{key} is not empty: that {effect}"


def _forwards(config: Mapping[str, Any], wish: Wish) -> Iterator[str]:
    declared = {(port.host_port, port.guest_port) for port in wish.ports}
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
            said = f"guest port {visible(ports)} is forwarded {where} the closing rule, undeclared"
            yield f"portForwards: {said}"
        elif is_closed:
            port = facts.get("hostPort")
            yield f"portForwards: the declared port {port} stands after the rule that closes all others"
    if not is_closed:
        yield "portForwards: the last rule, which keeps all other guest ports off this computer, is missing"


def _networks(config: Mapping[str, Any]) -> Iterator[str]:
    networks = _items(config, "networks")
    names = [network.get("lima") if isinstance(network, Mapping) else None for network in networks]
    odd = [n for n in networks if isinstance(n, Mapping) and (n.get("socket") or n.get("vzNAT"))]
    if names != [NETWORK] or odd:
        said = (
            ", ".join(visible(str(name or "another kind")) for name in names)
            or "none (a guest would reach all of loopback)"
        )
        yield f"networks: {said}, where exactly {NETWORK} was wished"


def _devices(config: Mapping[str, Any]) -> Iterator[str]:
    if _at(config, "audio.device") not in (None, "", "none"):
        yield "audio.device is set: the guest could use this computer's sound devices"
    if _at(config, "video.display") not in (None, "", "none"):
        yield "video.display is set: the guest would get a window or a VNC port on this computer"


def _user(config: Mapping[str, Any], wish: Wish) -> Iterator[str]:
    for key, wished in (("name", wish.user), ("uid", wish.uid), ("home", wish.home)):
        actual = _at(config, f"user.{key}")
        if actual != wished:
            yield f"user.{key} is {visible(str(actual))}, not {wished}"
