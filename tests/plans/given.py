"""A plan input for tests: the VM `app` with two recipes, on Lima."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from dvmweb.config.model import Defaults, VmConfig
from dvmweb.guest.state import Applied, GuestState
from dvmweb.lima.engine import Engine
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.lima_yaml.rendering import desired_instance, render
from dvmweb.plans import DesiredRecipe, PlanInput
from dvmweb.recipes import Recipe

ID = "a" * 32
HASH = "b" * 64
SCRIPTS = (
    "_lib.sh",
    "state.sh",
    "probes.sh",
    "apply.sh",
    "identity.sh",
    "key_access.sh",
    "keys.sh",
    "clone.sh",
    "code_dir.sh",
    "hook.sh",
    "work.sh",
)
STATE = GuestState(
    identity=("dvm-app", ID),
    hostname="lima-dvm-app",
    user="dev",
    uid=1000,
    boot_id="",
    is_demo=False,
    applied={name: Applied(HASH, "done", 1) for name in ("baseline", "node")},
    probes={"baseline": "ok", "node": "ok"},
    key="ssh-ed25519 AAAA",
    code="repository",
    origin="",
    hook="",
    hook_size=0,
    hook_problem="",
    hook_applied="",
)


def config(**values: Any) -> VmConfig:
    return Defaults(values).config("app")


def plan_input(of: VmConfig | None = None, **changes: Any) -> PlanInput:
    found = of or config()
    recipes = tuple(
        DesiredRecipe(Recipe(name, Path(f"/r/{name}.sh"), "true", False, probe="true", moving=name == "node"), HASH, {})
        for name in ("baseline", "node")
    )
    made = PlanInput(
        config=found,
        desired=desired_instance(found),
        overlay={},
        recipes=recipes,
        scripts={name: name for name in SCRIPTS},
        engine=Engine("lima", ("limactl",), ("ssh",)),
        lima_home=Path("/lima"),
        lima_file=Path("/state/vms/app/lima.yaml"),
        known_id=ID,
        new_id="c" * 32,
        nonce="d" * 32,
    )
    return replace(made, **changes)


def instance_facts(status: str = "Running", of: VmConfig | None = None) -> dict[str, Any]:
    """What `limactl list` reports about an instance that is exactly what our rendering asks for."""
    desired = desired_instance(of or config())
    return {
        "name": desired.instance,
        "status": status,
        "dir": f"/lima/{desired.instance}",
        "cpus": desired.cpus,
        "memory": desired.memory_bytes,
        "disk": desired.disk_bytes,
        "config": json.loads(render(desired, {})),
        "protected": False,
        "hostAgentPID": 1,
    }


def instance(status: str = "Running", of: VmConfig | None = None) -> Instance:
    """That instance."""
    facts = instance_facts(status, of)
    found = parse_list(json.dumps(facts).encode()).find(facts["name"])
    assert found is not None
    return found
