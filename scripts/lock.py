"""Make requirements/dev.txt, the lock, from pyproject.toml: run by `make lock`, with a pip-tools of its own.

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
LOCK = TOP / "requirements" / "dev.txt"
PIP_TOOLS = "pip-tools==7.6.2"
HEADER = """\
# The lock: what `make setup` installs, each file checked by its hash. Python 3.11 to 3.14, Linux and macOS.
# Made from pyproject.toml by `make lock`; do not edit by hand.
"""


def requirements() -> str:
    """What pyproject.toml asks for: the project's own dependencies, then the group for developers."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
    return "\n".join([*project["project"]["dependencies"], *project["dependency-groups"]["dev"], ""])


def compile_lock(folder: Path, arguments: list[str]) -> str:
    """Resolve in a throwaway environment; the present lock keeps what it pins unless `--upgrade` is given."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    # A local folder of wheels would put hashes into the lock that nobody else can have.
    environment = {name: value for name, value in os.environ.items() if name not in ("PIP_FIND_LINKS", "PIP_INDEX_URL")}
    subprocess.run([python, "-m", "pip", "install", "--quiet", PIP_TOOLS], check=True, env=environment)
    (folder / "dev.in").write_text(requirements(), "utf-8")
    output = folder / "dev.txt"
    if LOCK.exists():
        output.write_bytes(LOCK.read_bytes())
    fixed = (
        "--generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links --quiet"
    )
    subprocess.run(
        [
            python,
            "-m",
            "piptools",
            "compile",
            *fixed.split(),
            "--no-annotate",
            *arguments,
            "--output-file=dev.txt",
            "dev.in",
        ],
        check=True,
        cwd=folder,
        env=environment,
    )
    return output.read_text("utf-8")


def main() -> None:
    """Write the lock, or leave the present one untouched when something fails."""
    if sys.version_info[:2] != (3, 11):
        sys.exit("make lock needs Python 3.11, the oldest one supported: make lock PYTHON=python3.11")
    with tempfile.TemporaryDirectory() as folder:
        text = compile_lock(Path(folder), sys.argv[1:])
    LOCK.write_text(HEADER + text, "utf-8")


if __name__ == "__main__":
    main()
