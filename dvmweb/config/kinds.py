"""The kinds of VMs: for a project, or for one service, which has no project and a recipe of the same name."""

from __future__ import annotations

from collections.abc import Iterable

PROJECT = "vm"
SERVICES = ("llama", "cloudflared", "tailscale")
KINDS = (PROJECT, *SERVICES)

# The sizes in a new config of each kind. They are written into the file, so that the user sees them.
SIZES: dict[str, dict[str, object]] = {
    "llama": {"cpus": 4, "memory": "8GiB", "disk": "60GiB"},
    "cloudflared": {"cpus": 1, "memory": "1GiB", "disk": "10GiB"},
    "tailscale": {"cpus": 1, "memory": "2GiB", "disk": "10GiB"},  # without a package for the system, it is compiled
}
# Data outside the code folder that is deleted with such a VM without a check.
NOT_CHECKED = {
    "llama": "its models (they can be downloaded again)",
    "cloudflared": "its token (the tunnel itself is kept at Cloudflare, where you can delete it)",
    "tailscale": "its identity in your tailnet (the machine stays listed there until you remove it)",
}


def is_service(kind: str) -> bool:
    """Whether a VM of this kind has no project: no repository, no key of its own, no hook."""
    return kind in SERVICES


def with_own_recipe(kind: str, recipes: Iterable[str]) -> tuple[str, ...]:
    """The recipes of a config, followed by the recipe of its kind."""
    return tuple(dict.fromkeys((*recipes, *([kind] if is_service(kind) else []))))


def not_checked(kind: str) -> str:
    """A sentence about data of this kind of VM that is deleted without a check, "" for a project."""
    return f"Not checked, and deleted with the VM: {NOT_CHECKED[kind]}." if kind in NOT_CHECKED else ""
