"""Lima's errors for an invalid lima.yaml: types, values, unknown keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dvmweb.demo import documents, effective
from dvmweb.demo.documents import BadYaml, Document
from dvmweb.demo.logs import Fatal, Log

_TYPES: Mapping[str, tuple[str, type, str]] = {
    "cpus": ("CPUs", int, "int"),
    "memory": ("Memory", str, "string"),
    "disk": ("Disk", str, "string"),
    "portForwards": ("PortForwards", list, "[]limatype.PortForward"),
    "mounts": ("Mounts", list, "[]limatype.Mount"),
    "networks": ("Networks", list, "[]limatype.Network"),
    "images": ("Images", list, "[]limatype.Image"),
    "user": ("User", dict, "limatype.User"),
    "ssh": ("SSH", dict, "limatype.SSH"),
    "firmware": ("Firmware", dict, "limatype.Firmware"),
    "containerd": ("Containerd", dict, "limatype.Containerd"),
    "plain": ("Plain", bool, "bool"),
}
_KEYS = frozenset(
    [
        "minimumLimaVersion",
        "base",
        "vmType",
        "vmOpts",
        "os",
        "osOpts",
        "arch",
        "images",
        "cpuType",
        "cpus",
        "memory",
        "disk",
        "additionalDisks",
        "mounts",
        "mountTypesUnsupported",
        "mountType",
        "mountInotify",
        "ssh",
        "firmware",
        "audio",
        "video",
        "provision",
        "upgradePackages",
        "containerd",
        "guestInstallPrefix",
        "probes",
        "portForwards",
        "copyToHost",
        "message",
        "networks",
        "env",
        "param",
        "dns",
        "hostResolver",
        "useHostResolver",
        "propagateProxyEnv",
        "caCerts",
        "rosetta",
        "plain",
        "timezone",
        "nestedVirtualization",
        "user",
        "tpm",
    ]
)
_NETWORKS = ("user-v2", "bridged", "shared", "host")
_IMAGE_TEMPLATE = re.compile(r"template:(?://)?(?:_images/[a-z0-9.-]+|default|_default/mounts|[a-z]+(?:-[0-9.]+)?)")


def parse(text: str, label: str, warn: Callable[[str], None]) -> Document:
    """Parse a lima.yaml and check its types. Raises Fatal; calls `warn` for each unknown key."""
    try:
        document = documents.read(text)
        for key, (field, kind, wanted) in _TYPES.items():
            value = document.get(key)
            if value is not None and not _is(value, kind):
                raise BadYaml(documents.wrong_type(text, key, field, wanted, _go_type(value)))
    except BadYaml as error:
        raise Fatal(f"failed to unmarshal YAML ({label}): {error}") from error
    for key in document:
        if key not in _KEYS:
            warn(documents.unknown_key(text, key))
    return document


def _is(value: object, kind: type) -> bool:
    if kind is str:  # goccy accepts a plain number as a size
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _go_type(value: object) -> str:
    names = {str: "string", bool: "bool", int: "uint64", float: "float64", list: "sequence", dict: "map"}
    return names.get(type(value), "null")


def problems(document: Document) -> list[str]:
    """Lima's messages for all values that it rejects."""
    return [*_size_problems(document), *_forward_problems(document), *_other_problems(document)]


def _size_problems(document: Document) -> Iterator[str]:
    for key in ("memory", "disk"):
        try:
            effective.bytes_of(document.get(key) or 0)
        except ValueError as error:
            yield f"field `{key}` has an invalid value: {error}"
    if isinstance(document.get("cpus"), int) and document["cpus"] < 0:
        yield "field `cpus` must be greater than 0"


def _forward_problems(document: Document) -> Iterator[str]:
    for index, rule in enumerate(document.get("portForwards") or []):
        if not isinstance(rule, dict):
            yield f"field `portForwards[{index}]` must be a map"
            continue
        for field, value in _ports(rule):
            if isinstance(value, int) and value >= 65536:
                yield f"field `portForwards[{index}].{field}` must be < 65536"


def _ports(rule: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    guest = rule.get("guestPortRange") or [rule.get("guestPort"), rule.get("guestPort")]
    host = rule.get("hostPortRange") or ([rule["hostPort"]] * 2 if rule.get("hostPort") else guest)
    yield from (("guestPort", rule.get("guestPort")), ("hostPort", rule.get("hostPort")))
    yield from (("guestPortRange[0]", guest[0]), ("hostPortRange[0]", host[0]))
    yield from (("guestPortRange[1]", guest[1]), ("hostPortRange[1]", host[1]))


def _other_problems(document: Document) -> Iterator[str]:
    for network in document.get("networks") or []:
        name = network.get("lima") if isinstance(network, dict) else None
        if name and name not in _NETWORKS:
            yield f"network `{name}` is not defined"
    user = document.get("user") or {}
    if user.get("name") == "root":
        yield "field User must not be `root`"
    if not document.get("images") and not document.get("base"):
        yield "field `images` must be set"
    needed = str(document.get("minimumLimaVersion") or "0")
    if _version(needed) > (2, 2, 0):
        yield f"template requires Lima version `{needed}`; this is only `v2.2.0`"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def template_problem(document: Document) -> str:
    """Why a `base:` of this document cannot be found, "" if all can."""
    for locator in bases(document):
        if not _IMAGE_TEMPLATE.fullmatch(locator):
            return f"template `{locator.removeprefix('template:')}.yaml` not found"
    return ""


def bases(document: Document) -> list[str]:
    """The locators in `base:`, which is a string, or a list of strings or of objects with a url."""
    given = document.get("base") or []
    entries = given if isinstance(given, list) else [given]
    return [str(entry.get("url", "")) if isinstance(entry, dict) else str(entry) for entry in entries]


def read_template(path: str, log: Log, *, twice: bool = False) -> tuple[str, Document]:
    """Read the file named on the command line. Raises Fatal if it is missing or not a lima.yaml."""
    full = Path(path).absolute()
    try:
        text = full.read_text()
    except OSError as error:
        raise Fatal(f"open {full}: {str(error.strerror).lower()}") from error
    return text, parse(text, str(full), _warner(log, str(full), "main file" if twice else ""))


def _warner(log: Log, comment: str, again: str) -> Callable[[str], None]:
    def warn(error: str) -> None:
        for label in (comment, f"{again} `{comment}`") if again else (comment,):
            log.warning("Non-strict YAML detected; please check for typos", comment=label, error=error)

    return warn


def validate(paths: tuple[str, ...], log: Log) -> int:
    """`limactl validate FILE...`."""
    if not paths:
        raise Fatal("`limactl validate` requires at least 1 arg(s), only received 0")
    for path in paths:
        _, document = read_template(path, log, twice=True)
        found = problems(document)
        if found:
            raise Fatal(f"failed to validate YAML file `{path}`: " + "\n".join(found))
        log.info(f"`{path}`: OK")
    return 0
