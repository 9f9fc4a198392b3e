"""Checks the declared ports of a VM: before it starts whether they are free, at the end whether they lead to it."""

from __future__ import annotations

from dvmweb import host_ports
from dvmweb.errors import PortTaken
from dvmweb.jobs import live_forwards
from dvmweb.jobs.checks.outcome import Outcome, Tools
from dvmweb.lima.lima_yaml import ports
from dvmweb.lima.process import Finished
from dvmweb.plans import PlanInput
from dvmweb.records import live_ports


def free(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Raise PortTaken if another program uses a port: Lima would start the VM without an error and without the port."""
    taken = [port for port in _states(tools, plan_input) if port.state == ports.TAKEN]
    if taken:
        name, is_up = plan_input.config.name, plan_input.latest is not None and plan_input.latest.is_running
        done = "restarted" if is_up else "started"
        raise PortTaken(f"{ports.lost_sentence(taken)} {name} was not {done}.", _way_out(plan_input, taken[0]))
    return Outcome(plan_input, _joined("free", _states(tools, plan_input)))


def lead_to_it(tools: Tools, plan_input: PlanInput, finished: Finished) -> Outcome:
    """Raise PortTaken for ports that Lima could not open; the reason names those that need a restart."""
    if plan_input.latest is not None and plan_input.latest.is_running:
        config = plan_input.config
        live_forwards.reopen(tools.paths, tools.lima, plan_input.latest, config.name, config.ports)
    found = _states(tools, plan_input)
    lost = [port for port in found if port.is_lost]
    if lost:
        refused = next((port for port in lost if port.state == ports.REFUSED), None)
        todo = _way_out(plan_input, lost[0]) if refused is None else _again(plan_input, refused)
        what = f"{ports.lost_sentence(lost)} It does not lead to {plan_input.config.name}; everything else was done."
        raise PortTaken(what, todo)
    noted = [f"{port.text} {port.note}" for port in found if port.is_late]
    return Outcome(plan_input, ", ".join(noted) or _joined("not held by another program", found))


def _states(tools: Tools, plan_input: PlanInput) -> tuple[ports.PortState, ...]:
    declared = plan_input.config.ports
    wanted = {port.host_port for port in declared}
    instance = plan_input.latest
    return tuple(
        port
        for port in ports.port_states(
            declared,
            instance,
            host_ports.listeners(wanted),
            ports.host_agents(plan_input.lima_home),
            host_ports.met_first(wanted),
            live_ports.pairs(tools.paths, plan_input.config.name),
        )
        if port.host_port in wanted
    )


def _joined(word: str, found: tuple[ports.PortState, ...]) -> str:
    return f"{', '.join(port.text for port in found)}: {word}"


def _way_out(plan_input: PlanInput, port: ports.PortState) -> str:
    name = plan_input.config.name
    other = f"{_another(plan_input, port.host_port)}:{port.guest_port}"
    return (
        f'End that program, or set another host port in the config of {name}, like `ports: ["{other}"]`; '
        f"then run `dvm sync {name} --restart`."
    )


def _another(plan_input: PlanInput, taken: int) -> int:
    """A free port near one that is taken, which the VM does not declare itself; 8000 if there is none."""
    declared = {port.host_port for port in plan_input.config.ports}
    near = [port for port in range(taken + 1, min(taken + 50, 65536)) if port not in declared]
    held = host_ports.listeners(near)
    return next((port for port in near if port not in held), 8000)


def _again(plan_input: PlanInput, port: ports.PortState) -> str:
    name = plan_input.config.name
    restart = f"`dvm stop {name}`, then `dvm start {name}`"
    return f"Restart the server on port {port.guest_port} of {name}, or the VM: {restart}."
