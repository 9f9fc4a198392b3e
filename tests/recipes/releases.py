"""Stand-ins for the pinned releases: real archives on a guest's mirror, and a table with their checksums."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from dvmweb.files import digest
from tests.guest.conftest import Guest
from tests.places import RECIPES

# What each archive holds, as its makers lay it out.
PROGRAMS = {
    "chezmoi": ("chezmoi",),
    "cloudflared": ("cloudflared",),
    "git-delta": ("delta-0.18.2/delta",),
    "helix": ("helix-25.07.1/hx", "helix-25.07.1/runtime/tutor"),
    "lazygit": ("lazygit",),
    "llama": ("llama-b10819/llama-server", "llama-b10819/libllama.so"),
    "starship": ("starship",),
    "yazi": ("yazi-x/yazi", "yazi-x/ya"),
    "zellij": ("zellij",),
}
# Its programs are asked for answers, which those of an archive of ours do not give.
TAILSCALE = {"tailscale": ("tailscale_1.104.1/tailscale", "tailscale_1.104.1/tailscaled")}


def rows() -> list[list[str]]:
    """The rows of our table."""
    lines = (RECIPES / "_versions.tsv").read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def mirror_of(guest: Guest, name: str, sha256: Mapping[str, str] = {}) -> str:
    """Put archives of `name` on the guest's mirror; its rows, with their checksums or the given ones."""
    text = ""
    for row in rows():
        if row[0] != name:
            continue
        archive = _archive(row[4], row[2], (PROGRAMS | TAILSCALE)[name])
        (guest.fake / "mirror" / Path(row[4]).name).write_bytes(archive)
        text += "\t".join((*row[:3], sha256.get(row[2], digest(archive)), row[4])) + "\n"
    return text


def _archive(url: str, arch: str, members: tuple[str, ...]) -> bytes:
    data = io.BytesIO()
    if url.endswith(".zip"):
        with zipfile.ZipFile(data, "w") as pack:
            for member in members:
                info = zipfile.ZipInfo(member)
                info.external_attr, info.create_system = 0o100755 << 16, 3
                pack.writestr(info, program(arch))
        return data.getvalue()
    if "-linux-" in url.rsplit("/", 1)[-1] and not url.endswith((".gz", ".xz", ".tgz")):
        return program(arch)  # the bare program
    is_gzip = url.endswith((".gz", ".tgz"))
    with tarfile.open(fileobj=data, mode="w:gz" if is_gzip else "w") as tar:
        for member in members:
            entry = tarfile.TarInfo(member)
            entry.mode, entry.size = (0o644 if "runtime" in member else 0o755), len(program(arch))
            tar.addfile(entry, io.BytesIO(program(arch)))
    return data.getvalue() if is_gzip else lzma.compress(data.getvalue())


def program(arch: str) -> bytes:
    return f"#!/bin/sh\necho made for {arch}\n".encode()
