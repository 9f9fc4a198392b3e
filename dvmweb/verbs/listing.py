"""Lists all VMs: their configs and instances, with the stored records and the state of their ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dvmweb import host_ports
from dvmweb.config.store import ConfigStore
from dvmweb.errors import DvmError
from dvmweb.jobs import starting
from dvmweb.jobs.checks import sandbox as sandbox_check
from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml import ports
from dvmweb.lima.lima_yaml.differences import pending
from dvmweb.names import instance_name, is_hidden
from dvmweb.paths import Paths
from dvmweb.records import guest_status, idle_times, last_use, live_ports, work_reports
from dvmweb.verbs.vm import Vm


def list_vms(paths: Paths, environ: Mapping[str, str]) -> tuple[Vm, ...]:
    """All VMs by name, with one limactl call and the stored reports of their guests."""
    lima = Lima(find_engine(environ, paths), paths, environ)
    instances = {instance.name: instance for instance in lima.list().instances}
    names = ConfigStore(paths).names()
    found = [_vm(paths, name, instances.get(instance_name(name))) for name in names]
    ours = _with_ports(paths, found, tuple(instances.values()))
    for name in names:
        instances.pop(instance_name(name), None)
    rest = [one for one in instances.values() if not is_hidden(one.name)]
    others = [Vm(i.name, "unmanaged", i.status, None, i, "", None, None, None) for i in rest]
    return tuple(sorted((*ours, *others), key=lambda vm: (vm.kind == "unmanaged", vm.name)))


def _vm(paths: Paths, name: str, instance: Instance | None) -> Vm:
    config, problem = None, ""
    try:
        config = ConfigStore(paths).read(name)
    except DvmError as error:
        problem = error.what
    kind, status = ("managed", instance.status) if instance else ("not created", "")
    waits = pending(instance, config, paths.overlay_file, paths.vm_state(name) / "lima.yaml")
    return remembered(paths, Vm(name, kind, status, config, instance, problem, None, None, None, pending=waits))


def remembered(paths: Paths, vm: Vm) -> Vm:
    """The VM with its current records: guest status, unsaved work, last job. Runs no limactl."""
    if vm.kind == "unmanaged":
        return vm
    known = work_reports.known(paths, vm.name, vm.instance)
    last = starting.last_job(paths, vm.name)
    failed = starting.last_change(paths, last)
    return replace(
        vm,
        reach=guest_status.read(paths, vm.name, vm.instance),
        work=known.report if known else None,
        sandbox=sandbox_check.read(paths, vm.name, vm.instance),
        failed_check=known.failed if known else None,
        since=known.since if known else "",
        used_at=last_use.read(paths, vm.name).at,
        job=last if last is not None and last.is_open else None,
        failed=failed if failed is not None and failed.state in ("failed", "interrupted") else None,
        job_ended=last.ended if last is not None else 0.0,
        idle=idle_times.read(paths, vm.name) if vm.config and vm.config.idle_stop else None,
    )


def _with_ports(paths: Paths, found: list[Vm], every: tuple[Instance, ...]) -> list[Vm]:
    """The VMs with the state of their ports, read from the host once for all."""
    declared = [vm.config.ports if vm.config else () for vm in found]
    if not any(declared) and not any(vm.status == "Running" for vm in found):
        return found  # nothing to read
    wanted = {port.host_port for each in declared for port in each}
    wanted |= {host for vm in found for host, _ in ports.forwards_of(vm.instance)}
    live = {vm.name: live_ports.pairs(paths, vm.name) for vm in found if vm.status == "Running"}
    wanted |= {host for pairs in live.values() for host in pairs}
    listening, met_first = host_ports.listeners(wanted), host_ports.met_first(wanted)
    agents = {one.host_agent_pid: ports.shown_name(one.name) for one in every if one.host_agent_pid}
    return [
        replace(
            vm,
            ports=ports.port_states(
                each if vm.config else None, vm.instance, listening, agents, met_first, live.get(vm.name, {})
            ),
        )
        for vm, each in zip(found, declared, strict=True)
    ]
