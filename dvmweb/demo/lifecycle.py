"""`start`, `stop`, `restart`, `delete`, `factory-reset`: start and end the processes of an instance."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dvmweb.demo import creating, edits, faults, processes, store
from dvmweb.demo.logs import Fatal, Log
from dvmweb.demo.options import Call
from dvmweb.demo.store import Instance

NO_BOUNDARY = "The demo guest is not a boundary: it shares the host's kernel and user."
_TICK = 0.005  # seconds between two checks of the agent's logs
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_KEPT = ("lima-version", "protected", "vz-identifier")


def start(call: Call, home: Path, log: Log) -> int:
    """`limactl start NAME|FILE`: returns when the guest responds; Fatal at the time limit (the guest keeps running)."""
    name = call.words[0] if call.words else "default"
    if "/" in name or name.endswith((".yaml", ".yml")):
        name = _start_file(call, home, log)
    elif not (home / store.check_name(name)).is_dir():
        creating.create(Call("create", {**call.flags, "tty": ("false",)}, (name,)), home, log)
    else:
        _check_status(store.inspect(home, name), log)
        if edits.has_edits(call):
            creating.rewrite(call, home / name)
    instance = store.inspect(home, name)
    if instance.status == "Running":
        log.info(f"The instance `{name}` is already running. Run `limactl shell {name}` to open the shell.")
        return 0
    log.info(f"Starting the instance `{name}` with internal VM driver `{instance.vm_type}`")
    log.warning(NO_BOUNDARY)
    agent = _spawn_agent(instance.folder)
    _follow(instance.folder, agent, seconds(call.value("timeout", "10m")), log)
    log.info(f"READY. Run `limactl shell {name}` to open the shell.")
    _show_message(instance, log)
    return 0


def _show_message(instance: Instance, log: Log) -> None:
    message = (instance.config or {}).get("message")
    if message:
        log.info(f"Message from the instance `{instance.name}`:")
        print(message, file=sys.stderr)


def _start_file(call: Call, home: Path, log: Log) -> str:
    path = call.words[0]
    name = call.value("name") or Path(path).stem.lower()
    if not Path(path).exists():
        raise Fatal(f"open {Path(path).absolute()}: no such file or directory")
    creating.create(Call("create", {**call.flags, "name": (name,)}, (path,)), home, log)
    return name


def _check_status(instance: Instance, log: Log) -> None:
    if instance.errors:
        log.line("error", f'Instance "{instance.name}" has configuration errors', error=instance.errors[0])
    if instance.errors and instance.config is None:
        raise Fatal(f'instance "{instance.name}" has configuration errors: {instance.errors[0]}')
    log.info(f"Using the existing instance `{instance.name}`")
    if instance.errors:
        raise Fatal(f"errors inspecting instance: [{' '.join(instance.errors)}]")


def seconds(text: str) -> float:
    """Parse a Go duration such as `1m30s`; returns seconds, raises Fatal."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Fatal(f'invalid argument "{text}" for "--timeout" flag: time: invalid duration "{text}"')
    return sum(float(number) * _UNITS[unit] for number, unit in parts) or 600.0


def _spawn_agent(folder: Path) -> subprocess.Popen[bytes]:
    faults.forget(folder)
    for path in store.sockets_and_pids(folder):  # left by an agent that was killed
        path.unlink(missing_ok=True)
    for name in ("ha.stdout.log", "ha.stderr.log"):
        (folder / name).write_text("")
    # The same interpreter and options as this program.
    program = (sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1], "hostagent", folder.name)
    with (folder / "ha.stderr.log").open("ab") as errors:
        return subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=folder,
            start_new_session=True,
        )


def _follow(folder: Path, agent: subprocess.Popen[bytes], limit: float, log: Log) -> None:
    end = time.monotonic() + limit
    # Events first: what the agent logged before an event is then in the other file already.
    read = {"ha.stdout.log": 0, "ha.stderr.log": 0}
    has_port = False
    while True:
        is_over = agent.poll() is not None
        for facts in _news(folder, read):
            status = facts.get("status")
            if status is None:
                log.line(str(facts.get("level", "info")), f"[hostagent] {facts.get('msg', '')}")
            elif status.get("running"):
                return
            elif status.get("exiting"):
                raise Fatal(f"exiting, status={_go_status(status)} (hint: see `{folder}/ha.stderr.log`)")
            elif not has_port and status.get("sshLocalPort"):
                has_port = True
                log.info(f"SSH Local Port: {status['sshLocalPort']}")
        if is_over:
            raise Fatal(f"host agent process has exited: exit status {agent.returncode}")
        if time.monotonic() >= end:
            raise Fatal("did not receive an event with the `running` status")
        time.sleep(_TICK)


def _news(folder: Path, read: dict[str, int]) -> list[dict[str, Any]]:
    """The new lines of the agent's two logs, sorted by time."""
    found: list[dict[str, Any]] = []
    for name, offset in read.items():
        with (folder / name).open("rb") as file:
            file.seek(offset)
            whole = file.read().rpartition(b"\n")[0]
        read[name] = offset + len(whole) + 1 if whole else offset
        for line in whole.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # a traceback of the agent
                found.append({"level": "error", "msg": line.decode(errors="replace"), "time": "z"})
    return sorted(found, key=lambda facts: (str(facts.get("time", "")), "status" in facts))


def _go_status(status: dict[str, Any]) -> str:
    port = status.get("sshLocalPort", 0)
    return (
        f"{{Running:false Degraded:false Exiting:true Errors:[] SSHLocalPort:{port} "
        "CloudInitProgress:<nil> PortForward:<nil> Vsock:<nil>}"
    )


def stop(call: Call, home: Path, log: Log) -> int:
    """`limactl stop [-f] NAME`."""
    instance = store.inspect(home, call.words[0] if call.words else "default")
    if call.has("force"):
        stop_by_force(instance, log)
        return 0
    if instance.status != "Running":
        raise Fatal(f"expected status `Running`, got `{instance.status}` (maybe use `limactl stop -f`?)")
    _stop_gently(instance, log)
    return 0


def _stop_gently(instance: Instance, log: Log) -> None:
    folder, agent = instance.folder, instance.agent
    read = {name: (folder / name).stat().st_size for name in ("ha.stderr.log", "ha.stdout.log")}
    log.info(f"Sending SIGINT to hostagent process {agent.pid}")
    processes.send(agent.pid, agent.born, signal.SIGINT)
    log.info("Waiting for the host agent and the driver processes to shut down")
    while True:
        is_over = not agent.is_up
        for facts in _news(folder, read):
            if "msg" in facts:
                log.line(str(facts.get("level", "info")), f"[hostagent] {facts['msg']}")
        if is_over:
            break
        time.sleep(_TICK)
    log.info("Waiting for the instance to shut down")
    log.info(f"The instance {instance.name} has shut down")


def stop_by_force(instance: Instance, log: Log) -> None:
    """Kill driver and agent, remove their files; works in any state."""
    agent, driver = instance.agent, f"{instance.vm_type} driver"
    if processes.send(agent.driver_pid, agent.driver_born, signal.SIGKILL):
        log.info(f"Sending SIGKILL to the {driver} process {agent.driver_pid}")
    else:
        log.info(f"The {driver} process seems already stopped")
    if processes.send(agent.pid, agent.born, signal.SIGKILL):
        log.info(f"Sending SIGKILL to the host agent process {agent.pid}")
    else:
        log.info("The host agent process seems already stopped")
    _wait_for_end(agent)
    log.info(f"Removing *.pid *.sock *.tmp under `{instance.folder}`")
    for path in store.sockets_and_pids(instance.folder):
        log.info(f"Removing `{path}`")
        path.unlink(missing_ok=True)
    (instance.folder / "agent.json").unlink(missing_ok=True)
    faults.forget(instance.folder)


def _wait_for_end(agent: store.Agent) -> None:
    end = time.monotonic() + 2
    while (agent.is_driver_up or agent.is_up) and time.monotonic() < end:
        time.sleep(_TICK)


def restart(call: Call, home: Path, log: Log) -> int:
    """`limactl restart NAME`."""
    instance = store.inspect(home, call.words[0] if call.words else "default")
    if instance.status == "Running":
        _stop_gently(instance, log)
    else:
        log.warning("The instance is not running, continuing with the restart")
    return start(Call("start", call.flags, (instance.name,)), home, log)


def delete(call: Call, home: Path, log: Log) -> int:
    """`limactl delete [-f] NAME...`."""
    if not call.words:
        raise Fatal("`limactl delete` requires at least 1 arg(s), only received 0")
    for name in call.words:
        folder = home / store.check_name(name)
        if not folder.is_dir():
            log.warning(f"Ignoring non-existent instance `{name}`")
            continue
        instance = store.inspect(home, name)
        if instance.is_missing_yaml:
            log.warning(f"Skipping instance `{name}` during network reconcile: {instance.errors[0]}")
            raise Fatal(
                f"instance `{name}` directory `{folder}` exists but its `lima.yaml` could not be read; "
                "it was NOT deleted, in case it is currently being cloned into. "
                "If no `limactl` operation is using it, remove it manually"
            )
        _delete_one(instance, log, force=call.has("force"))
    return 0


def _delete_one(instance: Instance, log: Log, *, force: bool) -> None:
    failed = f"failed to delete instance `{instance.name}`"
    if instance.is_protected:
        raise Fatal(f"{failed}: instance is protected to prohibit accidental removal (Hint: use `limactl unprotect`)")
    if instance.status != "Stopped" and not force:
        raise Fatal(f"{failed}: expected status `Stopped`, got `{instance.status}`")
    stop_by_force(instance, log)
    remove_tree(instance.folder)
    log.info(f"Deleted `{instance.name}` (`{instance.folder}`)")


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that its guest left there: unreadable folders, any depth, links."""
    if os.geteuid() != 0:
        subprocess.run(("chmod", "-R", "u+rwx", "--", str(folder)), stderr=subprocess.DEVNULL, check=False)
    done = subprocess.run(("rm", "-rf", "--", str(folder)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fatal(f"failed to remove {folder}: {done.stderr.strip()}")


def factory_reset(call: Call, home: Path, log: Log) -> int:
    """`limactl factory-reset NAME`: delete everything except lima.yaml and the instance's identity."""
    name = call.words[0] if call.words else "default"
    if not (home / store.check_name(name)).is_dir():
        log.info(f"Instance `{name}` not found")
        return 0
    instance = store.inspect(home, name)
    if instance.is_protected:
        raise Fatal("instance is protected to prohibit accidental factory-reset (Hint: use `limactl unprotect`)")
    stop_by_force(instance, log)
    for path in sorted(instance.folder.iterdir()):
        if path.name in _KEPT or path.suffix in (".yaml", ".yml"):
            continue
        log.info(f"Removing `{path}`")
        remove_tree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    log.info(f"Instance `{name}` has been factory reset")
    return 0
