"""Computes the effective config as limactl does: merges default.yaml, lima.yaml and override.yaml, fills defaults."""

from __future__ import annotations

import os
import pwd
import re
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvmweb.demo.documents import Document

# default.yaml has the lowest and override.yaml the highest priority; these lists are joined instead, in this order.
_OVERRIDE_FIRST = ("portForwards", "provision", "probes", "copyToHost", "images")
_DEFAULT_FIRST = ("mounts", "networks", "additionalDisks")
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_NERDCTL = "https://github.com/containerd/nerdctl/releases/download/v2.3.5/nerdctl-full-2.3.5-linux-"
_ARCHIVES = [
    {
        "location": _NERDCTL + "amd64.tar.gz",
        "arch": "x86_64",
        "digest": "sha256:b697295c623639734aaab737523c808fd3cc8d3046039fd94fff1744e4c317aa",
    },
    {
        "location": _NERDCTL + "arm64.tar.gz",
        "arch": "aarch64",
        "digest": "sha256:6e4b687f1d138e750a3c8372abc0f81d3d7490b6359c48c0562fc7dfe98859b2",
    },
]


def vm_type() -> str:
    """The driver that Lima uses on this system."""
    return "vz" if sys.platform == "darwin" else "qemu"


def host_arch() -> str:
    """The host's architecture as Lima names it."""
    machine = os.uname().machine
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(machine, machine)


def host_user() -> tuple[str, int]:
    """Name and uid of the guest's user if the config has none, as in Lima."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "lima"
    usable = re.fullmatch(r"[a-z_][a-z0-9_-]*", name) and name not in ("admin", "root")
    return (name if usable else "lima"), uid


def bytes_of(size: object) -> int:
    """Parse `4GiB`, `4G`, `4096M` (all powers of 1024). Raises ValueError with Lima's message."""
    text = str(size).strip()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text)
    if not found:
        raise ValueError(f"invalid size: '{text}'")
    unit = re.fullmatch(r"([kmgt]?)(?:i?b)?", found[2].lower())
    if not unit:
        raise ValueError(f"invalid suffix: '{found[2]}'")
    return int(float(found[1]) * _UNITS[unit[1]])


def human_size(size: int) -> str:
    """Bytes as in the table: `4GiB`, `512MiB`, `0B`."""
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.4g}{unit}"
    return f"{size}B"


def mac_address(folder: Path) -> str:
    """The MAC address of an instance, computed from its folder."""
    number = zlib.crc32(os.fsencode(folder))  # distinguishes folders as well as Lima's hash, and is already loaded
    return "52:55:55:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(4, "big")[:3])


def merge(default: Document, own: Document, override: Document) -> Document:
    """Merge the three files as Lima does."""
    merged = _over(_over(default, own), override)
    for key in _OVERRIDE_FIRST:
        merged[key] = [*_list(override, key), *_list(own, key), *_list(default, key)]
    for key in _DEFAULT_FIRST:
        merged[key] = [*_list(default, key), *_list(own, key), *_list(override, key)]
    return merged


def _list(document: Document, key: str) -> list[Any]:
    value = document.get(key)
    return list(value) if isinstance(value, list) else []


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Document:
    joined = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(joined.get(key), dict):
            joined[key] = _over(joined[key], value)
        elif value is not None:
            joined[key] = value
    return joined


def fill(config: Document, folder: Path) -> Document:
    """Add all defaults to a merged config, with the keys in Lima's order."""
    filled = {**_machine(config), **_devices(config), **_ports_and_networks(config, folder), **_rest(config)}
    always = ("vmType", "os", "arch", "cpus")
    return {key: value for key, value in filled.items() if key in always or value not in (None, [], "")}


def _machine(config: Document) -> Document:
    arch = config.get("arch") or host_arch()
    return {
        "minimumLimaVersion": config.get("minimumLimaVersion"),
        "vmType": config.get("vmType") or vm_type(),
        "vmOpts": config.get("vmOpts"),
        "os": config.get("os") or "Linux",
        "arch": arch,
        "images": [{"location": "", "arch": arch, **image} for image in config["images"]],
        "cpuType": config.get("cpuType"),
        "cpus": config.get("cpus") or min(4, os.cpu_count() or 1),
        "memory": config.get("memory") or "4GiB",
        "disk": config.get("disk") or "100GiB",
        "additionalDisks": config["additionalDisks"],
        "mounts": [_mount(mount) for mount in config["mounts"]],
        "mountType": config.get("mountType"),
        "mountInotify": config.get("mountInotify") or False,
    }


def _devices(config: Document) -> Document:
    ssh = dict.fromkeys(("loadDotSSHPubKeys", "forwardAgent", "forwardX11", "forwardX11Trusted"), False)
    return {
        "ssh": _over({"localPort": 0, **ssh}, _map(config, "ssh")),
        "firmware": _over({"legacyBIOS": False}, _map(config, "firmware")),
        "audio": _over({"device": "", "interface": ""}, _map(config, "audio")),
        "video": _over({"display": "none", "vnc": {}}, _map(config, "video")),
        "provision": config["provision"],
        "upgradePackages": config.get("upgradePackages") or False,
        "containerd": _over({"system": False, "user": True, "archives": _ARCHIVES}, _map(config, "containerd")),
        "guestInstallPrefix": config.get("guestInstallPrefix") or "/usr/local",
        "probes": config["probes"],
    }


def _ports_and_networks(config: Document, folder: Path) -> Document:
    return {
        "portForwards": [_forward(rule) for rule in config["portForwards"]],
        "copyToHost": config["copyToHost"],
        "message": config.get("message"),
        "networks": [_network(network, index, folder) for index, network in enumerate(config["networks"])],
        "env": config.get("env"),
        "param": config.get("param"),
        "dns": config.get("dns"),
    }


def _rest(config: Document) -> Document:
    name, uid = host_user()
    user = _map(config, "user")
    name = str(user.get("name") or name)
    return {
        "hostResolver": _over({"enabled": True, "ipv6": False}, _map(config, "hostResolver")),
        "propagateProxyEnv": config.get("propagateProxyEnv", True),
        "caCerts": _over({"removeDefaults": False}, _map(config, "caCerts")),
        "rosetta": _map(config, "rosetta"),
        "plain": config.get("plain") or False,
        "timezone": config.get("timezone") or "Etc/UTC",
        "nestedVirtualization": config.get("nestedVirtualization") or False,
        "user": _over(
            {
                "name": name,
                "comment": "",
                "home": f"/home/{name}.guest",
                "shell": "/bin/bash",
                "uid": uid,
                "passwordlessSudo": True,
            },
            {**user, "home": str(user.get("home") or f"/home/{name}.guest").replace("{{.User}}", name)},
        ),
        "tpm": config.get("tpm") or False,
    }


def _map(config: Mapping[str, Any], key: str) -> Document:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _mount(mount: Mapping[str, Any]) -> Document:
    location = str(Path(str(mount.get("location", ""))).expanduser())
    return {
        "location": location,
        "mountPoint": mount.get("mountPoint") or location,
        "writable": mount.get("writable") or False,
        "sshfs": {"cache": True, "followSymlinks": False, "sftpDriver": ""},
        "9p": {"securityModel": "none", "protocolVersion": "9p2000.L", "msize": "128KiB", "cache": "mmap"},
    }


def _forward(rule: Mapping[str, Any]) -> Document:
    guest_ip = rule.get("guestIP") or "127.0.0.1"
    guest_range = _range(rule, "guestPort", [1, 65535])
    filled = {
        "guestIPMustBeZero": rule.get("guestIPMustBeZero", guest_ip == "0.0.0.0"),  # noqa: S104 (compared, not bound)
        "guestIP": guest_ip,
        "guestPort": rule.get("guestPort"),
        "guestPortRange": guest_range,
        "guestSocket": rule.get("guestSocket"),
        "hostIP": rule.get("hostIP") or "127.0.0.1",
        "hostPort": rule.get("hostPort"),
        "hostPortRange": _range(rule, "hostPort", guest_range),
        "hostSocket": rule.get("hostSocket"),
        "proto": rule.get("proto") or "any",
        "static": rule.get("static") or None,
        "reverse": rule.get("reverse") or None,
        "ignore": rule.get("ignore") or None,
    }
    return {key: value for key, value in filled.items() if value is not None}


def _range(rule: Mapping[str, Any], port: str, default: Sequence[int]) -> list[int]:
    given = rule.get(f"{port}Range")
    return list(given) if given else [rule[port]] * 2 if rule.get(port) else list(default)


def _network(network: Mapping[str, Any], index: int, folder: Path) -> Document:
    return {"macAddress": mac_address(folder), "interface": f"lima{index}", "metric": 100, **network}
