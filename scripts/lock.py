"""Write the lock files in requirements/ from pyproject.toml; run by `make lock`, with its own pip-tools.

run.txt is what `make run` installs, dev.txt what tests and checks need on top, deno.txt the client that fetches the
browser's libraries where npm is missing. The small ones are parts of dev.txt, with the same pins.

pip-compile resolves for the Python that runs it. The lock is made with 3.11, the oldest one, so that packages which
only old versions need are in it; markers written in pyproject.toml are kept.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "requirements"
GROUPS = ("dev", "run", "deno")  # the first one decides the versions
PIP_TOOLS = "pip-tools==7.6.2"
HEADER = """\
# A lock: each file is checked by its hash. Python 3.11 to 3.14, Linux and macOS.
# Made from pyproject.toml by `make lock`; do not edit by hand.
"""


def requirements(group: str) -> str:
    """What pyproject.toml asks for: the project's own dependencies, then the group; Deno stands alone."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
    own = [] if group == "deno" else project["project"]["dependencies"]
    return "\n".join([*own, *members(project["dependency-groups"], group), ""])


def members(groups: dict[str, list[str | dict[str, str]]], group: str) -> list[str]:
    """The packages of a group and of the groups that it includes."""
    found = []
    for one in groups[group]:
        found += [one] if isinstance(one, str) else members(groups, one["include-group"])
    return found


def install_tools(folder: Path, environment: dict[str, str]) -> str:
    """Install pip-tools in a temporary environment; return its Python."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", PIP_TOOLS], check=True, env=environment)
    return python


def compile_lock(argv: list[str], folder: Path, environment: dict[str, str], group: str, present: str) -> str:
    """Resolve a group; the present lock keeps what it pins unless `--upgrade` is given."""
    (folder / f"{group}.in").write_text(requirements(group), "utf-8")
    output = folder / f"{group}.txt"
    output.write_text(present, "utf-8")
    fixed = (
        "--generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links --quiet"
    )
    words = [*fixed.split(), "--no-annotate", f"--output-file={output.name}", f"{group}.in"]
    subprocess.run([*argv, *words], check=True, cwd=folder, env=environment)
    return output.read_text("utf-8")


def main() -> None:
    """Write the locks, or leave the present ones untouched when something fails."""
    if sys.version_info[:2] != (3, 11):
        sys.exit("make lock needs Python 3.11, the oldest one supported: make lock PYTHON=python3.11")
    # A local folder of wheels would put hashes into the lock that nobody else can have.
    environment = {name: value for name, value in os.environ.items() if name not in ("PIP_FIND_LINKS", "PIP_INDEX_URL")}
    text, arguments, made = (FOLDER / "dev.txt").read_text("utf-8"), sys.argv[1:], {}
    with tempfile.TemporaryDirectory() as name:
        python = install_tools(Path(name), environment)
        for group in GROUPS:
            argv = [python, "-m", "piptools", "compile", *arguments]
            made[group] = compile_lock(argv, Path(name), environment, group, text)
            text, arguments = made["dev"], []  # the others keep its pins
    for group, lock in made.items():
        (FOLDER / f"{group}.txt").write_text(HEADER + lock, "utf-8")


if __name__ == "__main__":
    main()
