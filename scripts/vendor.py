"""Put the browser's libraries into static/vendor: fetched by npm from package-lock.json, each checked by its hash.

Run by `make run`, `make test` and by the build hook (hatch_build.py). Only the standard library: a build has nothing
else. Where the machine has no npm, Deno from PyPI does it (two thirds of a Node), kept only for that moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
VENDOR = TOP / "static" / "vendor"
STAMP = VENDOR / "made-from"  # last to be written: an interrupted copy is repeated
SOURCES = ("package.json", "package-lock.json", "scripts/vendor.py")
DENO_WHEEL = "deno>=2.9"
DENO_LOCK = TOP / "requirements" / "deno.txt"
OLDEST_NPM = 7  # older ones cannot read this lock file
DEADLINE = 600.0  # seconds for a client and what it fetches, slow connections included

# The file of a package, and its place below static/vendor.
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "@xterm/xterm/lib/xterm.mjs": "xterm/xterm.mjs",
    "@xterm/xterm/css/xterm.css": "xterm/xterm.css",
    "@xterm/addon-fit/lib/addon-fit.mjs": "xterm/addon-fit.mjs",
    "@xterm/addon-webgl/lib/addon-webgl.mjs": "xterm/addon-webgl.mjs",
    "@xterm/addon-search/lib/addon-search.mjs": "xterm/addon-search.mjs",
    "@xterm/addon-web-links/lib/addon-web-links.mjs": "xterm/addon-web-links.mjs",
    "@xterm/addon-unicode11/lib/addon-unicode11.mjs": "xterm/addon-unicode11.mjs",
}
# What only the browser tests load; never in a wheel.
TEST_FILES = {"axe-core/axe.min.js": "tests/browser/vendor/axe.min.js"}
LICENCES = "LICENCES.txt"
HELP = (
    "Are PyPI and the npm registry reachable? A mirror is named by PIP_INDEX_URL and npm_config_registry. "
    "Where Node.js is installed, its npm does it."
)


def fingerprint() -> str:
    """One hash over everything that decides what is in static/vendor."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(hashlib.sha256((TOP / name).read_bytes()).digest())
    return digest.hexdigest()


def is_made() -> bool:
    """Whether static/vendor is complete and made from this lock file."""
    is_of_this_lock = STAMP.is_file() and STAMP.read_text("utf-8").strip() == fingerprint()
    return is_of_this_lock and all((VENDOR / place).is_file() for place in (*FILES.values(), LICENCES))


def is_tested_with() -> bool:
    """Whether the files of the browser tests are there."""
    return all((TOP / place).is_file() for place in TEST_FILES.values())


def npm_command() -> tuple[str, ...]:
    """The host's npm if it runs and is new enough, else ()."""
    found = shutil.which("npm")
    return (found,) if found and _major_version((found,)) >= OLDEST_NPM else ()


def deno_program(folder: Path) -> Path | None:
    """The Deno that pip has put into an environment or a folder of packages."""
    found = folder / "bin" / "deno"
    return found if found.is_file() else None


def make(*, with_tests: bool = False) -> bool:
    """Fill static/vendor; return False when there was nothing to do. Raises SystemExit with what to do."""
    if is_made() and (not with_tests or is_tested_with()):
        return False
    with tempfile.TemporaryDirectory(prefix="dvmweb-vendor-") as name:
        modules = _fetch(Path(name))
        _fill(modules)
        if with_tests:
            _copy(modules, TOP, TEST_FILES)
    return True


def _major_version(command: tuple[str, ...]) -> int:
    """The npm's version, or 0 for one that does not run (a shim without a Node behind it)."""
    try:
        asked = subprocess.run((*command, "--version"), capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    major = asked.stdout.strip().partition(".")[0]
    return int(major) if asked.returncode == 0 and major.isdigit() else 0


def deno_lock(locked: str) -> str:
    """The pins of package-lock.json in the format of deno.lock: the same versions and hashes."""
    packages = {name.removeprefix("node_modules/"): facts for name, facts in json.loads(locked)["packages"].items()}
    pinned = {f"{name}@{facts['version']}": facts for name, facts in packages.items() if name}
    return json.dumps(
        {
            "version": "5",
            "specifiers": {f"npm:{name}": facts["version"] for name, facts in pinned.items()},
            "npm": {name: {"integrity": facts["integrity"]} for name, facts in pinned.items()},
            "workspace": {"packageJson": {"dependencies": sorted(f"npm:{name}" for name in pinned)}},
        }
    )


def _fetch(folder: Path) -> Path:
    """Install the lock file in a folder of its own, no script of a package run; return its node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(TOP / name, folder / name)
    if npm := npm_command():
        _run((*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"), folder)
    else:
        deno = deno_program(Path(sys.prefix)) or _fetch_deno(folder / "client")
        (folder / "deno.lock").write_text(deno_lock((TOP / "package-lock.json").read_text("utf-8")), "utf-8")
        _run((str(deno), "install", "--frozen", "--quiet"), folder)
    return folder / "node_modules"


def _fetch_deno(folder: Path) -> Path:
    """The locked Deno, checked by its hash, in a folder of its own."""
    sys.stdout.write("There is no npm here: Deno fetches the browser's libraries (42 MB, for this moment)\n")
    sys.stdout.flush()
    pip = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps")
    _run((*pip, "--require-hashes", "--only-binary=:all:", f"--target={folder}", "-r", str(DENO_LOCK)), folder.parent)
    found = deno_program(folder)
    if found is None:
        raise SystemExit("The package deno holds no program; install Node.js with npm, and run this again.")
    return found


def _run(command: tuple[str, ...], folder: Path) -> None:
    """Run a client that fetches. Raises SystemExit with its output and what to do."""
    # Deno uses the certificates of the host, such as a proxy's, only if asked to; its cache is deleted with the folder.
    own = {"DENO_DIR": str(folder / "deno"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    environ = {"DENO_TLS_CA_STORE": "mozilla,system", **os.environ, **own}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{_name(command)} did not end within {DEADLINE:.0f} s. {HELP}") from None
    if done.returncode != 0:
        raise SystemExit(f"{_name(command)} could not fetch static/vendor:\n{done.stdout}{done.stderr}{HELP}")


def _name(command: tuple[str, ...]) -> str:
    return "pip" if "pip" in command else Path(command[0]).name


def _fill(modules: Path) -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    _copy(modules, VENDOR, FILES)
    (VENDOR / LICENCES).write_text(_licences(modules), "utf-8")
    STAMP.write_text(fingerprint() + "\n", "utf-8")


def _copy(modules: Path, folder: Path, files: dict[str, str]) -> None:
    for source, place in files.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, target)


def _licences(modules: Path) -> str:
    """The licence texts of what is shipped, as the licences ask for."""
    names = sorted({"/".join(source.split("/")[: 2 if source.startswith("@") else 1]) for source in FILES})
    texts = [
        f"{name}\n{'=' * len(name)}\n\n{(modules / name / 'LICENSE').read_text('utf-8').strip()}\n" for name in names
    ]
    return "\n\n".join(texts)


def main() -> None:
    """`vendor.py [--with-tests]`: print one line if something was done."""
    if make(with_tests="--with-tests" in sys.argv[1:]):
        sys.stdout.write(f"The browser's libraries: {len(FILES)} files in static/vendor, from package-lock.json\n")
    elif STAMP.exists():
        STAMP.touch()  # make compares times


if __name__ == "__main__":
    main()
