"""Reads the user's own lima.yaml, which is merged over the rendered one: only keys that do not open the host."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvmweb.errors import ConfigError, Problem
from dvmweb.files import CONFIG_BYTES, read_bounded
from dvmweb.guest_text import visible

Check = Callable[[Any], str]  # what to write instead, "" for a good value

ARCHES = ("x86_64", "aarch64", "armv7l", "ppc64le", "riscv64", "s390x")


def _yes_or_no(value: Any) -> str:
    return "" if isinstance(value, bool) else "Write true or false."


def _one_of(*words: str) -> Check:
    return lambda value: "" if value in words else f"Write {' or '.join(words)}."


def _matching(pattern: str, example: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: "" if isinstance(value, str) and compiled.fullmatch(value) else f"Write it like {example}."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return "Write text, in quotes."
    return "Write it without `{{`, which Lima would expand." if "{{" in value else ""


def _addresses(value: Any) -> str:
    if not isinstance(value, list) or not value or not all(_is_address(item) for item in value):
        return "Write a list of IP addresses: [9.9.9.9]."
    return ""


def _is_address(value: Any) -> bool:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _certificates(value: Any) -> str:
    good = isinstance(value, list) and all(
        isinstance(item, str) and item.startswith("-----BEGIN CERTIFICATE-----") and "{{" not in item for item in value
    )
    return "" if good else "Write a list of certificates in PEM form, each as text after `|`."


# A dict has fixed keys; a (pattern, check) pair is for keys that the user chooses.
SCHEMA: Mapping[str, Any] = {
    "vmType": _one_of("qemu", "vz"),
    "vmOpts": {
        "qemu": {
            "minimumVersion": _matching(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}", "8.2.0"),
            "cpuType": {arch: _matching(r"[A-Za-z0-9_.,=+-]{1,200}", "max") for arch in ARCHES},
        },
        "vz": {"rosetta": {"enabled": _yes_or_no, "binfmt": _yes_or_no}, "diskImageFormat": _one_of("raw", "asif")},
    },
    "firmware": {"legacyBIOS": _yes_or_no},
    "video": {"display": _one_of("none")},
    "dns": _addresses,
    "hostResolver": {
        "enabled": _yes_or_no,
        "ipv6": _yes_or_no,
        "hosts": (r"[A-Za-z0-9_.-]{1,200}", _matching(r"[A-Za-z0-9_.:-]{1,200}", "registry.lan: 192.168.1.5")),
    },
    "caCerts": {"certs": _certificates, "removeDefaults": _yes_or_no},
    "timezone": _matching(r"[A-Za-z0-9_+-]{1,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}", "Europe/Berlin"),
    "nestedVirtualization": _yes_or_no,
    "upgradePackages": _yes_or_no,
    "message": _text,
    "env": (r"[A-Za-z_][A-Za-z0-9_]{0,100}", _text),
}

# Other keys of Lima -> why they are not allowed here.
REFUSED = {
    "mounts": "dvm never mounts folders of the host into a VM: clone the code inside it.",
    "networks": "dvm always uses user-v2: on other networks of Lima a guest can reach more of the host.",
    "portForwards": "Write `ports` in the VM's config.",
    "ssh": "dvm does not give ssh keys or agents of the host to a guest: use `dvm ssh-key`.",
    "copyToHost": "It would let a guest write to the host.",
    "provision": "Write a recipe: Lima does not report when such a script fails.",
    "probes": "Write a recipe with a probe.",
    "user": "Write `user` in the VM's config.",
    "cpus": "Write `cpus` in the VM's config or in config.yaml.",
    "memory": "Write `memory` in the VM's config or in config.yaml.",
    "disk": "Write `disk` in the VM's config or in config.yaml.",
    "arch": "Write `arch` in the VM's config or in config.yaml.",
    "images": "Write `image` in the VM's config or in config.yaml.",
    "base": "Write `image` in the VM's config: a template can bring mounts with it.",
    "containerd": "Write a recipe that installs it.",
    "propagateProxyEnv": "It copies proxy passwords into the guest: write the variables you want under `env`.",
    "additionalDisks": "dvm does not manage other disks; a delete would not include them.",
    "cpuType": "Write vmOpts.qemu.cpuType.",
    "rosetta": "Write vmOpts.vz.rosetta.",
    "minimumLimaVersion": "dvm writes it.",
    "plain": "It disables the guest agent that dvm's port forwards need.",
    "audio": "It would open the host's sound devices to the guest.",
    "firmware.images": "Lima would read files of the host: use the firmware that Lima finds.",
    "caCerts.files": "Lima would read files of the host at each start: paste the certificate under `certs`.",
    "video.vnc": "It would open a VNC port on the host.",
}


def read_overlay(path: Path) -> dict[str, Any]:
    """The user's lima.yaml as plain data, {} if there is none. Raises ConfigError with all its problems."""
    try:
        data = read_bounded(path, CONFIG_BYTES, follow=True)
    except FileNotFoundError:
        return {}
    if not data.strip():
        return {}
    from dvmweb.config import yaml_reader  # only here: PyYAML takes 15 ms, and most users have no such file

    document = yaml_reader.read(data, str(path))
    problems = [
        Problem(field, what, todo, str(path), document.lines.get(field, 0))
        for field, what, todo in find_problems(document.data)
    ]
    if problems:
        raise ConfigError(problems)
    return document.data


def find_problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The problems of a file: (dotted key, what, what to do)."""
    yield from _walk(data, SCHEMA, "")


def may_stand(path: Sequence[str], value: Any) -> bool:
    """Whether such a file can set `value` at `path`."""
    schema: Any = SCHEMA
    for key in path:
        if isinstance(schema, tuple):
            schema = schema[1] if re.fullmatch(schema[0], key) else None
        else:
            schema = schema.get(key) if isinstance(schema, Mapping) else None
    return callable(schema) and not schema(value)


def _walk(value: Any, schema: Any, place: str) -> Iterator[tuple[str, str, str]]:
    if callable(schema):
        if todo := schema(value):
            yield place, "has an invalid value", todo
        return
    if not isinstance(value, Mapping):
        yield place, "is not a map", f"Write keys below it{_known(schema)}."
        return
    for key, inner in value.items():
        name = visible(key, 60)
        full = f"{place}.{name}" if place else name
        if isinstance(schema, tuple):
            pattern, check = schema
            if re.fullmatch(pattern, key):
                yield from _walk(inner, check, full)
            else:
                yield full, "has a name that does not fit", "Use letters, digits and `_`."
        elif key in schema:
            yield from _walk(inner, schema[key], full)
        else:
            yield full, "is not allowed in dvm's lima.yaml", REFUSED.get(full, f"Remove it{_known(schema)}.")


def _known(schema: Any) -> str:
    return f"; known here: {', '.join(sorted(schema))}" if isinstance(schema, Mapping) else ""
