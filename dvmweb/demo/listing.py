"""`limactl list`: JSON, Go template, table and names."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from dvmweb.demo import effective, store
from dvmweb.demo.logs import Fatal, Log
from dvmweb.demo.options import Call
from dvmweb.demo.store import Instance

_PART = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_ERRORS_LOOP = re.compile(r"\{\{\s*range \.Errors\s*\}\}\{\{\s*\.\s*\}\}(.*?)\{\{\s*end\s*\}\}")
_ORDER = (
    *("name", "hostname", "status", "dir", "vmType", "arch", "cpus", "memory", "disk", "message", "network"),
    *("sshLocalPort", "sshConfigFile", "hostAgentPID", "driverPID", "errors", "config", "sshAddress", "param"),
)
_COLUMNS = ("NAME", "STATUS", "SSH", "VMTYPE", "ARCH", "CPUS", "MEMORY", "DISK", "DIR")


def list_instances(call: Call, home: Path, log: Log) -> int:
    """Print the requested instances; exit code 1 if one of them does not exist."""
    _check_flags(call)
    found = store.names(home)
    if not found and not call.words:
        log.warning("No instance found. Run `limactl create` to create an instance.")
        return 0
    for name in found:
        if not (home / name / "lima.yaml").exists():
            log.warning(
                f"The directory `{home}` does not look like a valid Lima directory: "
                f"stat {home}/{name}/lima.yaml: no such file or directory"
            )
    wanted = [name for name in call.words if name in found] if call.words else found
    unknown = [name for name in call.words if name not in found]
    for name in unknown:
        log.warning(f"No instance matching {name} found.")
    _print(call, home, wanted, log)
    if unknown:
        raise Fatal("unmatched instances")
    return 0


def _check_flags(call: Call) -> None:
    if call.has("json") and call.value("format"):
        raise Fatal("option --json conflicts with option --format")
    if call.has("quiet") and call.value("format", "table") != "table":
        raise Fatal("option --quiet can only be used with '--format table'")
    if call.value("yq") or call.value("filter"):
        raise Fatal("the demo engine has no --yq and no --filter")


def _print(call: Call, home: Path, wanted: list[str], log: Log) -> None:
    if call.has("quiet"):
        print(*wanted, sep="\n", end="\n" if wanted else "")
        return
    instances = [store.inspect(home, name) for name in wanted]
    for instance in instances:
        if instance.errors:
            log.warning(f"instance `{instance.name}` has errors", errors=f"[{' '.join(instance.errors)}]")
    form = "json" if call.has("json") else call.value("format", "table")
    if form == "table":
        sys.stdout.write(table([_row(instance) for instance in instances]))
    elif form == "json":
        lines = (_compact(_without_empty_maps(as_json(instance, home))) for instance in instances)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    else:
        sys.stdout.write("".join(f"{expand(form, instance, home)}\n" for instance in instances))


def as_json(instance: Instance, home: Path) -> dict[str, Any]:
    """The object that `{{json .}}` prints, with the keys that Lima prints, in its order."""
    facts = {**_own_facts(instance), **_config_facts(instance)}
    kept = {key: facts[key] for key in _ORDER if facts.get(key) not in (0, None, [])}
    return {
        **kept,
        "protected": instance.is_protected,
        "limaVersion": instance.version,
        "HostOS": "darwin" if sys.platform == "darwin" else "linux",
        "HostArch": effective.host_arch(),
        "LimaHome": str(home),
        "IdentityFile": f"{home}/_config/user",
    }


def _own_facts(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "hostname": instance.hostname,
        "status": instance.status,
        "dir": str(instance.folder),
        "vmType": instance.vm_type,
        "arch": "",
        "sshLocalPort": instance.ssh_port,
        "hostAgentPID": instance.agent_pid,
        "driverPID": instance.driver_pid,
        "errors": _json_errors(instance),
    }


def _config_facts(instance: Instance) -> dict[str, Any]:
    config = instance.config
    if config is None:
        return {}
    return {
        "arch": config["arch"],
        "cpus": config["cpus"],
        "memory": effective.bytes_of(config["memory"]),
        "disk": effective.bytes_of(config["disk"]),
        "message": config.get("message"),
        "network": config.get("networks"),
        "sshConfigFile": f"{instance.folder}/ssh.config",
        "config": config,
        "sshAddress": "127.0.0.1",
        "param": config.get("param"),
    }


def _json_errors(instance: Instance) -> list[dict[str, Any]]:
    # Go writes an error value as {}; only a plain system error has fields.
    if instance.is_missing_yaml:
        return [{"Op": "open", "Path": f"{instance.folder}/lima.yaml", "Err": 2}]
    return [{} for _ in instance.errors]


def _without_empty_maps(value: Any) -> Any:
    if isinstance(value, dict):
        smaller = {key: _without_empty_maps(child) for key, child in value.items()}
        return {key: child for key, child in smaller.items() if child != {}}
    if isinstance(value, list):
        return [child for child in map(_without_empty_maps, value) if child != {}]
    return value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _fields(instance: Instance, home: Path) -> dict[str, Any]:
    facts = as_json(instance, home)
    return {
        "Name": instance.name,
        "Hostname": instance.hostname,
        "Status": instance.status,
        "Dir": str(instance.folder),
        "VMType": instance.vm_type,
        "Arch": facts["arch"],
        "CPUs": facts.get("cpus", 0),
        "Memory": facts.get("memory", 0),
        "Disk": facts.get("disk", 0),
        "Message": facts.get("message", ""),
        "SSHLocalPort": instance.ssh_port,
        "SSHConfigFile": facts.get("sshConfigFile", ""),
        "SSHAddress": facts.get("sshAddress", ""),
        "HostAgentPID": instance.agent_pid,
        "DriverPID": instance.driver_pid,
        "Errors": list(instance.errors),
        "Config": instance.config,
        "Protected": instance.is_protected,
        "LimaVersion": instance.version,
        "HostOS": facts["HostOS"],
        "HostArch": facts["HostArch"],
        "LimaHome": str(home),
        "IdentityFile": facts["IdentityFile"],
    }


def expand(form: str, instance: Instance, home: Path) -> str:
    """Expand `{{.Field}}`, `{{json .}}`, `{{json .Field}}` and the loop over .Errors. Raises Fatal for other fields."""
    fields = _fields(instance, home)
    form = _ERRORS_LOOP.sub(lambda loop: "".join(error + loop[1] for error in instance.errors), form)

    def value(part: re.Match[str]) -> str:
        words = part[1].split()
        name = words[-1] if words else ""
        if name == "." and words[0] == "json":
            return _compact(as_json(instance, home))
        if not name.startswith(".") or name[1:] not in fields or words[:-1] not in ([], ["json"]):
            raise Fatal(
                f'template: format:1:{part.start() + 2}: executing "format" at <{name}>: '
                f"can't evaluate field {name[1:]} in type store.FormatData"
            )
        found = fields[name[1:]]
        return _compact(found) if words[0] == "json" else _plain(found)

    return _PART.sub(value, form)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{' '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _row(instance: Instance) -> tuple[str, ...]:
    config = instance.config
    folder = str(instance.folder)
    home = str(Path.home())
    return (
        instance.name,
        instance.status,
        f"127.0.0.1:{instance.ssh_port}" if config else ":0",
        instance.vm_type,
        str(config["arch"]) if config else "",
        str(config["cpus"]) if config else "0",
        effective.human_size(effective.bytes_of(config["memory"])) if config else "0B",
        effective.human_size(effective.bytes_of(config["disk"])) if config else "0B",
        "~" + folder.removeprefix(home) if folder.startswith(home + "/") else folder,
    )


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns padded by four spaces, as Go's tabwriter does."""
    lines = [_COLUMNS, *rows]
    widths = [max(4, *(len(line[column]) + 4 for line in lines)) for column in range(len(_COLUMNS) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=True)) + line[-1] + "\n"
        for line in lines
    )
