"""Is the instance closed to the host, as we rendered it? Read from what Lima itself made of our lima.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvmweb import files
from dvmweb.config.fields import PortForward
from dvmweb.errors import CouldNotLook, DvmError
from dvmweb.lima import effective
from dvmweb.lima.instances import Instance
from dvmweb.lima.rendering import PLAIN_IMAGES, render
from dvmweb.plans import World


def as_created(world: World, instance: Instance) -> tuple[World, tuple[str, ...]]:
    """User and image count when a VM is created: one that exists keeps what we gave it then."""
    written = _written(world)
    notices = []
    user, image = _user_of(instance.config or {}), _image_of(written)
    if user != world.config.user and user == _user_of(written):
        world = replace(world, config=replace(world.config, user=user), wish=replace(world.wish, user=user))
        notices.append(f"The user stays {user}")
    if image and image != PLAIN_IMAGES.get(world.wish.image, world.wish.image):
        world = replace(world, wish=replace(world.wish, image=image))
        notices.append(f"The image stays {image}")
    only = f": another one counts only for a new VM (dvm rm {world.config.name}, then sync)."
    return world, tuple(notice + only for notice in notices)


def _user_of(config: Mapping[str, Any]) -> str:
    facts = config.get("user")
    return str(facts.get("name")) if isinstance(facts, dict) else ""


def _image_of(written: Mapping[str, Any]) -> str:
    """The image as a config names it: the path of a file, or the last word of a template."""
    images, base = written.get("images"), written.get("base")
    if isinstance(images, list) and images and isinstance(images[0], dict):
        return str(images[0].get("location"))
    first = base[0] if isinstance(base, list) and base else base
    return str(first).rpartition("/")[2] if first else ""


def _written(world: World) -> dict[str, Any]:
    """The lima.yaml that we wrote last, {} where there is none."""
    with suppress(FileNotFoundError, ValueError):
        found = json.loads(files.read_bounded(world.lima_file, files.CONFIG_BYTES))
        return found if isinstance(found, dict) else {}
    return {}


def write_lima_yaml(world: World) -> None:
    """Write the lima.yaml that create reads, and that says later what we have declared."""
    files.private_folder(world.lima_file.parent)
    files.write_whole(world.lima_file, render(world.wish, world.overlay).encode())


def check_effective(world: World, instance: Instance, edits: Mapping[str, Any] = {}) -> None:
    """Raise DvmError when it opens the host. While its ports wait for a change, those declared before count."""
    if instance.config is None:
        raise CouldNotLook(
            f"Lima cannot tell the config of {instance.name}, so nobody knows whether it opens the host.",
            f"See `limactl list {instance.name}`, and Lima's global files in {world.lima_home}/_config.",
        )
    ports = (*world.wish.ports, *_ports_before(world)) if "portForwards" in edits else world.wish.ports
    wish = replace(world.wish, ports=ports)
    mode = effective.network_mode(world.lima_home)
    problems = effective.problems(instance.config, wish, world.overlay, mode=mode, changing=tuple(edits))
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
