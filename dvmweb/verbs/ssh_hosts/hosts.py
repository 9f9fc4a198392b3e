"""Writes the ssh config of dvm: how plain ssh reaches each VM as NAME.dvm. Runs nothing; reads the files of Lima.

Two files, which one Include line reads in this order. `1-refresh.conf` makes ssh itself run `dvm ssh-config --refresh`
before it reads `2-hosts.conf`, so that a VM that was created or restarted since is found with its present port. The
hosts are written one by one, and not as a wildcard, because editors list the names that they find.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvmweb import files
from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError, UsageError
from dvmweb.lima import commands, direct_ssh
from dvmweb.names import instance_name
from dvmweb.paths import Paths, own_command

FOLDER, REFRESH, HOSTS = "ssh", "1-refresh.conf", "2-hosts.conf"
DOMAIN = "dvm"
MOST_BYTES = 1_000_000
PLAIN = re.compile(r"[A-Za-z0-9/._+@=-]+")  # words that neither ssh nor a shell reads as anything else
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
NOTICE = "# Written by dvm, again and again: changes made here are lost. See `dvm ssh-config --help`.\n"
# ssh takes the first value of each option, so the user's own `Host *`, which comes later, cannot change these.
# ClearAllForwardings is not among them: it would also end the forwardings that an editor asks for.
EVERY_HOST = """\
  HostName 127.0.0.1
  ForwardAgent no
  ForwardX11 no
  ForwardX11Trusted no
  GSSAPIAuthentication no
  GSSAPIDelegateCredentials no
  AddKeysToAgent no
  IdentityAgent none
  IdentitiesOnly yes
  PreferredAuthentications publickey
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  BatchMode yes
  CanonicalizeHostname no
  ControlMaster no
  ControlPath none
  PermitLocalCommand no
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null
  UpdateHostKeys no
  LogLevel ERROR
"""


@dataclass(frozen=True)
class Reached:
    """How ssh reaches a VM that runs, from the file that Lima has written for it."""

    user: str
    port: int
    identity: str  # the file of the private key


def folder(paths: Paths) -> Path:
    return paths.state / FOLDER


def text(paths: Paths) -> str:
    """The hosts as they are now: one for each config, and a last one for all other names. Raises UsageError."""
    if paths.is_demo:
        raise UsageError(
            "Demo guests have no SSH server.", "For a shell or a command: dvm sh NAME, dvm ssh NAME -- CMD"
        )
    hosts = "".join(_host(paths, name) for name in ConfigStore(paths).names())
    return f"{NOTICE}{hosts}Host *.{DOMAIN}\n{EVERY_HOST}{_ends('There is no VM of this name. List them: dvm ls')}"


def _host(paths: Paths, name: str) -> str:
    found = reached(paths, name)
    head = f"Host {name}.{DOMAIN}\n"
    if found is not None:
        key = found.identity.replace("%", "%%")
        return f'{head}  HostName 127.0.0.1\n  Port {found.port}\n  User {found.user}\n  IdentityFile "{key}"\n' + (
            "  ProxyCommand none\n"
        )
    if not (paths.lima_home / instance_name(name)).is_dir():
        return head + _ends(f"{name} is not created. Create it: dvm sync {name}")
    return head + _ends(f"{name} is not running. Start it: dvm start {name}")


def _ends(why: str) -> str:
    """The line with which ssh prints a sentence and ends, without asking a name server or any port."""
    return f"  ProxyCommand sh -c 'echo \"{why}\" >&2; exit 1'\n"


def reached(paths: Paths, name: str) -> Reached | None:
    """How ssh reaches a VM; None if it does not run, or its ssh.config is not its own or cannot be used."""
    instance = instance_name(name)
    place = str(commands.ssh_config(paths.lima_home, instance).parent)
    is_up = direct_ssh.is_alive(f"{place}/ha.pid") and any(
        direct_ssh.is_alive(f"{place}/{one}") for one in direct_ssh.DRIVERS
    )
    if not is_up or not direct_ssh.is_own(place, commands.ssh_alias(instance)):
        return None
    try:
        lines = direct_ssh.read(f"{place}/ssh.config").decode().splitlines()
    except (OSError, ValueError):
        return None
    found: dict[str, str] = {}
    for line in lines:
        word, _, value = line.strip().partition(" ")
        found.setdefault(word.lower(), value.strip().removeprefix('"').removesuffix('"'))
    user, port, identity = found.get("user", ""), found.get("port", ""), found.get("identityfile", "")
    is_good = USER.fullmatch(user) and re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) < 1 << 16
    return Reached(user, int(port), identity) if is_good and _is_file_name(identity) else None


def _is_file_name(value: str) -> bool:
    """Whether ssh reads an absolute path between quotes as that path."""
    return value.startswith("/") and value.isprintable() and not any(mark in value for mark in ('"', "\\", "${"))


def refresh_text(paths: Paths, environ: Mapping[str, str]) -> str:
    """What makes ssh run dvm for these hosts: it writes them again, and goes on in the background to note their use.

    Only a notice where a path needs quotes. `exec` makes ssh the parent of sh, whose $PPID is then ssh. The name that
    was typed is no part of the command: ssh would pass it to a shell.
    """
    own = own_command(environ)
    program = str(Path(sys.prefix) / "bin" / "dvm") if own == "dvm" else own
    places = {"DVM_CONFIG_DIR": paths.config, "DVM_STATE_DIR": paths.state, "LIMA_HOME": paths.lima_home}
    words = ["env", "DVM_ENGINE=lima", *(f"{name}={path}" for name, path in places.items()), program]
    if not all(PLAIN.fullmatch(word) for word in words):
        return f"{NOTICE}# The path of dvm or of a folder needs quotes: run `dvm ssh-config` after a start.\n"
    dvm = f"{' '.join(words)} ssh-config"
    script = f"{dvm} --refresh; {dvm} --used-by $PPID </dev/null >/dev/null 2>&1 & exit 0"
    return f"{NOTICE}Match originalhost *.{DOMAIN} exec \"exec sh -c '{script}'\"\n"


def write(paths: Paths, environ: Mapping[str, str]) -> str:
    """Write both files if they are not up to date; the text of the hosts. Raises UsageError, OSError."""
    hosts = text(paths)
    files.private_folder(paths.state)
    place = files.private_folder(folder(paths))
    for name, wanted in ((REFRESH, refresh_text(paths, environ)), (HOSTS, hosts)):
        _write(place / name, wanted.encode())
    return hosts


def refresh(paths: Paths) -> None:
    """Write the hosts again if they were written before. Never raises: ssh then uses the last ones."""
    with suppress(DvmError, OSError):
        if not paths.is_demo and (folder(paths) / HOSTS).exists():
            _write(folder(paths) / HOSTS, text(paths).encode())


def _write(path: Path, wanted: bytes) -> None:
    try:
        is_same = files.read_bounded(path, MOST_BYTES) == wanted
    except FileNotFoundError:
        is_same = False
    if not is_same:
        files.write_whole(path, wanted)
