"""What a package brings that unpacks, and a guest's PATH on which nothing of that is yet."""

from __future__ import annotations

import sys
from pathlib import Path

# What a package brings that unpacks: real, so that nothing depends on what the machine of the tests has.
UNPACKERS = {
    "unzip": """import sys, zipfile, pathlib
_, quiet, archive, _, folder = sys.argv
pack = zipfile.ZipFile(archive)
for one in pack.infolist():
    pathlib.Path(pack.extract(one, folder)).chmod(one.external_attr >> 16 & 0o777)
""",
    "xz": "import sys, lzma; sys.stdout.buffer.write(lzma.decompress(sys.stdin.buffer.read()))\n",
}


def set_up_unpackers(fake: Path) -> None:
    (fake / "as").mkdir(exist_ok=True)
    for name, text in UNPACKERS.items():
        program = fake / "as" / name
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(0o755)


def path_without(folder: Path, path: str, *programs: str) -> str:
    """The PATH with everything but these programs: links stand in for the folders of this machine that have them."""
    parts = []
    for number, part in enumerate(path.split(":")):
        if any((Path(part) / name).exists() for name in programs) and not Path(part).is_relative_to(folder):
            links = folder / f"path-{number}"
            links.mkdir(parents=True)
            for found in Path(part).iterdir():
                if found.name not in programs:
                    (links / found.name).symlink_to(found)
            part = str(links)
        parts.append(part)
    return ":".join(parts)
