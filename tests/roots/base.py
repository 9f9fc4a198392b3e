"""Debian trees that roots are copies of: made by mmdebstrap, kept for a day in a folder outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUITES = {"12": "bookworm", "13": "trixie"}
# Beside what Debian's own images have and a minimal tree lacks, the user that Lima makes.
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpam-systemd",
    "sudo",
    "ca-certificates",
    "procps",
    "iproute2",
    "less",
)
# What would reach for the machine that this runs on, or wait for hardware that is not there.
MASKED = (
    "systemd-sysctl.service",
    "systemd-modules-load.service",
    "getty.target",
    "console-getty.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "dev-hugepages.mount",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
)
USER = "dev"
GUEST_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# They name this machine's certificates, and get the guest's own bundle, which holds them.
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
)
PASSED_ON = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PIP_INDEX_URL",
    "PIP_DEFAULT_TIMEOUT",
    "GOPROXY",
    "GOSUMDB",
    "npm_config_registry",
)
TRIES = 3
KEPT_SECONDS = 2 * 24 * 3600


class NoBase(Exception):
    """A tree could not be made; says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Where the trees lie."""

    folder: Path

    def tree(self, release: str, kind: str, *facts: str) -> Path:
        """The folder of one tree: another one each day and for other facts."""
        day = time.strftime("%Y-%m-%d", time.gmtime())
        parts = (day, *PACKAGES, *MASKED, _certificates(os.environ), Path(__file__).read_text(), *facts)
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        return self.folder / f"debian-{release}-{kind}-{digest}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One process makes a tree, the others wait for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def place(environ: Mapping[str, str]) -> Place:
    return Place(Path(environ.get("DVM_ROOTS_DIR") or "/var/tmp/dvm-roots"))


def missing_tools() -> str:
    """Why no root can be made here, or ""."""
    if os.geteuid() != 0:
        return "roots are made by root: run it with sudo"
    tools = {"mmdebstrap": "mmdebstrap", "slirp4netns": "slirp4netns", "unshare": "util-linux", "nsenter": "util-linux"}
    names = sorted({package for tool, package in tools.items() if shutil.which(tool) is None})
    return f"missing here: apt-get install {' '.join(names)}" if names else ""


def bare(where: Place, release: str) -> Path:
    """A Debian as a new guest has it: systemd, sudo, an ordinary user. Raises NoBase. Call it with the lock held."""
    tree = where.tree(release, "bare")
    if not tree.exists():
        _forget_old(where)
        new = tree.with_suffix(".new")
        _debootstrap(SUITES[release], new, PACKAGES)
        _furnish(new)
        _furnish_guest(new)
        new.rename(tree)
    return tree


def minimal(where: Place, release: str, packages: Sequence[str]) -> Path:
    """Somebody's own machine with `packages` and nothing else, and an ordinary user. As `bare` otherwise."""
    tree = where.tree(release, "minimal", *packages)
    if not tree.exists():
        _forget_old(where)
        new = tree.with_suffix(".new")
        _debootstrap(SUITES[release], new, packages)
        _furnish(new)
        new.rename(tree)
    return tree


def guest_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of this machine's ways to the registries a guest must know."""
    found = {name: environ[name] for name in PASSED_ON if environ.get(name)}
    return {**found, **{name: GUEST_BUNDLE for name in BUNDLE_VARIABLES if environ.get(name)}}


def _debootstrap(suite: str, new: Path, packages: Sequence[str]) -> None:
    said = ""
    for _ in range(TRIES):
        remove(new)
        argv = ("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", suite, str(new))
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode == 0:
            return
        said = done.stderr[-2000:]
    remove(new)
    raise NoBase(
        f"mmdebstrap could not make a Debian {suite}, {TRIES} times; is the mirror reachable? It said:\n{said}"
    )


def _furnish(tree: Path) -> None:
    """The user, a network, and this machine's certificates."""
    chroot(tree, "useradd", "--create-home", "--shell", "/bin/bash", "--uid", "1000", USER)
    (tree / "etc/hosts").write_text("127.0.0.1 localhost lima-dvm-app\n::1 localhost\n")
    (tree / "etc/hostname").write_text("lima-dvm-app\n")
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    (tree / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")  # slirp4netns, which asks as this machine does
    catalog = tree / "usr/local/share/ca-certificates"
    known = (tree / GUEST_BUNDLE.lstrip("/")).read_text()
    for number, block in enumerate(_blocks(_certificates(os.environ))):
        if block not in known:
            (catalog / f"host-{number}.crt").write_text(block)
    chroot(tree, "update-ca-certificates")


def _furnish_guest(tree: Path) -> None:
    """What a guest has more: the user may use sudo, and nothing in it waits for hardware."""
    kept = " ".join((*BUNDLE_VARIABLES, *PASSED_ON))
    sudoers = f'{USER} ALL=(ALL) NOPASSWD:ALL\nDefaults env_keep += "{kept}"\n'
    (tree / "etc/sudoers.d/dev").write_text(sudoers)
    for unit in MASKED:
        (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    _name_the_kernel(tree)


def _name_the_kernel(tree: Path) -> None:
    """A guest has a kernel of its own, with its list of modules; here it says what this machine's kernel has."""
    if Path("/proc/net/ip_tables_names").exists():
        modules = tree / "lib/modules" / os.uname().release
        modules.mkdir(parents=True)
        (modules / "modules.builtin").write_text("kernel/net/ipv4/netfilter/ip_tables.ko\n")


def chroot(tree: Path, *argv: str) -> None:
    subprocess.run(("chroot", str(tree), *argv), stdin=subprocess.DEVNULL, check=True, capture_output=True, timeout=120)


def _certificates(environ: Mapping[str, str]) -> str:
    file = Path(environ.get("SSL_CERT_FILE") or GUEST_BUNDLE)
    return file.read_text() if file.is_file() else ""


def _blocks(bundle: str) -> Iterator[str]:
    end = "-----END CERTIFICATE-----"
    for part in bundle.split(end)[:-1]:
        yield "-----BEGIN CERTIFICATE-----" + part.partition("-----BEGIN CERTIFICATE-----")[2] + end + "\n"


def _forget_old(where: Place) -> None:
    for tree in (*where.folder.glob("debian-*"), *where.folder.glob("root-*")):
        if time.time() - tree.stat().st_mtime > KEPT_SECONDS:
            remove(tree)


def remove(tree: Path) -> None:
    """Remove a tree; a mount that somebody left in it stops this."""
    if tree.exists():
        subprocess.run(("rm", "-rf", "--one-file-system", "--", str(tree)), check=True)


def copy(tree: Path, new: Path) -> None:
    subprocess.run(("cp", "-a", "--reflink=auto", "--", str(tree), str(new)), check=True)
