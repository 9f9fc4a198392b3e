"""Checks that an instance does not open the host, by the config that Lima itself made of our lima.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvmweb import files
from dvmweb.config.fields import PortForward
from dvmweb.errors import CheckFailed, DvmError
from dvmweb.guest_text import visible
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml import effective
from dvmweb.lima.lima_yaml.rendering import PLAIN_IMAGES, render
from dvmweb.lima.lima_yaml.written import image_of, written
from dvmweb.plans import PlanInput


def as_created(plan_input: PlanInput, instance: Instance) -> tuple[PlanInput, tuple[str, ...]]:
    """The plan input with the user and image of the existing VM, which keeps those of its creation; and notices."""
    file = written(plan_input.lima_file)
    notices = []
    user, image = _user_of(instance.config or {}), image_of(file)
    if user != plan_input.config.user and user == _user_of(file):
        plan_input = replace(
            plan_input, config=replace(plan_input.config, user=user), desired=replace(plan_input.desired, user=user)
        )
        notices.append(f"The user stays {user}")
    if image and image != PLAIN_IMAGES.get(plan_input.desired.image, plan_input.desired.image):
        plan_input = replace(plan_input, desired=replace(plan_input.desired, image=image))
        notices.append(f"The image stays {image}")
    arch = plan_input.config.arch
    if arch != "default" and instance.arch and instance.arch != arch:
        notices.append(f"The arch stays {visible(instance.arch, 40)}")
    only = f": a change applies only to a new VM (dvm rm {plan_input.config.name}, then sync)."
    return plan_input, tuple(notice + only for notice in notices)


def _user_of(config: Mapping[str, Any]) -> str:
    facts = config.get("user")
    return str(facts.get("name")) if isinstance(facts, dict) else ""


def write_lima_yaml(plan_input: PlanInput) -> None:
    """Write the lima.yaml that `limactl create` reads; later it shows which ports were declared."""
    files.private_folder(plan_input.lima_file.parent)
    files.write_whole(plan_input.lima_file, render(plan_input.desired, plan_input.overlay).encode())


def check_effective(
    plan_input: PlanInput, instance: Instance, edits: Mapping[str, Any] = {}, *, is_replaced: bool = False
) -> None:
    """Raise DvmError if the instance opens the host, CheckFailed if that is not known.

    `edits`: fields that the config will change; until then the ports declared before are allowed too. `is_replaced`:
    the edits are made and checked again before the guest can use them.
    """
    if instance.config is None:
        raise CheckFailed(
            f"Lima cannot read the config of {instance.name}, so it is not known whether it gives access to the host.",
            f"Check `limactl list {instance.name}`, and Lima's global files in {plan_input.lima_home}/_config.",
        )
    ports = (
        (*plan_input.desired.ports, *_ports_before(plan_input)) if "portForwards" in edits else plan_input.desired.ports
    )
    desired = replace(plan_input.desired, ports=ports)
    mode = effective.network_mode(plan_input.lima_home)
    problems = effective.problems(instance.config, desired, plan_input.overlay, mode=mode, changing=tuple(edits))
    beyond_ports = tuple(problem for problem in problems if not problem.startswith("portForwards"))
    if "portForwards" in edits and is_replaced:
        problems = beyond_ports
    if problems:
        restart = "portForwards" in edits and not beyond_ports  # as in a clone, which has the ports of its origin
        raise DvmError(
            f"{instance.name} would have access to the host that dvm does not allow:\n"
            + "\n".join(f"- {problem}" for problem in problems),
            f"To remove these ports: `dvm sync {plan_input.config.name} --restart`"
            if restart
            else f"Fix Lima's global files in {plan_input.lima_home}/_config "
            "(default.yaml, override.yaml, base.yaml), "
            f"or {instance.directory}/lima.yaml. dvm did not start it.",
        )


def _ports_before(plan_input: PlanInput) -> tuple[PortForward, ...]:
    """The ports of the lima.yaml that dvm wrote last; a changed config is not applied yet."""
    with suppress(ValueError, KeyError, TypeError):
        rules = [rule for rule in written(plan_input.lima_file)["portForwards"] if "hostPort" in rule]
        return tuple(PortForward("127.0.0.1", int(rule["hostPort"]), int(rule["guestPort"])) for rule in rules)
    return ()
