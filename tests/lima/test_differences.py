"""What of a config is not yet so in its instance, until they meet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dvmweb.config.model import Defaults, VmConfig
from dvmweb.lima.instances import Instance
from dvmweb.lima.lima_yaml.differences import differences, lines, pending
from dvmweb.lima.lima_yaml.rendering import desired_instance, expected_difference, port_rules

GIB = 1 << 30


def config(**values: Any) -> VmConfig:
    return Defaults({"cpus": 2, "memory": "4GiB", "disk": "20GiB", **values}).config("app")


def instance(of: VmConfig) -> Instance:
    """As Lima lists one that was made from this config: ports become ranges."""
    rules = [
        {**rule, "guestPortRange": [rule["guestPort"]] * 2, "hostPortRange": [rule["hostPort"]] * 2}
        | {"guestIP": "127.0.0.1"}
        if "hostPort" in rule
        else rule
        for rule in port_rules(of.ports)
    ]
    effective = {"user": {"name": of.user}, "portForwards": rules}
    return Instance("dvm-app", "Running", arch="x86_64", config=effective, cpus=of.cpus, memory=of.memory, disk=of.disk)


def test_a_config_that_is_so_differs_in_nothing() -> None:
    wanted = config(ports=[3000, "8080:80"])
    assert differences(instance(wanted), wanted, {}) == ()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"cpus": 4}, ["Waiting for a restart: cpus 2 → 4"]),
        ({"memory": "8GiB"}, ["Waiting for a restart: memory 4GiB → 8GiB"]),
        ({"disk": "30GiB"}, ["Waiting for a restart: disk 20GiB → 30GiB"]),
        ({"disk": "10GiB"}, ["Not possible, a disk cannot shrink: disk 20GiB → 10GiB"]),
        ({"ports": [3000, "8080:80"]}, ["Waiting for a restart: ports none → 3000 8080:80"]),
        ({"user": "me"}, ["Only in a new VM: user dev → me"]),
        ({"arch": "aarch64"}, ["Only in a new VM: arch x86_64 → aarch64"]),
        ({"cpus": 1, "memory": "1GiB"}, ["Waiting for a restart: cpus 2 → 1, memory 4GiB → 1GiB"]),
    ],
)
def test_each_field_that_differs_is_told_with_both_values(changed: dict[str, Any], told: list[str]) -> None:
    found = differences(instance(config()), config(**changed), {})
    assert list(lines(found, is_running=True)) == told


def test_a_key_of_the_users_own_lima_yaml_is_told_where_that_can_be_read(tmp_path: Path) -> None:
    own = tmp_path / "lima.yaml"
    own.write_text("firmware: {legacyBIOS: true}\n")
    assert [one.field for one in pending(instance(config()), config(), own)] == ["firmware"]
    own.write_text("firmware: [")
    assert pending(instance(config()), config(), own) == ()


def test_nothing_is_said_where_nobody_knows() -> None:
    of = config()
    assert differences(None, of, {}) == ()
    assert differences(replace(instance(of), config=None), config(cpus=9), {}) == ()
    assert differences(instance(of), None, {}) == ()


def test_what_a_sync_would_edit_is_among_them() -> None:
    """The two must not drift apart: what the plan edits, the page shows."""
    wanted = config(cpus=4, memory="8GiB", disk="30GiB", ports=[3000])
    edits = expected_difference(instance(config()), desired_instance(wanted), {})
    words = {"portForwards": "ports"}
    assert {words.get(key, key) for key in edits} == {one.field for one in differences(instance(config()), wanted, {})}
