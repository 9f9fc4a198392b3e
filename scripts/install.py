"""Install a lock file into the environment of this Python, and print each package as pip comes to it.

Run by `make`: `install.py requirements/run.txt`. pip alone is either silent or writes hundreds of lines.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

WIDTH = 110
COLLECTS = re.compile(r"Collecting ([A-Za-z0-9._-]+)==")
WEIGHS = re.compile(r"\s+Downloading .*\(([0-9.]+) MB\)")
SHOWN_FROM = 5.0  # MB; less is there before one asks


def words(lines: Iterable[str], said: list[str]) -> Iterator[str]:
    """Yield what to show of pip's lines; all of them are kept in `said` in case it fails."""
    for line in lines:
        said.append(line)
        if name := COLLECTS.match(line):
            yield name[1]
        elif (size := WEIGHS.match(line)) and float(size[1]) >= SHOWN_FROM:
            yield f"({float(size[1]):.0f} MB)"
        elif line.startswith("Installing collected packages"):
            yield "- unpacking"


def show(parts: Iterable[str]) -> None:
    """Write texts one after the other as they come, in lines of a readable width."""
    column = 0
    for part in parts:
        if column == 0 or column + len(part) >= WIDTH:
            sys.stdout.write("\n   " if column else "   ")
            column = 3
        sys.stdout.write(f" {part}")
        column += len(part) + 1
        sys.stdout.flush()
    if column:
        sys.stdout.write("\n")


def main() -> None:
    """Install, and return pip's exit code; its output is shown only if it failed."""
    lock = Path(sys.argv[1])
    count = len(re.findall("^[a-z].*==", lock.read_text("utf-8"), re.MULTILINE))
    sys.stdout.write(f"Installing {count} packages from {lock}:\n")
    sys.stdout.flush()
    argv = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off")
    said: list[str] = []
    command = (*argv, "--require-hashes", "-r", str(lock))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        show(words(pip.stdout or (), said))
    if pip.returncode != 0:
        sys.stderr.write("".join(said[-40:]))
        sys.exit(f"pip could not install {lock}: its output is above. Fix that, then run the same command again.")


if __name__ == "__main__":
    main()
