"""`key_access.sh` with real Git and a stand-in for ssh, and its reader against answers of a guest that lies."""

from __future__ import annotations

import shlex
import shutil

import pytest

from dvmweb.errors import CheckFailed
from dvmweb.guest.key_access import Access, KeyAccess, parse_key_access
from dvmweb.guest_text import visible
from dvmweb.verbs.keys import key_access
from tests.guest.conftest import NONCE, Guest, make_program

REPO = "git@git.example.org:me/app.git"
GITHUB = "git@github.com: Permission denied (publickey)."
UNKNOWN = "No ED25519 host key is known for git.example.org and you have requested strict checking.\n"
CHANGED = "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed."


@pytest.fixture
def keyed(guest: Guest) -> Guest:
    """A guest with a key and an ssh that is a stand-in."""
    (guest.home / ".ssh").mkdir()
    (guest.home / ".ssh/id_ed25519").write_text("private")
    ssh_is(guest, "exit 255")
    return guest


def ssh_is(guest: Guest, script: str) -> None:
    make_program(guest.fake / "bin/ssh", f'#!/usr/bin/env bash\nprintf "%s\\n" "$@" >"$FAKE/ssh-words"\n{script}\n')


def answer_of(guest: Guest, **variables: str) -> KeyAccess:
    done = guest.run("key_access", {"DVM_REPO": REPO, **variables})
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return parse_key_access(done.stdout, NONCE)


def test_a_repository_that_opens_is_read_with_this_key_and_no_settings(keyed: Guest) -> None:
    marker = keyed.fake / "ran"
    planted = f'[core]\n\tsshCommand = touch {marker}; false\n[url "/nowhere"]\n\tinsteadOf = {REPO}\n'
    (keyed.home / ".gitconfig").write_text(planted)
    (keyed.home / ".ssh/config").write_text(f"Host *\n\tProxyCommand touch {marker}\n")
    ssh_is(keyed, 'git init -q --bare "$FAKE/repo"; exec git-upload-pack "$FAKE/repo"')
    assert answer_of(keyed, GIT_SSH_COMMAND=f"touch {marker}", GIT_PROXY_COMMAND="false") == KeyAccess(Access.ACCEPTED)
    assert not marker.exists()
    words = (keyed.fake / "ssh-words").read_text().splitlines()
    assert words[:4] == ["-F", "none", "-i", f"{keyed.home}/.ssh/id_ed25519"]
    for option in (
        *("IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes", "StrictHostKeyChecking=yes"),
        f'UserKnownHostsFile="{keyed.home}/.ssh/known_hosts"',
    ):
        assert words[words.index(option) - 1] == "-o"
    assert words[-2:] == ["git@git.example.org", "git-upload-pack 'me/app.git'"]


@pytest.mark.parametrize(
    ("said", "access"),
    [
        (GITHUB, Access.REFUSED),
        ("Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures", Access.REFUSED),
        (UNKNOWN, Access.HOST_UNKNOWN),
        ("Host key verification failed.", Access.HOST_UNKNOWN),
        (CHANGED, Access.HOST_CHANGED),
        ("ssh: Could not resolve hostname git.example.org: Name or service not known", Access.UNREACHABLE),
        ("ssh: connect to host git.example.org port 22: Connection timed out", Access.UNREACHABLE),
        ("ssh: connect to host git.example.org port 22: Connection refused", Access.UNREACHABLE),
        ("kex_exchange_identification: Connection closed by remote host", Access.UNREACHABLE),
        ("ERROR: Repository not found.", Access.NOT_FOUND),
        ("ERROR: The project you were looking for could not be found or you don't have permission.", Access.NOT_FOUND),
        ("fatal: 'me/app.git' does not appear to be a git repository", Access.NOT_FOUND),
        ("FATAL: R any app me DENIED by fallthru", Access.NOT_FOUND),
        ("something else", Access.FAILED),
        ("", Access.FAILED),
    ],
)
def test_each_failure_has_its_own_word(keyed: Guest, said: str, access: Access) -> None:
    ssh_is(keyed, f"printf '%s\\n' {shlex.quote(said)} >&2; exit 255")
    found = answer_of(keyed)
    assert found.access is access
    assert said.splitlines()[:1] == found.text.splitlines()[: bool(said)]


def test_a_server_that_does_not_respond_ends_at_the_time_limit(keyed: Guest) -> None:
    ssh_is(keyed, "exec sleep 60")
    assert answer_of(keyed, DVM_KEY_SECONDS="1") == KeyAccess(Access.LATE)


def test_only_ssh_is_used(keyed: Guest) -> None:
    for repo in ("https://git.example.org/me/app.git", "ext::sh -c 'touch $FAKE/ran'", "/etc", "--upload-pack=touch"):
        assert answer_of(keyed, DVM_REPO=repo).access is not Access.ACCEPTED, repo
    assert not (keyed.fake / "ran").exists()
    assert not (keyed.fake / "ssh-words").exists()


def test_what_is_missing_is_named(keyed: Guest) -> None:
    (keyed.home / ".ssh/id_ed25519").unlink()
    assert answer_of(keyed) == KeyAccess(Access.MISSING, "key")
    make_program(keyed.fake / "bin/bash", f'#!/bin/sh\nPATH={keyed.fake}/none exec {shutil.which("bash")} "$@"\n')
    assert answer_of(keyed) == KeyAccess(Access.MISSING, "git")


def test_what_ssh_prints_is_cut_and_safe_to_show(keyed: Guest) -> None:
    ssh_is(keyed, r"head -c 5000 /dev/zero | tr '\0' x >&2; printf '\0\33]0;t\7\xff\u202e' >&2; exit 255")
    found = answer_of(keyed)
    assert found.access is Access.FAILED
    shown = key_access.result(found, "app", REPO, 1.0)
    assert not [line for line in shown.output.splitlines() if line != visible(line, 400)]
    assert "\x1b" not in shown.output


def answer(*fields: bytes) -> bytes:
    records = b"\0".join((fields[0], str(len(fields) - 1).encode(), *fields[1:], b""))
    return b"dvm-answer\0key-access\x001\0" + NONCE.encode() + b"\0" + records + b"end\x001\0" + NONCE.encode() + b"\0"


@pytest.mark.parametrize(
    "fields",
    [
        (b"accepted", b"x"),
        (b"late", b"x"),
        (b"missing",),
        (b"missing", b"\x1b]0;x\x07"),
        (b"failed", b"128"),
        (b"failed", b"0", b"text"),
        (b"failed", b"999", b"text"),
        (b"failed", b"-1", b"text"),
        (b"failed", b"128", b"x" * 2001),
        (b"refused",),
        (b"host unknown",),
    ],
)
def test_an_invalid_answer_is_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(CheckFailed):
        parse_key_access(answer(*fields), NONCE)


def test_two_answers_are_none() -> None:
    twice = answer(b"accepted").replace(b"accepted\x000\0", b"accepted\x000\0failed\x002\x00128\0no\0")
    with pytest.raises(CheckFailed):
        parse_key_access(twice, NONCE)


@pytest.mark.parametrize("access", Access)
def test_only_an_accepted_key_is_green_and_each_result_says_what_to_do(access: Access) -> None:
    shown = key_access.result(KeyAccess(access, "git"), "app", REPO, 1.0)
    assert shown.is_accepted == (access is Access.ACCEPTED)
    assert shown.is_known == (access in (Access.ACCEPTED, Access.REFUSED, Access.NOT_FOUND))
    assert shown.what.endswith(".")
    assert shown.todo


@pytest.mark.parametrize(
    ("repo", "how"),
    [
        ("", "Set `repo` in the config."),
        ("https://github.com/me/app", "set `repo: git@github.com:me/app.git` in the config"),
        ("http://git.example.org:3000/me/app", "set `repo` to the server's SSH address"),
        ("git://git.example.org/me/app", "Change `repo` in the config."),
        ("/srv/app.git", "Change `repo` in the config."),
    ],
)
def test_an_address_that_does_not_use_the_key_is_not_tested(repo: str, how: str) -> None:
    assert how in key_access.why_not(repo)[1]
    assert key_access.why_not(REPO) == key_access.why_not("ssh://git@git.example.org:22/me/app") == ("", "")
