"""All folders and environment variables that dvm reads."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dvmweb.errors import NoEngine, UsageError

# What a child inherits: nothing that opens the host (SSH_AUTH_SOCK) or contains secrets of other programs.
CHILD_VARIABLES = frozenset(
    """
    PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TERM TMPDIR TZ XDG_CACHE_HOME XDG_RUNTIME_DIR
    http_proxy https_proxy ftp_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
    LIMA_TEMPLATES_PATH LIMA_DRIVERS_PATH LIMA_SSH_PORT_FORWARDER LIMA_USERNET_RESOLVE_IP_ADDRESS_TIMEOUT
    """.split()  # noqa: SIM905  (a list of one word a line would hide the one that is wrong)
)
SCHEMA_NAME = "vm.schema.json"  # dvm writes it; configs name it in their first line
CHILD_PREFIXES = ("QEMU_SYSTEM_",)  # Lima reads QEMU_SYSTEM_X86_64 and so on


@dataclass(frozen=True)
class Paths:
    """All folders; made once from the environment and passed down."""

    home: Path
    config: Path  # the user's: config.yaml, vms/, recipes/, lima.yaml
    state: Path  # dvm's, 0700: vms/, jobs/, ledger.jsonl
    lima_home: Path
    bundled: Path  # contains recipes/, templates/ and static/
    is_demo: bool

    @property
    def config_file(self) -> Path:
        return self.config / "config.yaml"

    @property
    def overlay_file(self) -> Path:
        return self.config / "lima.yaml"

    @property
    def schema_file(self) -> Path:
        return self.config / SCHEMA_NAME

    @property
    def local_recipes(self) -> Path:
        return self.config / "recipes"

    @property
    def bundled_recipes(self) -> Path:
        return self.bundled / "recipes"

    @property
    def bundled_templates(self) -> Path:
        return self.bundled / "templates"

    @property
    def bundled_static(self) -> Path:
        return self.bundled / "static"

    @property
    def jobs(self) -> Path:
        return self.state / "jobs"

    @property
    def trash(self) -> Path:
        return self.state / "trash"

    @property
    def bases(self) -> Path:
        return self.state / "bases"

    @property
    def checkpoints(self) -> Path:
        return self.state / "checkpoints"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.jsonl"

    @property
    def engine_lock(self) -> Path:
        return self.state / "engine.lock"

    def vm_config(self, vm: str) -> Path:
        return self.config / "vms" / f"{vm}.yaml"

    def vm_state(self, vm: str) -> Path:
        return self.state / "vms" / vm


def from_environment(environ: Mapping[str, str]) -> Paths:
    """The folders of this environment. Raises UsageError for a relative one, NoEngine for an unknown DVM_ENGINE."""
    home = _absolute(environ, "HOME", "")
    is_demo = engine_kind(environ) == "demo"
    config = _absolute(environ, "DVM_CONFIG_DIR", str(_xdg(environ, "XDG_CONFIG_HOME", home / ".config") / "dvm"))
    state = _absolute(environ, "DVM_STATE_DIR", str(_xdg(environ, "XDG_STATE_HOME", home / ".local/state") / "dvm"))
    if is_demo:  # separate folders, so that the demo does not touch real VMs
        config, state = config / "demo", state / "demo"
    lima_home = state / "lima" if is_demo else _absolute(environ, "LIMA_HOME", str(home / ".lima"))
    return Paths(home, config, state, lima_home, bundled_folder(), is_demo)


def engine_kind(environ: Mapping[str, str]) -> str:
    """ "lima" or "demo": DVM_ENGINE, else lima if limactl is found."""
    chosen = environ.get("DVM_ENGINE", "")
    if chosen not in ("", "lima", "demo"):
        raise NoEngine(f"DVM_ENGINE is {chosen!r}.", "Set it to lima or demo, or leave it unset.")
    return chosen or ("lima" if limactl_program(environ) else "demo")


def limactl_program(environ: Mapping[str, str]) -> str:
    """The absolute path of limactl (DVM_LIMACTL, else on PATH), "" if there is none."""
    chosen = environ.get("DVM_LIMACTL", "")
    if chosen and not Path(chosen).is_absolute():
        raise NoEngine(f"DVM_LIMACTL is {chosen!r}, a relative path.", "Set it to the absolute path of limactl.")
    return chosen or shutil.which("limactl", path=environ.get("PATH", os.defpath)) or ""


def child_environment(environ: Mapping[str, str], paths: Paths, extra: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment of every child process: an allow-list, with HOME and LIMA_HOME always set."""
    kept = {
        name: value for name, value in environ.items() if name in CHILD_VARIABLES or name.startswith(CHILD_PREFIXES)
    }
    return {**kept, "HOME": str(paths.home), "LIMA_HOME": str(paths.lima_home), **extra}


def bundled_folder() -> Path:
    """The folder of `recipes/`, `templates/`, `static/`: `dvmweb/_bundled` in a wheel, else the checkout."""
    package = Path(__file__).parent
    installed = package / "_bundled"
    return installed if installed.is_dir() else package.parent


def _xdg(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    value = environ.get(variable, "")
    return Path(value) if value.startswith("/") else default  # the XDG specification says to ignore a relative path


def _absolute(environ: Mapping[str, str], variable: str, default: str) -> Path:
    value = environ.get(variable) or default
    if not value.startswith("/"):
        raise UsageError(f"{variable} is {value!r}.", f"Set {variable} to an absolute path.")
    return Path(value)


def own_command(environ: Mapping[str, str]) -> str:
    """The command to type for dvm: `dvm` if PATH leads to this installation, else its absolute path."""
    own = Path(sys.prefix) / "bin" / "dvm"
    found = shutil.which("dvm", path=environ.get("PATH", os.defpath))
    is_found = found is not None and own.is_file() and Path(found).samefile(own)
    return shlex.quote(str(own)) if own.is_file() and not is_found else "dvm"
