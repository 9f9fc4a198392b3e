"""The probes of `dvm exposure`, run on real files and sockets: what is open is found, and no value leaves the guest."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dvmweb.guest.exposure import KINDS
from tests.places import TOP

PROGRAM = TOP / "dvmweb/guest/exposure/program"
VALUE = "hunter2-value"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exposure_probe", PROGRAM / "exposure_probe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


probe = load()


def task(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {
        "token": "c0ffee",
        "port": 0,
        "hosts": [],
        "vms": [],
        "private": [],
        "egress": [],
        "seconds": 2,
        "is_demo": False,
        "project": str(tmp_path / "app"),
        **more,
    }


def first(results: Iterable[tuple[str, str]]) -> tuple[str, str]:
    return next(iter(results))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and an environment with nothing in it."""
    for name in probe.login_variables():
        if probe.SECRET.search(name) or name == "SSH_AUTH_SOCK":
            monkeypatch.delenv(name, raising=False)
    (tmp_path / "app").mkdir()
    (tmp_path / ".ssh").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def openssh(cipher: bytes) -> str:
    body = b"openssh-key-v1\0" + len(cipher).to_bytes(4, "big") + cipher + b"\0\0\0\4rest"
    return (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.b64encode(body).decode()}\n-----END OPENSSH PRIVATE KEY-----\n"
    )


def test_every_kind_has_a_probe_and_a_label() -> None:
    assert tuple(probe.PROBES) == tuple(KINDS) == probe.KINDS


def test_keys_without_a_passphrase_are_named(home: Path) -> None:
    assert list(probe.keys(task(home))) == [("none", "none found in ~/.ssh")]
    texts = {
        "open": openssh(b"none"),
        "closed": openssh(b"aes256-ctr"),
        "pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n",
        "pem-closed": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nMIIE\n",
        "pkcs8-closed": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n",
        "odd": "-----BEGIN OPENSSH PRIVATE KEY-----\n!!!\n-----END OPENSSH PRIVATE KEY-----\n",
        "id.pub": "ssh-ed25519 AAAA me",
    }
    for name, text in texts.items():
        (home / ".ssh" / name).write_text(text)
    found = {text for _, text in probe.keys(task(home))}
    assert found == {"~/.ssh/odd", "~/.ssh/open", "~/.ssh/pem"}


def test_a_forwarded_agent_counts_as_a_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    assert ("open", "an SSH agent (SSH_AUTH_SOCK)") in list(probe.keys(task(home)))


def test_tokens_are_named_and_their_values_stay(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(probe.tokens(task(home))) == [("none", "none found in the usual places")]
    monkeypatch.setenv("DEPLOY_TOKEN", VALUE)
    monkeypatch.setenv("MONKEY", VALUE)
    (home / ".config/gh").mkdir(parents=True)
    (home / ".config/gh/hosts.yml").write_text(f"github.com:\n  oauth_token: {VALUE}\n")
    (home / ".npmrc").write_text("fund=false\n")
    (home / "app/.env").write_text(f"export STRIPE_API_KEY={VALUE}\nPORT=3000\nEMPTY_TOKEN=\n# OLD_TOKEN={VALUE}\n")
    found = list(probe.tokens(task(home)))
    assert {text for _, text in found} == {"$DEPLOY_TOKEN", "~/.config/gh/hosts.yml", "STRIPE_API_KEY in .env"}
    assert VALUE not in json.dumps(found)


def test_a_pipe_or_a_huge_file_does_not_stop_the_test(home: Path) -> None:
    os.mkfifo(home / ".netrc")
    (home / ".git-credentials").write_bytes(b"x" * 1_000_000)
    (home / ".ssh/loop").symlink_to("loop")
    assert first(probe.tokens(task(home)))[0] == "none"
    assert first(probe.keys(task(home)))[0] == "none"


def test_the_port_of_the_host_counts_only_with_the_token(home: Path) -> None:
    with probe.listening("c0ffee") as port:
        assert first(probe.host(task(home, port=port, hosts=["127.0.0.1"]))) == ("open", "reached as 127.0.0.1")
        other = list(probe.host(task(home, port=port, hosts=["127.0.0.1"], token="another")))
        assert other[0][0] == "closed"
    assert first(probe.host(task(home)))[0] == "unknown"


def test_what_answers_is_open_and_what_does_not_is_closed(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as free:
        port, closed = server.getsockname()[1], free.getsockname()[1]
        free.close()
        wanted = task(
            home,
            vms=[["web", "127.0.0.1", [port, closed]], ["off", "127.0.0.1", [closed]]],
            private=[["127.0.0.1", [closed]]],
            egress=[["localhost", port], ["name.invalid", 443]],
        )
        assert list(probe.vms(wanted)) == [("open", f"web: port {port}"), ("closed", "off: no answer")]
        assert list(probe.private(wanted)) == [("closed", f"127.0.0.1: no answer on {closed}")]
        assert [one for one, _ in probe.egress(wanted)] == ["open", "closed"]
    assert list(probe.vms(task(home))) == [("none", "no other VM is running")]
    assert list(probe.vms(task(home, untried=["odd"]))) == [("unknown", "odd: runs, and was not tried")]
    assert first(probe.private(task(home)))[0] == "unknown"


def test_a_probe_that_fails_is_not_known_and_the_others_still_count(home: Path) -> None:
    found = probe.everything(task(home, vms=5))
    assert ("vms", "unknown", "the test failed (TypeError)") in found
    assert {kind for kind, _, _ in found} == set(KINDS) - {"own", "egress"}  # no outside name was given


def test_a_shared_folder_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "36 35 0:32 / /home/me/code rw - virtiofs mount0 rw\n"
        "37 35 0:33 / /mnt/x rw shared:1 - fuse.sshfs host:/ rw\n"
        "38 35 0:34 / /run/user/1000/doc rw - fuse.portal portal rw\n"
        "39 35 8:1 / / rw - ext4 /dev/vda1 rw\n"
    )
    (home / "mountinfo").write_text(lines)
    real_open = open
    monkeypatch.setattr(
        "builtins.open",
        lambda path, *a, **k: real_open(home / "mountinfo" if path == "/proc/self/mountinfo" else path, *a, **k),
    )
    assert list(probe.mounts(task(home))) == [("open", "/home/me/code (virtiofs)"), ("open", "/mnt/x (fuse.sshfs)")]


def test_it_runs_from_its_text_alone_as_in_the_sandbox(home: Path) -> None:
    text = (PROGRAM / "exposure_probe.py").read_text()
    words = [sys.executable, "-IS", "-c", text, json.dumps(task(home, own_port=0))]
    done = subprocess.run(words, capture_output=True, timeout=60, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1] == ["end", "", ""]
    assert ["own", "unknown", "no port could be opened for the test"] in lines
