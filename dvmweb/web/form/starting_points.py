"""Where a new VM can start from: a few bundles of recipes, or the config of another VM. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dvmweb.config.model import FIELDS
from dvmweb.recipes import Recipe


@dataclass(frozen=True)
class Bundle:
    """A named starting point: the fields that it fills."""

    id: str
    label: str
    recipes: tuple[str, ...]
    values: Mapping[str, object] = field(default_factory=dict)


BUNDLES = (
    Bundle("python", "Python project", ("git", "python", "ripgrep")),
    Bundle("node", "Node.js project", ("git", "node", "ripgrep"), {"ports": [3000]}),
    Bundle("node-claude", "Node.js with Claude", ("git", "node", "claude"), {"cpus": 4, "memory": "8GiB"}),
    Bundle("python-codex", "Python with Codex", ("git", "python", "codex"), {"cpus": 4, "memory": "8GiB"}),
    Bundle("rust", "Rust project", ("git", "rust", "ripgrep"), {"cpus": 4, "memory": "8GiB", "disk": "40GiB"}),
    Bundle("containers", "Containers", ("git", "docker"), {"memory": "8GiB", "disk": "40GiB"}),
)
NOT_COPIED = ("name", "repo", "code_dir", "ports")  # they belong to one VM; a host port can be open for one VM only


@dataclass(frozen=True)
class Starts:
    """What a new VM can start from, and what this one started from."""

    bundles: tuple[Bundle, ...] = ()
    vms: tuple[str, ...] = ()
    note: str = ""


def values_of(bundle_id: str) -> dict[str, object]:
    """Return the fields of a bundle; {} for an unknown one."""
    found = next((one for one in BUNDLES if one.id == bundle_id), None)
    return {**found.values, "recipes": list(found.recipes)} if found else {}


def values_like(values: Mapping[str, object], recipes: Sequence[Recipe]) -> dict[str, object]:
    """Return the fields that a new VM takes from the config of another: no secret, and nothing that is only its own."""
    kept = {name: value for name, value in values.items() if name in FIELDS and name not in NOT_COPIED}
    secrets = {(recipe.name, param.name) for recipe in recipes for param in recipe.params if param.secret}
    params = kept.pop("params", None)
    if not isinstance(params, dict):
        return kept
    clean = {
        recipe: {name: value for name, value in given.items() if (recipe, name) not in secrets}
        for recipe, given in params.items()
        if isinstance(given, dict)
    }
    clean = {recipe: given for recipe, given in clean.items() if given}
    return {**kept, "params": clean} if clean else kept
