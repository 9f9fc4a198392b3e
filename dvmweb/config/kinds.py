"""What a VM is for: a project, or one service that has no project and takes the recipe of its own name."""

from __future__ import annotations

from collections.abc import Iterable

PROJECT = "vm"
SERVICES = ("llama", "cloudflared", "tailscale")
KINDS = (PROJECT, *SERVICES)

# What a new config of that kind begins with. They are written into the file, so that nothing is hidden in a word.
SIZES: dict[str, dict[str, object]] = {
    "llama": {"cpus": 4, "memory": "8GiB", "disk": "60GiB"},
    "cloudflared": {"cpus": 1, "memory": "1GiB", "disk": "10GiB"},
    "tailscale": {"cpus": 1, "memory": "2GiB", "disk": "10GiB"},  # where no package has it, it is built
}
# What is deleted with such a VM and is not in its code folder: it is not checked.
NOT_LOOKED = {
    "llama": "its models (they can be downloaded again)",
    "cloudflared": "its token (the tunnel itself is kept at Cloudflare, where you can delete it)",
    "tailscale": "its identity in your tailnet (the machine stays listed there until you remove it)",
}


def is_service(kind: str) -> bool:
    """Whether a VM of this kind has no project: no repository, no key of its own, no hook."""
    return kind in SERVICES


def with_own_recipe(kind: str, recipes: Iterable[str]) -> tuple[str, ...]:
    """The recipes that a config lists, and the one that its kind implies behind them."""
    return tuple(dict.fromkeys((*recipes, *([kind] if is_service(kind) else []))))


def not_looked(kind: str) -> str:
    """A sentence about what is deleted with a VM of this kind and is not checked, "" for a project."""
    return f"Not checked, and deleted with the VM: {NOT_LOOKED[kind]}." if kind in NOT_LOOKED else ""
