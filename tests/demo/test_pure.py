"""The demo engine's pure parts: the command line, edits, effective config, the remote script, log lines."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dvmweb.demo import copying, documents, edits, effective, listing, logs, options
from dvmweb.demo.guest import refusal, sandbox, shell, ssh
from dvmweb.demo.logs import Fatal

RECORDS = (json.loads(line) for line in (Path(__file__).parent / "data/lima-2.2.0.jsonl").read_text().splitlines())
FILLED = {record["id"]: record["stdout"] for record in RECORDS if record["id"] == "fill-with-override"}
WORDS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)


def test_the_merge_is_the_one_that_lima_recorded() -> None:
    own = documents.read((Path(__file__).parent / "data/lima.yaml").read_text())
    override = {"mounts": [{"location": "/home/user", "writable": True}], "portForwards": [{"guestPort": 9999}]}
    ours = effective.fill(effective.merge({}, own, override), Path("/x"))
    theirs = yaml.safe_load(FILLED["fill-with-override"])
    for place in (ours, theirs):
        place["user"]["uid"] = place["networks"][0]["macAddress"] = None
    ours["video"].pop("vnc")
    ours.pop("rosetta")
    assert ours == theirs
    assert list(ours) == list(theirs)


@given(st.lists(WORDS.filter(lambda word: "=" not in word), min_size=1, max_size=6))
def test_the_remote_script_keeps_argv(words: list[str]) -> None:
    script = shell.remote_script(tuple(words), "/bin/bash", "")
    inner = shlex.split(script)[-1]
    assert shlex.split(inner) == words


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 2**32), ("4G", 2**32), ("512MiB", 2**29), ("1.5GiB", 3 * 2**29), ("7", 7), ("2kb", 2048)],
)
def test_sizes(text: str, size: int) -> None:
    assert effective.bytes_of(text) == size


@pytest.mark.parametrize("text", ["4GiBB", "", "-1", "GiB", "4 4"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        effective.bytes_of(text)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        (".cpus=1", {"cpus": 1, "a": {"b": [1]}}),
        ('.a.b = [2] | .c.d = "x | y"', {"a": {"b": [2]}, "c": {"d": "x | y"}}),
        (".a.b[1]=5", {"a": {"b": [1, 5]}}),
        (".a.b += [7]", {"a": {"b": [1, 7]}}),
        (".n += [7]", {"a": {"b": [1]}, "n": [7]}),
    ],
)
def test_assignments(expression: str, result: dict[str, Any]) -> None:
    document: dict[str, Any] = {"a": {"b": [1]}}
    edits.assign(document, expression)
    assert document == result


@pytest.mark.parametrize("expression", [".cpus=", "del(.cpus)", ".a = load(1)", ".a = 1 .b = 2", "", "|", ".a=1|"])
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(Fatal):
        edits.assign({"a": {}}, expression)


@settings(max_examples=40)
@given(
    st.none()
    | st.booleans()
    | st.integers()
    | WORDS
    | st.lists(WORDS, max_size=3)
    | st.dictionaries(WORDS, WORDS, max_size=3)
)
def test_any_json_value_can_be_set(value: Any) -> None:
    document: dict[str, Any] = {}
    edits.assign(document, f".x.y = {json.dumps(value)} | .z = 1")
    assert document == {"x": {"y": value}, "z": 1}


def test_flags_stand_anywhere_but_for_shell() -> None:
    call = options.parse(("--log-format", "json", "stop", "app", "-f", "--tty=false"))
    assert (call.command, call.words, call.has("force"), call.value("log-format")) == ("stop", ("app",), True, "json")
    entered = options.parse(("shell", "--workdir", "/x", "app", "--workdir", "y", "--", "-z"))
    assert (entered.value("workdir"), entered.words) == ("/x", ("app", "--workdir", "y", "--", "-z"))


@given(st.lists(WORDS, max_size=6))
def test_no_command_line_breaks_the_parser(words: list[str]) -> None:
    with suppress(Fatal):
        options.parse(tuple(words))


def test_ssh_words() -> None:
    request = ssh.parse(("-F", "f", "-oA=b", "-o", "C=d", "-tt", "alias", "--", "echo 1", "2"))
    assert (request.config, request.options, request.alias, request.command) == (
        "f",
        ["A=b", "C=d"],
        "alias",
        "echo 1 2",
    )
    assert request.wants_terminal is True


@given(WORDS)
def test_a_log_line_is_one_line(text: str) -> None:
    line = logs.text_line("info", text, {"error": text})
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(logs.json_line("info", text, {}))["msg"] == text


def test_the_table_pads_as_lima_does() -> None:
    row = ("app", "Stopped", "127.0.0.1:0", "qemu", "x86_64", "2", "2GiB", "4GiB", "~/x")
    assert listing.table([row]).splitlines()[0] == (
        "NAME    STATUS     SSH            VMTYPE    ARCH      CPUS    MEMORY    DISK    DIR"
    )


def test_the_sandbox_shares_no_namespace_and_nothing_of_the_home() -> None:
    user = sandbox.GuestUser("dev", 1000, "/home/dev", "/bin/bash")
    words = sandbox.command_line(Path("/g"), user, "lima-app", info=7, up=8)
    assert "--unshare-all" in words
    assert "--share-net" not in words
    shared = {words[index + 1] for index, word in enumerate(words) if word in ("--ro-bind", "--bind", "--ro-bind-try")}
    own = {place for place in shared if place.startswith("/g/")}
    assert own == {"/g/local", "/g/etc", "/g/etc/dvm", "/g/etc/profile.d", "/g/var", "/g/home"}
    assert all(place.startswith(("/usr", "/bin", "/sbin", "/lib", "/etc/", "/var/lib/")) for place in shared - own)


@pytest.mark.parametrize("words", [("-n", "true"), ("-u", "root", "-H", "--", "true"), ("-i", "true"), ("A=1", "true")])
def test_the_sudo_stand_in_is_plain_sh(words: tuple[str, ...], tmp_path: Path) -> None:
    script = tmp_path / "sudo"
    script.write_text(sandbox._SUDO)
    assert (
        subprocess.run(
            ("sh", str(script), *words), check=False, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../out", tarfile.REGTYPE),
        ("/tmp/out", tarfile.REGTYPE),
        ("a/../../out", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("hard", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("device", tarfile.CHRTYPE),
    ],
)
def test_an_archive_of_a_hostile_guest_is_refused(name: str, kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member)
    packed.seek(0)
    (tmp_path / "goal").mkdir()
    with tarfile.open(fileobj=packed) as archive, pytest.raises(tarfile.TarError):
        copying._unpack(archive, archive.getmembers()[0], tmp_path / "goal")
    assert [path.name for path in tmp_path.rglob("*")] == ["goal"]


NOT_PERMITTED = (
    "bwrap: No permissions to creating new namespace, likely because the kernel does not allow non-privileged user "
    "namespaces. See <https://deb.li/bubblewrap> or <file:///usr/share/doc/bubblewrap/README.Debian.gz>."
)


@pytest.mark.parametrize(
    ("complaint", "settings", "reason", "way"),
    [
        (NOT_PERMITTED, {"kernel.unprivileged_userns_clone": "0"}, "unprivileged_userns_clone=0", "userns_clone=1`"),
        (NOT_PERMITTED, {"user.max_user_namespaces": "0"}, "max_user_namespaces=0", "max_user_namespaces=15000`"),
        (
            "bwrap: setting up uid map: Permission denied",
            {"kernel.apparmor_restrict_unprivileged_userns": "1", "kernel.unprivileged_userns_clone": "1"},
            "apparmor_restrict_unprivileged_userns=1",
            "apparmor_restrict_unprivileged_userns=0`",
        ),
        (NOT_PERMITTED, {}, "or a chroot: No permissions to creating new namespace)", "run dvm outside of it, or"),
        ("unshare: Operation not permitted", {}, "containers", "run dvm outside"),
        ("bwrap: execvp /bin/bash: Exec format error", {}, "Exec format error)", ": install Lima"),
        ("", {"user.max_user_namespaces": "0"}, "it ended immediately", ": install Lima"),
    ],
)
def test_a_bwrap_that_fails_is_told_with_the_cause_and_what_helps(
    complaint: str, settings: dict[str, str], reason: str, way: str
) -> None:
    said = refusal.of_bubblewrap(complaint, lambda name: settings.get(name, "")).sentence()
    assert said.startswith("The demo has no guests on this host (")
    assert reason in said
    assert way in said
    assert "install bubblewrap" not in said
    assert "\n" not in said
