"""The check of each config field: returns the value to use, or raises Wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dvmweb import names
from dvmweb.config.kinds import PROJECT, is_service
from dvmweb.config.values import Wrong, each, entries, items, shape, size, text
from dvmweb.errors import UsageError
from dvmweb.guest_text import visible

HOST_IP = "127.0.0.1"  # the only address of the host on which ports of guests are opened
DASHBOARD_PORTS = (8722, 8723)
CPUS = (1, 64)  # least and most
IDLE_STOP = (0, 720)  # hours, least and most
MEMORY, DISK = (2**29, 2**40), (2**30, 16 * 2**40)  # bytes, least and most
HOST_PORTS = (1024, 65535)

USER = re.compile(r"[a-z][a-z0-9_-]{0,30}")
# Accounts of the distributions: one of these names cannot be created, or has another use.
TAKEN_USERS = frozenset(
    {"root", "admin", "adm", "backup", "bin", "daemon", "dbus", "dialout", "dip", "disk", "docker", "ftp", "games"}
    | {"halt", "irc", "kvm", "list", "lp", "mail", "man", "messagebus", "news", "nobody", "nogroup", "operator"}
    | {"plugdev", "polkitd", "proxy", "shadow", "shutdown", "sshd", "staff", "sudo", "sync", "sys", "tape", "tty"}
    | {"users", "utmp", "uucp", "video", "wheel", "www-data"}
)
# Lima's image templates of the distributions that the recipes support.
IMAGE = re.compile(r"fedora(?:-[0-9]{2})?|debian(?:-[0-9]{2})?|ubuntu(?:-[0-9]{2}\.[0-9]{2}|-lts)?")
IMAGE_EXAMPLE = (
    "Write fedora, debian or ubuntu, one with its version like fedora-43, debian-13 or ubuntu-24.04, ubuntu-lts, "
    "or the absolute path of an image file."
)
GUEST_PATH = re.compile(r"(?:/[A-Za-z0-9._][A-Za-z0-9._@+-]{0,99})+")
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})"
_REPO_PATH = r"[A-Za-z0-9._~/+%@][A-Za-z0-9._~/+%@-]*"
REPO = re.compile(
    rf"https://{_HOST}(?::[0-9]{{1,5}})?/{_REPO_PATH}"
    rf"|ssh://(?:[a-z_][a-z0-9_.-]*@)?{_HOST}(?::[0-9]{{1,5}})?/{_REPO_PATH}"
    rf"|[a-z_][a-z0-9_.-]*@{_HOST}:{_REPO_PATH}"
)
PORT = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class PortForward:
    """A port of the host that is forwarded to a port of the guest."""

    host_ip: str
    host_port: int
    guest_port: int


def vm_name(value: object) -> str:
    """The name of the VM; it is the name of its file."""
    try:
        return names.vm_name(text(value))
    except UsageError as error:
        raise Wrong(error.what.rstrip("."), error.todo) from error


def cpus(value: object) -> int:
    """Number of CPU cores, 1 to 64."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"is {shape(value)}, not a whole number", "Write it without quotes and unit, like 2.")
    if not CPUS[0] <= value <= CPUS[1]:
        raise Wrong(f"is {value}", "Write a number from 1 to 64.")
    return value


def idle_stop(value: object) -> int:
    """Hours without use after which a VM is stopped, 0 to 720; 0: never."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"is {shape(value)}, not a whole number", "Write hours without quotes and unit, like 8.")
    if not IDLE_STOP[0] <= value <= IDLE_STOP[1]:
        raise Wrong(f"is {value}", "Write a number of hours from 1 to 720, or 0 to never stop it.")
    return value


def memory(value: object) -> int:
    """Memory in bytes, from text such as "4GiB"."""
    return size(value, *MEMORY, "4GiB")


def disk(value: object) -> int:
    """Disk in bytes, from text such as "20GiB"."""
    return size(value, *DISK, "20GiB")


def user(value: object) -> str:
    """The name of the main user in the guest."""
    name = text(value)
    if not USER.fullmatch(name):
        todo = "Use a lowercase letter, then lowercase letters, digits, _ and -, at most 31, like dev."
        raise Wrong(f"'{visible(name, 60)}' is not a Linux user name", todo)
    if name in TAKEN_USERS:
        raise Wrong(f"{name} is an account or group of the system", "Write another name, like dev.")
    return name


def image(value: object) -> str:
    """The name of a Lima image, or the absolute path of an image file on the host."""
    name = text(value)
    if name.startswith("~"):
        raise Wrong(
            "~ is the home of the guest and has no meaning here",
            "Write the absolute path of the image file on the host.",
        )
    if name.startswith("/"):
        if ".." in name.split("/") or name.endswith("/"):
            raise Wrong(
                f"'{visible(name, 60)}' is not a plain path of a file",
                "Write it without .. and without a / at the end.",
            )
        return name
    if not is_image_name(name):
        raise Wrong(f"'{visible(name, 60)}' is not a known image", IMAGE_EXAMPLE)
    return name


def is_image_name(text: str) -> bool:
    """Whether it is a supported name of a Lima image: fedora, debian-13, ubuntu-24.04, ubuntu-lts."""
    return IMAGE.fullmatch(text) is not None


def one_of(*choices: str) -> Callable[[object], str]:
    """A check that allows only these words."""

    def check(value: object) -> str:
        word = text(value)
        if word not in choices:
            raise Wrong(f"'{visible(word, 60)}' is not allowed", f"Write {' or '.join(choices)}.")
        return word

    return check


def code_dir(value: object, name: str | None, user_name: str | None) -> str:
    """The code folder in the guest: `~/...`, or an absolute path below the main user's home."""
    path = text(value)
    home = f"/home/{user_name}" if user_name else "/home/USER"
    if not path.startswith(("~/", "/")):
        raise Wrong(f"'{visible(path, 60)}' does not begin with ~/", f"Write it like ~/code/{name or 'app'}.")
    below = path[1:] if path.startswith("~") else path.removeprefix(home)
    if path.startswith("/") and user_name and not path.startswith(f"{home}/"):
        raise Wrong(f"'{visible(path, 60)}' is not below the guest's home", f"Write a folder below ~/ or {home}/.")
    if not GUEST_PATH.fullmatch(below) or {".", ".."} & set(below.split("/")) or len(path) > 200:
        todo = f"Use letters, digits and . _ @ + - between the slashes, no .., like ~/code/{name or 'app'}."
        raise Wrong(f"'{visible(path, 60)}' is not a plain folder in the guest", todo)
    if why := _why_no_project(below[1:].split("/")):
        raise Wrong(f"'{visible(path, 60)}' {why}", f"Write a folder of its own, like ~/code/{name or 'app'}.")
    return path


def _why_no_project(parts: Sequence[str]) -> str:
    """Why a folder below the guest's home cannot be the code folder, in which agents write; "" if it can."""
    if parts[0].startswith("."):
        return "is a folder of settings or keys, and agents can write in the code folder"
    if parts[0] == "bin" or tuple(parts) in (("go",), ("go", "bin")):
        return "contains programs that you run, and agents can write in the code folder"
    if ".git" in parts:
        return "is inside the .git folder of a repository"
    return ""


def repo(value: object, kind: str | None = PROJECT) -> str:
    """The address of the Git repository that the guest clones; it must not contain a secret."""
    address = text(value)
    if kind is not None and is_service(kind):
        raise Wrong(f"a VM of kind {kind} has no project", f"Delete the line, or set kind: {PROJECT}.")
    scheme, separator, rest = address.partition("://")
    authority = rest.partition("/")[0]
    has_secret = "@" in authority and (scheme == "https" or ":" in authority.rpartition("@")[0])
    if separator and has_secret:
        todo = "Write it without; for a private repository use the VM's SSH key (git@HOST:PATH)."
        raise Wrong("contains a user name or password", todo)
    if not REPO.fullmatch(address) or ".." in address.replace(":", "/").split("/"):
        todo = "Write https://HOST/PATH, ssh://git@HOST/PATH or git@HOST:PATH."
        raise Wrong(f"'{visible(address, 60)}' is not a supported repository URL", todo)
    return address


def ports(value: object) -> tuple[PortForward, ...]:
    """Port forwards from a list of `3000` and "8080:80" (host:guest)."""
    found: list[PortForward] = []

    def one(item: object) -> PortForward:
        forward = _port(item)
        if forward.host_port in {other.host_port for other in found}:
            raise Wrong(
                f"host port {forward.host_port} is used twice", "Use a different host port for each guest port."
            )
        found.append(forward)
        return forward

    return tuple(each(items(value, "[3000]"), one))


def port_text(forward: PortForward) -> int | str:
    """A port forward as a config contains it."""
    is_same = forward.host_port == forward.guest_port
    return forward.host_port if is_same else f"{forward.host_port}:{forward.guest_port}"


def _port(item: object) -> PortForward:
    if isinstance(item, PortForward):
        item = port_text(item) if item.host_ip == HOST_IP else f"{item.host_ip}:{item.host_port}:{item.guest_port}"
    is_number = isinstance(item, int) and not isinstance(item, bool)
    written = str(item) if is_number else text(item)
    match = PORT.fullmatch(written)
    if not match:
        todo = f'Write 3000, or "3000:80" for host port 3000 to guest port 80; ports are opened on {HOST_IP} only.'
        raise Wrong(f"'{visible(written, 60)}' is not a port", todo)
    host, guest = int(match[1]), int(match[2] or match[1])
    if not (1 <= host <= 65535 and 1 <= guest <= 65535):
        raise Wrong(f"{written} is not a port", "Write numbers from 1 to 65535.")
    if host < HOST_PORTS[0]:
        raise Wrong(
            f"host port {host} is below 1024",
            f'Use a higher host port, like "{host + 8000}:{guest}".',
        )
    if host in DASHBOARD_PORTS:
        raise Wrong(f"host port {host} belongs to the dashboard", f'Use another host port, like "3000:{guest}".')
    if guest == 22:
        raise Wrong("guest port 22 is never forwarded", "Remove it; use dvm ssh or dvm sh.")
    return PortForward(HOST_IP, host, guest)


def recipes(value: object) -> tuple[str, ...]:
    """Names of recipes or bundles, in order, each once."""
    return tuple(dict.fromkeys(each(items(value, "[node]"), _recipe)))


def _recipe(item: object) -> str:
    name = text(item)
    if not names.is_recipe_name(name):
        raise Wrong(
            f"'{visible(name, 60)}' is not a recipe name",
            "Write lowercase letters, digits and hyphens, like node.",
        )
    return name


def params(value: object) -> dict[str, dict[str, str | int | bool]]:
    """Params of recipes: {recipe: {param: value}}."""
    example = 'Write {RECIPE: {PARAM: VALUE}}, like {node: {corepack_version: "0.34.0"}}.'
    recipes_given = entries(value, example)

    def recipe(name: str) -> dict[str, str | int | bool]:
        if not names.is_recipe_name(name):
            raise Wrong("is not a recipe name", example)
        given = entries(recipes_given[name], example)
        values = each(given, lambda param: _param(param, given[param]), given)
        return dict(zip(given, values, strict=True))

    return dict(zip(recipes_given, each(recipes_given, recipe, recipes_given), strict=True))


def _param(name: str, value: object) -> str | int | bool:
    if not names.is_param_name(name):
        raise Wrong("is not a param name", "Write lowercase letters, digits and single underscores.")
    return value if isinstance(value, int) else text(value)


def bundles(value: object) -> dict[str, tuple[str, ...]]:
    """Bundles: a name for a list of recipes, which contains no bundles."""
    given = entries(value, "Write {NAME: [RECIPE, ...]}, like {web: [node, tmux]}.")

    def bundle(name: str) -> tuple[str, ...]:
        _recipe(name)
        if given[name] in ([], ()):
            raise Wrong("is an empty bundle", "Write its recipes, like [node, tmux], or delete the line.")
        return tuple(each(items(given[name], "[node]"), lambda item: _member(item, given)))

    return dict(zip(given, each(given, bundle, given), strict=True))


def _member(item: object, bundle_names: Iterable[str]) -> str:
    name = _recipe(item)
    if name in bundle_names:
        raise Wrong(f"{name} is a bundle", "List its recipes here; a bundle cannot contain bundles.")
    return name
