"""Is the instance closed to the host, as we rendered it? Read from what Lima itself made of our lima.yaml."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvmweb import files
from dvmweb.config.fields import PortForward
from dvmweb.errors import CouldNotLook, DvmError
from dvmweb.lima import effective
from dvmweb.lima.instances import Instance
from dvmweb.plans import World


def as_created(world: World, instance: Instance) -> tuple[World, tuple[str, ...]]:
    """User and image count when a VM is created: one that exists keeps the user that we gave it then."""
    created, config = _written(world).get("user"), instance.config or {}
    actual, written = (
        str(facts.get("name")) if isinstance(facts, dict) else "" for facts in (config.get("user"), created)
    )
    if actual == world.config.user or actual != written:
        return world, ()
    notice = f"The user stays {actual}: another one counts only for a new VM (dvm rm {world.config.name}, then sync)."
    config_now, wish = replace(world.config, user=actual), replace(world.wish, user=actual)
    return replace(world, config=config_now, wish=wish), (notice,)


def _written(world: World) -> dict[str, Any]:
    """The lima.yaml that we wrote last, {} where there is none."""
    with suppress(FileNotFoundError, ValueError):
        found = json.loads(files.read_bounded(world.lima_file, files.CONFIG_BYTES))
        return found if isinstance(found, dict) else {}
    return {}


def check_effective(world: World, instance: Instance, *, is_ports_change: bool = False) -> None:
    """Raise DvmError when it opens the host. While its ports wait for a change, those declared before count."""
    if instance.config is None:
        raise CouldNotLook(
            f"Lima cannot tell the config of {instance.name}, so nobody knows whether it opens the host.",
            f"See `limactl list {instance.name}`, and Lima's global files in {world.lima_home}/_config.",
        )
    wish = replace(world.wish, ports=(*world.wish.ports, *_ports_before(world))) if is_ports_change else world.wish
    problems = effective.problems(instance.config, wish)
    if problems:
        raise DvmError(
            f"{instance.name} would not be closed to this computer as dvm makes it:\n"
            + "\n".join(f"- {problem}" for problem in problems),
            f"Mend Lima's global files in {world.lima_home}/_config (default.yaml, override.yaml, base.yaml), "
            f"or the instance's own {instance.directory}/lima.yaml. dvm did not start it.",
        )


def _ports_before(world: World) -> tuple[PortForward, ...]:
    """The ports of the lima.yaml that we wrote last: a sync has not brought the change of the config yet."""
    with suppress(ValueError, KeyError, TypeError):
        rules = [rule for rule in _written(world)["portForwards"] if "hostPort" in rule]
        return tuple(PortForward("127.0.0.1", int(rule["hostPort"]), int(rule["guestPort"])) for rule in rules)
    return ()
