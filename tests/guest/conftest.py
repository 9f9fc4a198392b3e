"""A guest to run recipes in: a folder as its root and home, and stand-ins for package managers on PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from dvmweb.guest.bundled import OF_RECIPES
from dvmweb.paths import Paths
from dvmweb.recipes.catalog import LIBRARY
from tests import places
from tests.places import COPIES, RECIPES, SCRIPTS, TOP
from tests.recipes.services import set_up_services
from tests.recipes.unpackers import set_up_unpackers

DATA = TOP / "tests/recipes/data"
NONCE = "c0ffee00" * 4
NOBODY = 65534
ID = "0123456789abcdef" * 2

# Packages are lines in known-FAMILY; installing one writes it to `installed` and makes its commands, which
# answer `--version`. An unknown package fails, as the real ones fail.
STAND_INS = {
    "rpm": '[ "$1 $2 $3" = "-q --whatprovides --" ] && grep -qxF "$4" "$FAKE/installed"',
    "dpkg-query": 'grep -qxF "${@: -1}" "$FAKE/installed" && echo -n installed',
    "dnf5": (
        'case "$1 $2" in "install -y") exec "$FAKE/install" dnf5 fedora "${@:4}" ;;\n'
        '"-q repoquery") ;; *) exit 2 ;; esac; [ ! -e "$FAKE/no-mirror" ] || { echo "Curl error (6)" >&2; exit 1; }\n'
        'if grep -qE "^${*: -1}( |$)" "$FAKE/known-fedora"; then cat "$FAKE/version-offered"; fi'
    ),
    "apt-cache": (
        '[ "$1 $2" = "show --no-all-versions" ] && grep -qE "^$3( |$)" "$FAKE/known-debian" || exit 100\n'
        'echo "Package: $3"; echo "Version: 2:$(cat "$FAKE/version-offered")-1"'
    ),
    # Downloads are files in `mirror`.
    "curl": (
        'case ${*: -1} in http://127.0.0.1:*) [ ! -e "$FAKE/sick" ]; exit ;; esac\n'
        'echo "curl ${*: -1}" >>"$FAKE/log"; while [ "$1" != -o ]; do shift; done; cp "$FAKE/mirror/${4##*/}" "$2"'
    ),
    "uname": '[ "$*" = -m ] && cat "$FAKE/machine"',
    "loginctl": 'echo "loginctl $*" >>"$FAKE/log"',
    # A unit is active once it was restarted, unless the file `broken` is there.
    "systemctl": (
        'echo "systemctl $*" >>"$FAKE/log"; case $* in\n'
        '*is-active*docker* | *is-enabled*docker*) [ -e "$FAKE/docker-runs" ] ;;\n'
        '*is-active*) [ -e "$FAKE/active-${*: -1}" ] ;; *restart*) rm -f "$FAKE/active-${*: -1}"\n'
        '[ -e "$FAKE/broken" ] || touch "$FAKE/active-${*: -1}" ;; esac'
    ),
    "dockerd-rootless-setuptool.sh": '[ "$1" = install ] && touch "$FAKE/docker-runs"',
    "apt-get": (
        'case " $* " in *" update "*) echo "apt-get update" >>"$FAKE/log"; exit "$(cat "$FAKE/update-code")" ;; esac\n'
        '[ "$DEBIAN_FRONTEND" = noninteractive ] || exit 90\n'
        'while [ "$1" != install ]; do shift; done; exec "$FAKE/install" apt-get debian "${@:3}"'
    ),
    "getent": 'echo "u:x:1:1::/h:$(cat "$FAKE/shell")"',
    "usermod": '[ "$1" = --shell ] && echo "$2" >"$FAKE/shell" && echo "usermod $*" >>"$FAKE/log"',
}
# Every guest has one, for an ordinary user's scripts call it; its calls are noted apart, for root's do not.
SUDO = 'printf "%s\\n" "$1" >>"$FAKE/sudo-log"; [ "$1" = -n ] && shift; exec "$@"'
# What npm unpacks of the agents: only the programs for this processor.
NPM_TREE = """
for program in @anthropic-ai/claude-code-linux-x64/claude @openai/codex-linux-x64/vendor/x86_64/bin/codex \\
  opencode-linux-x64/bin/opencode opencode-linux-x64-baseline/bin/opencode; do
  mkdir -p "$1/${program%/*}"; cp "$FAKE/program" "$1/$program"
done
"""
INSTALL = """#!/usr/bin/env bash
echo "$1 $2 ${*:3}" >>"$FAKE/log"
for name in "${@:3}"; do
  line=$(grep -E "^$name( |$)" "$FAKE/known-$2") || { echo "No match for argument: $name" >&2; exit 1; }
  echo "$name" >>"$FAKE/installed"
  for program in ${line#"$name"}; do cp "$FAKE/program" "$FAKE/bin/$program"; done
done
"""
# What an installed program does: npm and pipx install others, the rest tell a version.
PROGRAM = """#!/usr/bin/env bash
name=${0##*/}
[ ! -x "$FAKE/as/$name" ] || case $* in *--version | "-m "* | *version_info*) ;; *) exec "$FAKE/as/$name" "$@" ;; esac
echo "$name $*" >>"$FAKE/log"
case "$name $*" in
"npm view"*) cat "$FAKE/version-npm" ;;
"npm install --ignore-scripts"*) while [ "$1" != --prefix ]; do shift; done; "$FAKE/npm-tree" "$2/node_modules" ;;
"python3 -c"*) cat "$FAKE/version-python" ;;
"python3 -m venv"*) mkdir -p "${*: -1}/bin" "${*: -1}/lib/python3.13/site-packages" ;;
"python3 -m pip index"*) echo "mistral-vibe ($(cat "$FAKE/version-npm"))" ;;
"python3 -m pip install"*) while [ "$1" != --target ]; do shift; done; mkdir "$2/bin"
  printf '#!/usr/bin/python3\n' >"$2/bin/vibe"; chmod 755 "$2/bin/vibe" ;;
"npm install"*) cp "$FAKE/program" "$FAKE/bin/corepack"; echo "${*: -1}" | cut -d @ -f 2 >"$FAKE/version-corepack" ;;
"pipx install"*rust-just) mkdir -p ~/.local/bin; cp "$FAKE/program" ~/.local/bin/just ;;
"pipx install"*) cp "$FAKE/program" "$FAKE/bin/uv" ;;
"cargo install"*) mkdir -p ~/.local/bin; cp "$FAKE/program" ~/.local/bin/"${*: -1}"; echo "$7" >"$FAKE/version-built" ;;
"go install"*) mkdir -p "$GOBIN"; case $2 in *chezmoi*) built=chezmoi ;; *) built=${2%@*}; built=${built##*/} ;; esac
  cp "$FAKE/program" "$GOBIN/$built"; echo "${2#*@v}" >"$FAKE/version-built" ;;
"chezmoi init"*) mkdir -p ~/.local/share/chezmoi/.git ;;
zellij*--version | chezmoi*--version | tailscale*--version) echo "$name $(cat "$FAKE/version-built" 2>/dev/null)" ;;
"node --version") cat "$FAKE/version-node" ;;
"corepack --version") cat "$FAKE/version-corepack" ;;
"uv --version") echo "uv 0.9.1 (stand-in)" ;;
*--version | *-V) echo "$name 1.0" ;;
esac
"""


@dataclass(frozen=True)
class Guest:
    """One guest: `root` holds etc and var, `work` is the private folder of the next script."""

    root: Path
    home: Path
    work: Path
    fake: Path
    prefix: tuple[str, ...] = ()  # makes the script run as another user

    def run(
        self, script: str, variables: Mapping[str, str] = {}, *, files: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[bytes]:
        """Run our guest script as the engine does: private empty folder, library beside it, no stdin, umask 077."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        is_copy = (COPIES / "program" / f"{script}.py").exists()
        main = COPIES / "program/copies.sh" if is_copy else SCRIPTS / f"{script}.sh"
        shutil.copy(main, self.work / "main.sh")
        beside = (
            [*COPIES.glob("*.py"), *COPIES.glob("program/*.py")] if is_copy else [RECIPES / name for name in LIBRARY]
        )
        beside += [SCRIPTS / name for name in re.findall(r"\./([a-z_]+\.py)", main.read_text())]
        for listed in re.findall(r"^# files: \[(.*)\]$", files.get("recipe.sh", ""), re.M):
            beside += [
                next(folder / name for folder in OF_RECIPES if (folder / name).exists()) for name in listed.split(", ")
            ]
        for file in beside:
            shutil.copy(file, self.work)
        for name, text in files.items():
            (self.work / name).write_text(text)
        if self.prefix:
            give_away(self.work)
        return subprocess.run(
            (*self.prefix, "bash", "./main.sh"),
            cwd=self.work,
            env=self.environment() | {"DVM_PROGRAM": script} | dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            umask=0o077,
            timeout=60,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root}/usr/local/bin:{self.home}/.local/bin:{self.fake}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "FAKE": str(self.fake),
            "DVM_ROOT": str(self.root),
            "DVM_NONCE": NONCE,
            "DVM_INSTANCE": "dvm-app",
            "DVM_CODE_DIR": str(self.code),
            "DVM_LIB": str(self.work / "_lib.sh"),
        }

    def apply(
        self, recipe: str, params: Mapping[str, str] = {}, *, text: str = "", probe: str = "", releases: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the recipe step of a bundled recipe, or of one with this text."""
        files = {"recipe.sh": text or places.recipe(recipe).read_text()}
        if probe:
            files["probe"] = f"{probe}\n"
        if releases:
            files["versions.tsv"] = releases
        return self.run("apply", {"DVM_RECIPE": recipe, "DVM_RECIPE_HASH": "a" * 64, **params}, files=files)

    @property
    def code(self) -> Path:
        return self.home / "code/app"

    @property
    def log(self) -> list[str]:
        """The calls of the stand-ins, without those of sudo."""
        file = self.fake / "log"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def sudo_log(self) -> list[str]:
        """The first word of each call of sudo."""
        file = self.fake / "sudo-log"
        return file.read_text().splitlines() if file.exists() else []

    def record(self, recipe: str) -> str:
        file = self.root / "var/lib/dvm/recipes" / recipe
        return file.read_text() if file.exists() else ""

    def make_demo(self) -> None:
        (self.root / "etc/dvm-demo").touch()


def upload(**more: str) -> dict[str, str]:
    """The variables of receive.py for a file of four bytes."""
    return {
        "DVM_ID": ID,
        "DVM_HOST": os.uname().nodename,
        "DVM_FOLDER": "",
        "DVM_NAME": "a.txt",
        "DVM_STEM": "a",
        "DVM_END": ".txt",
        "DVM_SIZE": "4",
        "DVM_RESERVE": "0",
        "DVM_PIECE": "3",
        **more,
    }


def make_program(path: Path, text: str) -> None:
    path.write_text(text if text.startswith("#!") else f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """A guest of no system: no os-release, no packages."""
    made = Guest(tmp_path / "root", tmp_path / "home", tmp_path / "work", tmp_path / "fake")
    (made.root / "etc").mkdir(parents=True)
    made.home.mkdir()
    (made.fake / "bin").mkdir(parents=True)
    make_program(made.fake / "bin/sudo", SUDO)
    return made


@pytest.fixture(params=["fedora", "debian"])
def distribution(request: pytest.FixtureRequest, guest: Guest) -> Guest:
    """A guest of each family, with package managers that fail on unknown packages."""
    release = {"fedora": "ID=fedora\nVERSION_ID=43\n", "debian": 'ID=ubuntu\nID_LIKE="debian"\n'}
    (guest.root / "etc/os-release").write_text(release[request.param])
    for name, text in STAND_INS.items():
        make_program(guest.fake / "bin" / name, text)
    make_program(guest.fake / "install", INSTALL)
    make_program(guest.fake / "program", PROGRAM)
    for family in release:
        shutil.copy(DATA / f"known-{family}", guest.fake)
    (guest.fake / "installed").touch()
    (guest.fake / "update-code").write_text("0")
    (guest.fake / "shell").write_text("/bin/bash\n")
    make_program(guest.fake / "npm-tree", NPM_TREE)
    (guest.fake / "version-npm").write_text("3.0.3\n")
    (guest.fake / "version-python").write_text("3.13\n")
    (guest.fake / "version-node").write_text("v22.1.0\n")
    (guest.fake / "version-offered").write_text("1.90.0\n")
    (guest.fake / "machine").write_text("x86_64\n")
    (guest.fake / "mirror").mkdir()
    set_up_services(guest.fake)
    set_up_unpackers(guest.fake)
    return guest


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Folders with an empty folder of local recipes and a bundled one with one group, `shell`."""
    config, bundled = tmp_path / "config", tmp_path / "bundled"
    (config / "recipes").mkdir(parents=True)
    (bundled / "recipes" / "shell").mkdir(parents=True)
    return Paths(tmp_path, config, tmp_path / "state", tmp_path / "lima", bundled, is_demo=False)


Ordinary = Callable[[Guest], Guest]


@pytest.fixture
def ordinary() -> Iterator[Ordinary]:
    """Copy a guest to one whose scripts run as an ordinary user, also where the tests run as root."""
    if os.geteuid() != 0:
        yield lambda guest: guest
        return
    prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        top = Path(folder)

        def drop(guest: Guest) -> Guest:
            shutil.copytree(guest.home.parent, top, dirs_exist_ok=True, symlinks=True)
            give_away(top)
            return Guest(top / "root", top / "home", top / "work", top / "fake", prefix)

        yield drop


def give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
