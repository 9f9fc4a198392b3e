"""D12: what `limactl list` may print, and what is made of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import DvmError
from dvmweb.lima import instances
from dvmweb.lima.instances import Instance, parse_list
from tests.lima.dvm_home import DATA

RECORDED = (DATA / "recorded-2.2.0.jsonl").read_bytes()


def test_recorded_answers_of_lima() -> None:
    listing = parse_list(RECORDED)
    assert listing.odd_lines == ()
    stopped, broken, unreadable, bare = listing.instances
    assert (stopped.name, stopped.status, stopped.cpus, stopped.memory) == ("dvm-app", "Stopped", 2, 2 << 30)
    assert (stopped.disk, stopped.arch, stopped.vm_type, stopped.protected) == (4 << 30, "x86_64", "qemu", False)
    assert stopped.config is not None
    assert stopped.config["networks"][0]["lima"] == "user-v2"
    assert (broken.status, broken.ssh_port, broken.host_agent_pid) == ("Broken", 39161, 22867)
    assert (unreadable.status, unreadable.config) == ("", None)
    assert (bare.name, bare.status, bare.config) == ("probe", "Broken", None)
    assert listing.find("dvm-clone") is broken


SAID = (
    b'time="2026-11-24T12:46:43Z" level=warning msg="instance `dvm-clone` has errors" errors="[failed to get Info from '
    b'`/l/ha.sock`: Get \\"http://lima-hostagent/v1/info\\": connect: connection refused]"\n'
    b'time="2026-11-24T12:44:55Z" level=warning msg="instance `probe` has errors" errors="[failed to unmarshal YAML: '
    b"[1:7] sequence end token ']' not found\\n>  1 | cpus: [\\n             ^\\n]\"\n"
    b'time="x" level=warning msg="instance `dvm-app` has errors" errors="[a\x1b[2J\xe2\x80\xae]"\n'
)


def test_limas_own_reasons_come_from_its_warnings_and_are_safe_to_show() -> None:
    lines = b"".join(
        b'{"name":"%s","status":"Broken","errors":[{}]}\n' % name for name in (b"dvm-clone", b"probe", b"dvm-app", b"b")
    )
    found = {one.name: one.errors for one in parse_list(lines, SAID).instances}
    said = 'failed to get Info from `/l/ha.sock`: Get "http://lima-hostagent/v1/info": connect: connection refused'
    assert found["dvm-clone"] == (said,)
    assert found["probe"] == ("failed to unmarshal YAML: [1:7] sequence end token ']' not found",)
    assert "\x1b" not in found["dvm-app"][0]
    assert "\u202e" not in found["dvm-app"][0]
    assert found["b"] == ()


@given(st.binary(max_size=400))
def test_whatever_stands_on_stderr_no_listing_breaks(said: bytes) -> None:
    assert parse_list(b'{"name":"a"}', said).find("a") is not None
    parse_list(b'{"name":"a"}', b'msg="instance `a` has errors" errors="[' + said + b']"')


def test_nothing_at_all_is_an_empty_listing() -> None:
    assert parse_list(b"").find("dvm-app") is None


@pytest.mark.parametrize(
    "odd",
    [
        b"time=x level=warning msg=y",
        b'{"name": "dvm-b", ',
        b'["dvm-b"]',
        b"null",
        b'{"status": "Running"}',
        b'{"name": 7}',
        b'{"name": ""}',
        b"\xff\xfe\x00",
        b'{"name": "dvm-b", "cpus": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"name": "dvm-b"} {"na',
        b'{"name": "dvm-b", "config": \x1b[31m}',
    ],
)
def test_d12_odd_lines_stand_apart_and_hide_no_instance(odd: bytes) -> None:
    listing = parse_list(b'{"name": "dvm-a", "status": "Running"}\n' + odd + b"\n")
    assert listing.instances == (Instance("dvm-a", "Running"),)
    assert len(listing.odd_lines) == 1
    assert "\x1b" not in listing.odd_lines[0]
    assert listing.find("dvm-a") is not None
    with pytest.raises(DvmError, match="it is not known whether dvm-b exists"):
        listing.find("dvm-b")


def test_d12_two_on_a_line_unknown_status_and_wrong_types() -> None:
    line = json.dumps({"name": "<script>", "status": "Paused", "cpus": "2", "memory": -1, "disk": True, "protected": 1})
    one, two = parse_list(f'{line} {{"name": "b", "config": []}}\n'.encode()).instances
    assert one == Instance("<script>", "Paused")
    assert two == Instance("b", "")


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    parse_list(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["name", "status", "cpus", "config", "protected"]), inner)
        ),
    )
)
def test_no_json_raises(value: object) -> None:
    listing = parse_list(json.dumps(value).encode())
    assert len(listing.instances) + len(listing.odd_lines) == 1


@pytest.mark.parametrize(
    "line",
    [b'{"name":"a"}' * 40_000, b'{"name":"a"}\n' * 40_000, b"{}\n" * 300_000, b"x\n" * 300_000],
    ids=["one line", "lines", "nameless", "odd"],
)
def test_s9_a_listing_of_very_many_instances_is_read_to_its_bound_and_says_so(line: bytes) -> None:
    listing = parse_list(line)
    assert len(listing.instances) + len(listing.odd_lines) <= instances.MOST + 2
    with pytest.raises(DvmError, match="cannot read"):
        listing.find("another")
