"""The variables of all generations of bash DVM, and the config field that each becomes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dvmweb.config import fields
from dvmweb.config.values import Wrong
from dvmweb.guest_text import visible

Content: TypeAlias = "str | tuple[str, ...]"
SECRET = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|AUTH_?KEY|API_?KEY)$")
RECIPE_LISTS = ("DVM_DEFAULT_RECIPES", "DVM_SETUP_SCRIPTS")
CODE_ROOT, CODE_DIR, SECRETS = "DVM_CODE_ROOT", "DVM_CODE_DIR", "DVM_SECRETS"
AGENT_USERS = ("DVM_AI_AGENT_USER", "DVM_AGENT_USER")
AGENT_USER, AGENT_RECIPE = "dvm-agent", "agent-user"

_SIZE = re.compile(r"([1-9][0-9]{0,6})\s*(?:([KMGT])(?:i?B)?)?", re.IGNORECASE)
_ARCHS = {"arm64": "aarch64", "amd64": "x86_64", "": "default"}
_LOCAL = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Taken:
    """What a variable becomes: fields with values, or a `note` that there is nothing to import; and its `problems`."""

    values: Mapping[str, object] = field(default_factory=dict)
    note: str = ""
    problems: tuple[str, ...] = ()


Conversion: TypeAlias = Callable[[Content, str], Taken]  # of the value, and the name of the VM ("" for all)


def as_text(content: Content) -> str:
    """The value as one text."""
    return content.strip() if isinstance(content, str) else " ".join(content)


def as_items(content: Content) -> tuple[str, ...]:
    """The value as a list; text is split at blanks and commas."""
    return (
        tuple(re.split(r"[\s,]+", content.strip()))
        if isinstance(content, str) and content.strip()
        else (content if isinstance(content, tuple) else ())
    )


def recipe_names(content: Content) -> tuple[str, ...]:
    """The names of recipes in a list of recipes or of their files."""
    return tuple(item.rpartition("/")[2].removesuffix(".sh") for item in as_items(content))


def _field(name: str, *, convert: Callable[[str], object] = str) -> Conversion:
    def taken(content: Content, _vm: str) -> Taken:
        text = as_text(content)
        return Taken({name: convert(text)}) if text else Taken(note="it is empty")

    return taken


def _number(text: str) -> object:
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else text


def _size(text: str) -> object:
    """A size as a config has it: `8`, `8G` and `8GB` are 8GiB for bash DVM and Lima."""
    found = _SIZE.fullmatch(text)
    if not found or (found[2] or "").upper() == "K":
        return text
    return f"{found[1]}{(found[2] or 'G').upper()}iB"


def _ports(content: Content, _vm: str) -> Taken:
    found: list[int | str] = []
    problems: list[str] = []
    for item in as_items(content):
        address, _, rest = item.rpartition(":")[0].rpartition(":")
        host, _, guest = item.removeprefix(f"{address}:").partition(":") if address else item.partition(":")
        port = _number(host) if guest in ("", host) else f"{host}:{guest}"
        if address and address not in _LOCAL:
            problems.append(f"{visible(item, 40)} is opened on {fields.HOST_IP} only, not on {visible(address, 40)}")
        try:
            fields.ports([*found, port])
        except Wrong as wrong:
            _, what, todo = wrong.faults[0]
            problems.append(f"port {visible(item, 40)}: {what}. {todo}")
        else:
            found.append(port if isinstance(port, int) else str(port))
        del rest
    return Taken({"ports": found}, "", tuple(problems))


def _template(text: str) -> object:
    return re.sub(r"^template:(?://)?(?:_images/)?", "", text)


def _flag(value: bool, name: str) -> Conversion:
    def taken(content: Content, _vm: str) -> Taken:
        is_on = as_text(content) not in ("", "0", "false", "no")
        return Taken({name: value}) if is_on else Taken(note="it is off")

    return taken


def _only(note: str, *allowed: str, todo: str) -> Conversion:
    """A variable without a field: nothing to import with one of these values; `NAME` is the name of the VM."""

    def taken(content: Content, vm: str) -> Taken:
        text = as_text(content)
        if not text or text in {one.replace("NAME", vm) for one in allowed}:
            return Taken(note=note)
        return Taken(problems=(todo,))

    return taken


def _never(todo: str) -> Conversion:
    return _only("it is empty", todo=todo)


_PACKAGES = _never("there is no field for packages. Use a recipe for each, or write one with `dvm recipe new NAME`")

TABLE: Mapping[str, Conversion] = {
    "DVM_CPUS": _field("cpus", convert=_number),
    "DVM_MEMORY": _field("memory", convert=_size),
    "DVM_DISK": _field("disk", convert=_size),
    "DVM_ARCH": _field("arch", convert=lambda text: _ARCHS.get(text, text)),
    "DVM_USER": _field("user"),
    "DVM_GUEST_USER": _field("user"),
    CODE_DIR: _field("code_dir", convert=lambda text: text.rstrip("/") or text),
    "DVM_PORTS": _ports,
    "DVM_TEMPLATE": _field("image", convert=_template),
    "DVM_GIT_REPO": _field("repo"),
    "DVM_NO_BASELINE": _flag(False, "baseline"),
    "DVM_HOST_IP": _only(
        "ports are opened on 127.0.0.1", *_LOCAL, todo="there is no field for it; ports are opened on 127.0.0.1 only"
    ),
    "DVM_NAME": _only("the name of the file is the name", "NAME", todo="the name of a VM is that of its file"),
    "DVM_LIMA_NAME": _only("the instance has this name", "dvm-NAME", todo="the instance is named dvm-NAME"),
    "DVM_PREFIX": _only("instances have this prefix", "dvm", todo="instances have the prefix dvm-"),
    "DVM_NETWORK": _only("VMs have this network", "user-v2", todo="VMs have the network user-v2"),
    "DVM_PROJECT_HOOK": _only("a hook runs once it is approved", "1", todo="a hook only runs if you approve it"),
    "DVM_PROJECT_HOOK_PRIVILEGED": _only("a hook runs as the user", "0", todo="a hook always runs as the user"),
    "DVM_PROJECT_HOOK_GIT_CONFIG": _only("a hook is approved by its text", "0", "1", todo="a hook is approved"),
    "DVM_USE_BASE": _only("each VM has its own image", "0", todo="there is no field for it"),
    "DVM_GIT_BRANCH": _never("there is no field for it: the default branch is cloned. Check out the other in the VM"),
    "DVM_PACKAGES": _PACKAGES,
    "DVM_DEFAULT_PACKAGES": _PACKAGES,
    "DVM_ENV": _never("a recipe gets only its params. Write each as a param of the recipe that reads it"),
}


def field_of(variable: str) -> str:
    """The config field that a variable becomes, "" for none."""
    return next(iter(TABLE[variable]("1", "").values), "") if variable in TABLE else ""
