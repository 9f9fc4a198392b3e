"""`gpg_key.sh` with a real gpg, and its reader against answers of a guest that lies."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from dvmweb.errors import CheckFailed
from dvmweb.guest.gpg_key import GpgKey, NoGpgKey, parse_gpg_key
from tests.guest.conftest import NONCE, Guest, make_program
from tests.needs import needs

ARMOR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----"
PRINT = b"0" * 40


@pytest.fixture(autouse=True)
def _no_agent_stays(guest: Guest) -> Iterator[None]:
    yield
    if shutil.which("gpgconf"):
        kill = ("gpgconf", "--kill", "all")
        subprocess.run(kill, env=guest.environment(), check=False, stderr=subprocess.DEVNULL)


def key_of(guest: Guest, **variables: str) -> GpgKey | NoGpgKey:
    done = guest.run("gpg_key", {f"DVM_{name.upper()}": value for name, value in variables.items()})
    assert done.returncode == 0, done.stderr
    return parse_gpg_key(done.stdout, NONCE)


def git(guest: Guest, *words: str) -> str:
    done = subprocess.run(
        ("git", *words), cwd=guest.home, env=guest.environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@needs("gpg")
def test_a_key_is_made_once_for_each_address_and_signs(guest: Guest) -> None:
    assert key_of(guest) == NoGpgKey("no-name")
    assert key_of(guest, name="Ann") == NoGpgKey("no-email")
    git(guest, "config", "--global", "user.name", "Ann")
    git(guest, "config", "--global", "user.email", "ann@example.org")
    first = key_of(guest)
    assert isinstance(first, GpgKey)
    assert (first.is_new, first.email) == (True, "ann@example.org")
    again = key_of(guest)
    assert again == GpgKey(first.fingerprint, first.email, first.public, is_new=False)
    other = key_of(guest, email="bob@example.org")
    assert isinstance(other, GpgKey)
    assert other.is_new
    assert other.fingerprint != first.fingerprint
    with pytest.raises(subprocess.CalledProcessError):
        git(guest, "config", "--global", "user.signingkey")
    assert key_of(guest, sign="1") == again
    git(guest, "init", "-q", "repo")
    git(guest, "-C", "repo", "commit", "-q", "--allow-empty", "-m", "one")
    assert git(guest, "-C", "repo", "log", "-1", "--format=%G? %GF") == f"G {first.fingerprint}"


@needs("gpg")
def test_an_expired_key_and_one_that_cannot_sign_are_not_used(guest: Guest) -> None:
    for usage, expires in (("encr", "never"), ("sign", "seconds=1")):
        algorithm = "rsa2048" if usage == "encr" else "ed25519"
        subprocess.run(
            (
                *("gpg", "--batch", "--passphrase", "", "--faked-system-time", "20200101T000000!"),
                *("--quick-generate-key", f"{usage} <ann@example.org>", algorithm, usage, expires),
            ),
            env=guest.environment(),
            capture_output=True,
            check=True,
        )
    found = key_of(guest, name="Ann", email="ann@example.org")
    assert isinstance(found, GpgKey)
    assert found.is_new


@needs("gpg")
def test_what_gpg_says_when_it_fails_is_reported(guest: Guest) -> None:
    (guest.home / ".gnupg").write_text("a file")
    found = key_of(guest, name="Ann", email="ann@example.org")
    assert isinstance(found, NoGpgKey)
    assert found.why == "failed"
    assert "gpg" in found.reason


def test_without_gpg_that_is_the_answer(guest: Guest) -> None:
    make_program(guest.fake / "bin/bash", f'#!/bin/sh\nPATH={guest.fake}/none exec {shutil.which("bash")} "$@"\n')
    assert key_of(guest) == NoGpgKey("missing", "gpg")


def answer(*fields: bytes) -> bytes:
    records = b"\0".join((fields[0], str(len(fields) - 1).encode(), *fields[1:], b""))
    return b"dvm-answer\0gpg-key\x001\0" + NONCE.encode() + b"\0" + records + b"end\x001\0" + NONCE.encode() + b"\0"


def test_an_answer_in_the_right_form_is_read() -> None:
    found = parse_gpg_key(answer(b"key", PRINT, b"a@b", ARMOR, b"old"), NONCE)
    assert found == GpgKey("0" * 40, "a@b", ARMOR.decode(), is_new=False)


@pytest.mark.parametrize(
    "fields",
    [
        (b"key", PRINT, b"a@b", ARMOR),
        (b"key", b"0" * 39 + b"\n", b"a@b", ARMOR, b"old"),
        (b"key", PRINT, b"a@b", ARMOR.replace(b"AAAA", b"AA\x1b]0;x\x07"), b"old"),
        (b"key", PRINT, b"a@b", ARMOR + b"\nrm -rf ~\n", b"old"),
        (b"key", PRINT, b"a@b", ARMOR.replace(b"AAAA\n", b"A" * 76 + b"\n") * 2, b"old"),
        (b"key", PRINT, b"a" * 1001, ARMOR, b"old"),
        (b"key", PRINT, b"a@b", ARMOR, b"other"),
        (b"missing",),
        (b"failed", b"x" * 1001),
        (b"no-name", b"x"),
        (b"secret", PRINT),
    ],
)
def test_any_other_answer_is_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(CheckFailed):
        parse_gpg_key(answer(*fields), NONCE)
