"""A recipe made for bash DVM runs as it is: helpers, variables, settings and folder, on stand-ins for both families."""

from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from dvmweb.recipes import parse_header
from dvmweb.recipes.checking import of_variables
from dvmweb.recipes.model import BASH_DVM
from tests.guest.conftest import Guest
from tests.places import SCRIPTS
from tests.recipes.unpackers import path_without

# As somebody would have written it for bash DVM: no header, no library, helpers that are just there.
HELLO = """#!/usr/bin/env bash

# Says hello
version="${DVM_HELLO_VERSION:-1.2}"

hello_from_release() {
	dvm_recipe_install_tar_bin hello "https://example.org/hello-$version-$(dvm_recipe_arch hello).tar.gz" \\
		"$DVM_HELLO_SHA256" hello
}

dvm_recipe_dnf_or_pinned hello hello hello_from_release
mkdir -p "$HOME/.config/hello"
printf '%s\\n' "$DVM_NAME" "$DVM_CODE_DIR" "$PWD" >"$HOME/.config/hello/facts"
have() { echo "mine"; }
have curl
"""


def packed(text: bytes) -> bytes:
    """A .tar.gz with the program `hello` in a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("hello-1.2/bin/hello")
        info.size, info.mode = len(text), 0o755
        archive.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


@pytest.fixture
def archive(distribution: Guest) -> str:
    """The release on the mirror; its checksum."""
    data = packed(b"#!/bin/sh\necho hello\n")
    (distribution.fake / "mirror/hello-1.2-x86_64.tar.gz").write_bytes(data)
    return sha256(data).hexdigest()


def apply(guest: Guest, text: str, variables: Mapping[str, str] = {}) -> subprocess.CompletedProcess[bytes]:
    files = {"recipe.sh": text, BASH_DVM: (SCRIPTS / BASH_DVM).read_text()}
    return guest.run("apply", {"DVM_RECIPE": "hello", "DVM_RECIPE_HASH": "a" * 64, **variables}, files=files)


def test_it_runs_twice_with_its_helpers_and_variables(distribution: Guest, archive: str) -> None:
    for _ in range(2):
        done = apply(distribution, HELLO, {"DVM_HELLO_SHA256": archive.upper()})
        assert done.returncode == 0, done.stderr
        assert b"mine" in done.stdout
    home = distribution.home
    assert (home / ".config/hello/facts").read_text().splitlines() == ["app", str(distribution.code), str(home)]
    assert (distribution.root / "usr/local/bin/hello").stat().st_mode & 0o777 == 0o755
    assert len([line for line in distribution.log if line.startswith("curl ")]) == 1  # the pin is kept
    assert distribution.record("hello").split()[1] == "done"


def test_what_unpacks_its_archive_comes_with_its_package(distribution: Guest) -> None:
    data = lzma.compress(gzip.decompress(packed(b"#!/bin/sh\n")))
    (distribution.fake / "mirror/hello-1.2-x86_64.tar.xz").write_bytes(data)
    path = path_without(distribution.root.parent / "paths", distribution.environment()["PATH"], "xz")
    variables = {"DVM_HELLO_SHA256": sha256(data).hexdigest(), "PATH": path}
    done = apply(distribution, HELLO.replace(".tar.gz", ".tar.xz"), variables)
    assert done.returncode == 0, done.stderr
    assert (distribution.root / "usr/local/bin/hello").exists()
    assert (distribution.fake / "bin/xz").exists()


def test_a_package_comes_before_the_release_and_takes_its_place(distribution: Guest, archive: str) -> None:
    assert apply(distribution, HELLO, {"DVM_HELLO_SHA256": archive}).returncode == 0
    for family in ("fedora", "debian"):
        with (distribution.fake / f"known-{family}").open("a") as known:
            known.write("hello hello\n")
    done = apply(distribution, HELLO)
    assert done.returncode == 0, done.stderr
    assert not (distribution.root / "usr/local/bin/hello").exists()


def test_a_wrong_checksum_installs_nothing(distribution: Guest, archive: str) -> None:
    done = apply(distribution, HELLO, {"DVM_HELLO_SHA256": "0" * 64})
    assert done.returncode == 1
    assert b"the checksum of" in done.stderr
    assert not (distribution.root / "usr/local/bin/hello").exists()
    assert distribution.record("hello") == ""


def test_a_mirror_that_fails_is_no_reason_for_the_release(distribution: Guest, archive: str) -> None:
    (distribution.fake / "no-mirror").touch()
    (distribution.fake / "update-code").write_text("100")
    assert apply(distribution, HELLO, {"DVM_HELLO_SHA256": archive}).returncode == 1
    assert not [line for line in distribution.log if line.startswith("curl ")]


def test_each_failure_ends_it_and_programs_that_it_starts_see_nothing(guest: Guest) -> None:
    done = apply(guest, "bash -c 'echo ${BASH_ENV:-none}; type dvm_recipe_arch'\n: \"$DVM_NOT_GIVEN\"\n")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [b"none"]
    done = apply(guest, ': "$DVM_NOT_GIVEN"\n')
    assert done.returncode == 1
    assert b"DVM_NOT_GIVEN: unbound variable" in done.stderr


def test_a_wrapper_of_an_agent_needs_agent_user_and_knows_its_account(guest: Guest) -> None:
    text = 'echo "$DVM_AI_AGENT_USER"; dvm_agent_write_wrapper robot /usr/bin/robot\n'
    done = apply(guest, text)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == b"dvm-agent"
    assert b"list agent-user before it in the config" in done.stderr
    setting = guest.root / "usr/local/lib/dvm/agent/setting"
    setting.parent.mkdir(parents=True)
    setting.write_text("robots dev /code\n")
    assert apply(guest, text).stdout.splitlines()[0] == b"robots"


def test_which_recipes_are_run_so() -> None:
    def files(text: str, *, is_local: bool = True) -> tuple[str, ...]:
        return parse_header("hello", text, Path("hello.sh"), is_local=is_local).files

    assert files(HELLO) == (BASH_DVM,)
    assert files(HELLO, is_local=False) == ()
    assert files(f'. "$DVM_LIB"\n{HELLO}') == ()
    assert files(f"# /// recipe\n# summary: Hello\n# ///\n{HELLO}") == ()


def test_what_it_reads_is_what_a_config_may_set() -> None:
    recipe = parse_header("hello", HELLO, Path("hello.sh"), is_local=True)
    assert recipe.summary == "Says hello"
    assert [param.name for param in recipe.params] == ["hello_version", "hello_sha256"]
    [note] = of_variables(recipe)
    assert (note.level, note.line) == ("note", 8)
    assert note.todo == "Set params.hello.hello_sha256 in the config."
