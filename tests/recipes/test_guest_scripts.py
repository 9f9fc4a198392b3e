"""Our own guest scripts, run for real: state, apply, identity, keys, clone, hook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from dvmweb import answers
from dvmweb.errors import CouldNotLook
from dvmweb.files import digest
from dvmweb.guest_state import GuestState, parse_hook, parse_key, parse_state

from .conftest import ID, NONCE, Guest, Ordinary, make_program

A, B = "a" * 64, "b" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " dvm-app"


def state(guest: Guest, *names: str, probes: dict[str, str] | None = None) -> GuestState:
    files = {f"probe-{name}": f"{command}\n" for name, command in (probes or {}).items()}
    done = guest.run("_state", {"DVM_RECIPES": "\n".join(names)}, files=files)
    assert done.returncode == 0, done.stderr
    return parse_state(done.stdout, NONCE)


def put(file: Path, text: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def applied(guest: Guest, name: str, text: str | bytes = f"{A} done 1700000000\n") -> Path:
    return put(guest.root / "var/lib/dvm/recipes" / name, text)


def git(*words: str, cwd: Path) -> str:
    return subprocess.run(
        ("git", "-c", "user.name=t", "-c", "user.email=t@t", *words),
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_a_new_guest_has_nothing(guest: Guest) -> None:
    found = state(guest, "baseline")
    assert (found.identity, found.applied, found.probes, found.key) == (None, {}, {}, "")
    assert (found.code, found.origin, found.hook, found.hook_applied) == ("absent", "", "", "")
    assert (found.is_demo, found.uid) == (False, os.geteuid())
    assert found.hostname == os.uname().nodename
    assert re.fullmatch("[0-9a-f-]{36}", found.boot_id)
    assert found.use is not None
    assert found.use.memory == psutil.virtual_memory().total
    assert 0 < found.use.busy < found.use.ticks


def test_a_full_guest_tells_all(guest: Guest) -> None:
    guest.make_demo()
    assert guest.run("_identity", {"DVM_ID": ID}).returncode == 0
    for name in ("good", "bad", "here", "none"):
        applied(guest, name)
    applied(guest, "skipped", f"{B} not-run 1700000001\n")
    put(guest.home / ".ssh/id_ed25519.pub", f"{KEY}\n")
    git("init", "-q", str(guest.code), cwd=guest.home)
    git("remote", "add", "origin", "https://github.com/a/b", cwd=guest.code)
    hook = put(guest.code / ".dvm/sync.sh", "echo hi\n")
    put(guest.root / "var/lib/dvm/hook", f"{B}\n")
    probes = {"good": "true", "bad": "exit 3", "here": "exit 69", "skipped": "true", "unasked": "true"}
    found = state(guest, "good", "bad", "here", "none", "skipped", "never", probes=probes)
    assert found.identity == ("dvm-app", ID)
    assert found.is_demo
    assert found.use is None  # it would be its host's
    assert {name: (a.hash, a.result, a.seconds) for name, a in found.applied.items()} == {
        **dict.fromkeys(("good", "bad", "here", "none"), (A, "done", 1700000000)),
        "skipped": (B, "not-run", 1700000001),
    }
    assert found.probes == {"good": "ok", "bad": "failed", "here": "unknown"}
    assert (found.key, found.code, found.origin) == (KEY, "repository", "https://github.com/a/b")
    assert (found.hook, found.hook_size, found.hook_applied) == (digest(hook.read_bytes()), 8, B)


def test_probes_get_a_login_shell_and_neither_nonce_nor_stdout(guest: Guest) -> None:
    applied(guest, "login")
    put(guest.home / ".bash_profile", "export SEEN=1\n")
    forge = 'echo forged; echo -n "${DVM_NONCE-no}" >~/nonce; cat >~/stdin; [ "$SEEN" = 1 ]'
    assert state(guest, "login", probes={"login": forge}).probes == {"login": "ok"}
    assert ((guest.home / "nonce").read_text(), (guest.home / "stdin").read_text()) == ("no", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        A,
        f"{A} done",
        f"{A} done x\n",
        f"{A} good 1\n",
        f"{A} done 1 extra\n",
        f"{A} done 1\n{A} done 2\n",
        f"{A} done 1\n\0",
        f"{A}\0 done 1\n",
        f"{A.upper()} done 1\n",
        f"{A} done 1{' ' * 2000}\n",
        b"\xff\xfe" + A.encode() + b" done 1\n",
        f"{A} done 9999999999999\n",
    ],
)
def test_an_odd_record_is_no_record(guest: Guest, text: str | bytes) -> None:
    applied(guest, "git", text)
    applied(guest, "tmux")
    assert set(state(guest, "git", "tmux").applied) == {"tmux"}


def test_a_record_that_others_can_write_is_no_record(guest: Guest) -> None:
    good = applied(guest, "good")
    applied(guest, "open").chmod(0o666)
    (good.parent / "link").symlink_to(good)
    os.mkfifo(good.parent / "pipe")
    (good.parent / "folder").mkdir()
    assert set(state(guest, "good", "open", "link", "pipe", "folder").applied) == {"good"}
    good.parent.chmod(0o777)
    assert state(guest, "good").applied == {}
    guest.make_demo()  # whose guests have no root of their own
    assert set(state(guest, "good").applied) == {"good"}


def test_a_record_of_another_user_is_no_record(guest: Guest) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file away")
    os.chown(applied(guest, "git"), 12345, 12345)
    assert state(guest, "git").applied == {}


def test_odd_recipe_names_are_never_looked_up(guest: Guest) -> None:
    put(guest.root / "var/lib/dvm/secret", f"{A} done 1\n")
    assert state(guest, "../secret", "A", "-x", "$(id)", "").applied == {}


@pytest.mark.parametrize("text", ["", "dvm-app\n", f"dvm-app {ID}", f"dvm-app {ID} x\n", f"\0 {ID}\n", f"../x {ID}\n"])
def test_an_identity_that_is_not_ours_is_not_none(guest: Guest, text: str) -> None:
    put(guest.root / "etc/dvm/identity", text)
    if text == f"dvm-app {ID}":
        assert state(guest).identity == ("dvm-app", ID)
        return
    with pytest.raises(CouldNotLook, match="not as dvm wrote it"):
        state(guest)


def test_an_identity_that_others_can_write_is_not_ours(guest: Guest) -> None:
    guest.run("_identity", {"DVM_ID": ID})
    (guest.root / "etc/dvm/identity").chmod(0o666)
    with pytest.raises(CouldNotLook):
        state(guest)


def test_identity_is_written_whole_and_anew(guest: Guest) -> None:
    for instance in ("dvm-app", "dvm-copy"):
        assert guest.run("_identity", {"DVM_INSTANCE": instance, "DVM_ID": ID}).returncode == 0
        assert (guest.root / "etc/dvm/identity").read_text() == f"{instance} {ID}\n"
    assert (guest.root / "etc/dvm/identity").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in (guest.root / "etc/dvm").iterdir()] == ["identity"]
    for bad in ({"DVM_ID": "x"}, {"DVM_INSTANCE": "a\nb", "DVM_ID": ID}, {"DVM_INSTANCE": "", "DVM_ID": ID}):
        assert guest.run("_identity", bad).returncode == 1
    assert (guest.root / "etc/dvm/identity").read_text() == f"dvm-copy {ID}\n"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda code: None, "absent"),
        (lambda code: code.mkdir(), "empty"),
        (lambda code: put(code / "\n", ""), "files"),
        (lambda code: put(code, "a file"), "files"),
        (lambda code: code.symlink_to("nowhere"), "files"),
        (lambda code: put(code / ".git", "gitdir: /elsewhere"), "repository"),
    ],
)
def test_the_code_dir(guest: Guest, make: object, expected: str) -> None:
    guest.code.parent.mkdir()
    assert callable(make)
    make(guest.code)
    assert state(guest).code == expected


@pytest.mark.parametrize(
    ("config", "origin"),
    [
        ('[remote "origin"]\n url = git@github.com:a/b.git\n', "git@github.com:a/b.git"),
        ('[remote "origin"]\n url = https://me:canary@example.org/a\n', "https://example.org/a"),
        ('[remote "origin"]\n url = ssh://git@example.org/a\n', "ssh://git@example.org/a"),
        ('[remote "origin"]\n url = "a\\nb"\n', "a\nb"),
        (f'[remote "origin"]\n url = {"x" * 5000}\n', "x" * 1000),
        ("[include]\n path = ../secret\n", ""),
        ("[broken", ""),
    ],
)
def test_the_origin_is_read_without_running_anything(guest: Guest, config: str, origin: str) -> None:
    put(guest.code / ".git/config", config)
    put(guest.code / "secret", '[remote "origin"]\n url = included\n')
    assert state(guest).origin == origin


def test_a_pipe_as_git_config_does_not_hang(guest: Guest) -> None:
    (guest.code / ".git").mkdir(parents=True)
    os.mkfifo(guest.code / ".git/config")
    assert (state(guest).code, state(guest).origin) == ("repository", "")


@pytest.mark.parametrize("kind", ["link", "folder-link", "pipe", "large", "directory"])
def test_an_odd_hook_is_told_and_never_shown_or_run(guest: Guest, kind: str) -> None:
    hook = guest.code / ".dvm/sync.sh"
    secret = put(guest.home / "secret/sync.sh", "SECRET")
    hook.parent.mkdir(parents=True)
    match kind:
        case "link":
            hook.symlink_to(secret)
        case "folder-link":
            hook.parent.rmdir()
            hook.parent.symlink_to(secret.parent)
        case "pipe":
            os.mkfifo(hook)
        case "large":
            put(hook, "#" * 65537)
        case _:
            hook.mkdir()
    found = state(guest)
    assert (found.hook, bool(found.hook_problem)) == ("", True)
    shown = guest.run("_show_hook")
    with pytest.raises(CouldNotLook):
        parse_hook(shown.stdout, NONCE)
    assert b"SECRET" not in shown.stdout
    assert guest.run("_hook", {"DVM_HOOK_HASH": A}).returncode == 78


@pytest.mark.parametrize("text", [b"", b"echo hi\n", b"\xff\x1b[31m\r\n end 1", b"#" * 65536])
def test_a_hook_is_shown_byte_for_byte(guest: Guest, text: bytes) -> None:
    put(guest.code / ".dvm/sync.sh", text)
    assert parse_hook(guest.run("_show_hook").stdout, NONCE) == (digest(text), text)
    assert (state(guest).hook, state(guest).hook_size) == (digest(text), len(text))


def test_a_hook_with_nul_bytes_is_no_script(guest: Guest) -> None:
    put(guest.code / ".dvm/sync.sh", b"a\0b\0")
    with pytest.raises(CouldNotLook):
        parse_hook(guest.run("_show_hook").stdout, NONCE)


def test_no_hook(guest: Guest) -> None:
    assert parse_hook(guest.run("_show_hook").stdout, NONCE) is None


def test_the_approved_hook_runs_in_the_code_dir_and_is_noted(guest: Guest) -> None:
    hook = put(guest.code / ".dvm/sync.sh", "pwd >where; cat >stdin; echo ran >>count; exit $(cat code)\n")
    put(guest.code / "code", "0")
    approved = {"DVM_HOOK_HASH": digest(hook.read_bytes())}
    done = guest.run("_hook", approved)
    assert done.returncode == 0, done.stderr
    assert (guest.code / "where").read_text() == f"{guest.code}\n"
    assert (guest.code / "stdin").read_text() == ""
    assert state(guest).hook_applied == approved["DVM_HOOK_HASH"]
    for code, expected in (("7", 7), ("69", 69), ("78", 1), ("255", 1)):
        put(guest.code / "code", code)
        assert guest.run("_hook", approved).returncode == expected


def test_a_changed_hook_never_runs(guest: Guest) -> None:
    put(guest.code / ".dvm/sync.sh", "touch ran\n")
    done = guest.run("_hook", {"DVM_HOOK_HASH": A})
    assert done.returncode == 78
    assert b"nothing was run" in done.stderr
    assert not (guest.code / "ran").exists()
    assert state(guest).hook_applied == ""


def test_a_failing_hook_is_not_noted(guest: Guest) -> None:
    hook = put(guest.code / ".dvm/sync.sh", "exit 7\n")
    assert guest.run("_hook", {"DVM_HOOK_HASH": digest(hook.read_bytes())}).returncode == 7
    assert state(guest).hook_applied == ""


def test_apply_notes_only_what_is_done(guest: Guest) -> None:
    assert guest.apply("mine", text="exit 7").returncode == 7
    assert guest.apply("mine", text="exit 255").returncode == 1, "255 would read as a lost connection"
    assert guest.record("mine") == ""
    done = guest.apply("mine", text="true", probe="false # it")
    assert done.returncode == 1
    assert b"the probe of mine failed: false # it" in done.stderr
    assert guest.record("mine") == ""
    assert guest.apply("mine", text="true", probe="true").returncode == 0
    assert re.fullmatch(rf"{A} done [0-9]{{10}}\n", guest.record("mine"))
    assert set(state(guest, "mine").applied) == {"mine"}


def test_a_recipe_that_fails_later_is_no_longer_applied(guest: Guest) -> None:
    assert guest.apply("mine", text="true").returncode == 0
    assert guest.apply("mine", text="exit 3").returncode == 3
    assert guest.record("mine") == ""


@pytest.mark.parametrize(("text", "probe"), [("exit 69", ""), ("true", "exit 69")])
def test_what_cannot_run_here_gets_no_tick(guest: Guest, text: str, probe: str) -> None:
    assert guest.apply("mine", text=text, probe=probe).returncode == 69
    assert state(guest, "mine").applied["mine"].result == "not-run"


def test_a_recipe_cannot_eat_its_own_tail(guest: Guest) -> None:
    done = guest.apply("mine", text="cat >/dev/null\necho tail\nexit 7\n")
    assert (done.returncode, done.stdout) == (7, b"tail\n")


def test_apply_refuses_odd_names(guest: Guest) -> None:
    for name in ("../x", "a b", ""):
        assert guest.apply(name, text="touch ~/ran").returncode == 1
    assert list(guest.home.iterdir()) == []


def key_of(guest: Guest, **variables: str) -> tuple[str, str] | None:
    done = guest.run("_keys", variables)
    assert done.returncode == 0, done.stderr
    found = parse_key(done.stdout, NONCE)
    return (found.line, found.fingerprint) if found else None


def need_ssh_keygen() -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed (apt-get install openssh-client)")


def test_a_key_is_made_once(guest: Guest) -> None:
    need_ssh_keygen()
    assert key_of(guest, DVM_KEY="print") is None
    assert not (guest.home / ".ssh").exists(), "print only prints"
    first = key_of(guest)
    assert first is not None
    assert first[0].endswith(" dvm-app")
    private = guest.home / ".ssh/id_ed25519"
    assert (private.stat().st_mode & 0o777, private.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert key_of(guest) == key_of(guest, DVM_KEY="print") == first
    assert state(guest).key == first[0]
    private.with_suffix(".pub").unlink()
    made_again = key_of(guest)
    assert made_again is not None
    assert made_again[1] == first[1]


def test_a_key_with_a_passphrase_is_left_alone(guest: Guest) -> None:
    need_ssh_keygen()
    private = guest.home / ".ssh/id_ed25519"
    private.parent.mkdir(mode=0o700)
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(private)), check=True)
    private.with_suffix(".pub").unlink()
    before = private.read_bytes()
    done = guest.run("_keys")
    assert (done.returncode, private.read_bytes()) == (1, before)
    assert b"passphrase" in done.stderr
    assert [path.name for path in private.parent.iterdir()] == ["id_ed25519"]


def test_without_ssh_keygen_the_demo_says_so(guest: Guest) -> None:
    make_program(guest.fake / "bin/bash", f'#!/bin/sh\nPATH={guest.fake}/none exec {shutil.which("bash")} "$@"\n')
    assert guest.run("_keys").returncode == 1
    guest.make_demo()
    assert guest.run("_keys").returncode == 69


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with one commit."""
    bare, seed = tmp_path / "origin.git", tmp_path / "seed"
    git("init", "-q", "--bare", str(bare), cwd=tmp_path)
    git("init", "-q", str(seed), cwd=tmp_path)
    put(seed / "file", "text")
    git("add", ".", cwd=seed)
    git("commit", "-q", "-m", "one", cwd=seed)
    git("push", "-q", str(bare), "HEAD:refs/heads/main", cwd=seed)
    git("symbolic-ref", "HEAD", "refs/heads/main", cwd=bare)
    return bare


def clone(guest: Guest, repo: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return guest.run("_clone", {"DVM_REPO": repo, "DVM_CLONE_FILE": "1", **variables})


def leftovers(guest: Guest) -> list[str]:
    folder = guest.code.parent
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("is_there", [False, True])
def test_a_clone_lands_in_an_absent_or_empty_code_dir(guest: Guest, origin: Path, is_there: bool) -> None:
    if is_there:
        guest.code.mkdir(parents=True)
    for _ in range(2):
        done = clone(guest, str(origin))
        assert done.returncode == 0, done.stdout + done.stderr
    assert (guest.code / "file").read_text() == "text"
    if not is_there:
        assert guest.code.stat().st_mode & 0o777 == 0o755, "agents work there, too"
    assert (guest.code / "file").stat().st_mode & 0o777 == 0o644
    assert leftovers(guest) == ["app"]
    assert (state(guest).code, state(guest).origin) == ("repository", str(origin))
    assert clone(guest, f"{str(origin).removesuffix('.git')}/").returncode == 0, "the same place"


def test_what_is_already_there_stays(guest: Guest, origin: Path) -> None:
    put(guest.code / "work", "mine")
    done = clone(guest, str(origin))
    assert done.returncode == 3
    assert b"nothing was touched" in done.stderr
    assert [path.name for path in guest.code.iterdir()] == ["work"]
    git("init", "-q", ".", cwd=guest.code)
    git("remote", "add", "origin", "https://example.org/other", cwd=guest.code)
    assert clone(guest, str(origin)).returncode == 3
    assert leftovers(guest) == ["app"]


def test_a_link_or_file_in_place_of_the_code_dir_stays(guest: Guest, origin: Path) -> None:
    guest.code.parent.mkdir()
    guest.code.symlink_to(guest.home)
    assert clone(guest, str(origin)).returncode == 3
    guest.code.unlink()
    guest.code.touch()
    assert clone(guest, str(origin)).returncode == 3


REFUSALS = [
    "git@github.com: Permission denied (publickey).",
    "ERROR: Repository not found.",
    "remote: The project you were looking for could not be found or you don't have permission to view it.",
]


@pytest.mark.parametrize("words", REFUSALS)
def test_a_refused_clone_leaves_nothing_and_shows_gits_words(guest: Guest, words: str) -> None:
    make_program(guest.fake / "bin/ssh", f'echo "ssh $*" >>"$FAKE/log"; echo "{words}" >&2; exit 255')
    done = clone(guest, "git@github.com:a/private.git")
    assert done.returncode == 77
    assert words.encode() in done.stdout
    assert leftovers(guest) == []
    assert "BatchMode=yes" in guest.log[0]
    assert "StrictHostKeyChecking=accept-new" in guest.log[0]


def test_a_clone_that_fails_otherwise_is_no_refusal(guest: Guest) -> None:
    make_program(guest.fake / "bin/ssh", 'echo "ssh: Could not resolve hostname github.com" >&2; exit 255')
    guest.code.mkdir(parents=True)
    assert clone(guest, "git@github.com:a/b.git").returncode == 1
    assert leftovers(guest) == ["app"]
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize("repo", ["ext::sh -c 'touch ~/ran'", "--upload-pack=touch ~/ran", "/etc", "file:///etc"])
def test_a_hostile_repo_runs_nothing(guest: Guest, repo: str) -> None:
    assert clone(guest, repo, DVM_CLONE_FILE="").returncode == 1
    assert not (guest.home / "ran").exists()
    assert leftovers(guest) == []


def test_scripts_write_as_root_through_sudo(guest: Guest, ordinary: Ordinary) -> None:
    user = ordinary(guest)
    assert user.run("_identity", {"DVM_ID": ID}).returncode == 0
    assert user.apply("mine", text="true").returncode == 0
    assert user.sudo_log == ["-n", "-n"]
    assert state(user, "mine").identity == ("dvm-app", ID)


# -- receive -----------------------------------------------------------------------------------------------------------


def receive(guest: Guest, stream: str, **more: str) -> tuple[list[str], tuple[str, ...]]:
    """Send what `stream` holds; the tags of the answer and its last record."""
    guest.run("_identity", {"DVM_ID": ID})
    given = {
        "DVM_ID": ID,
        "DVM_HOST": os.uname().nodename,
        "DVM_NAME": "a.txt",
        "DVM_STEM": "a",
        "DVM_END": ".txt",
        "DVM_SIZE": "4",
        "DVM_RESERVE": "0",
        "DVM_PIECE": "3",
    }
    done = guest.run("_receive", {**given, **more}, files={"stream": stream})
    assert done.returncode == 0, done.stderr
    records = answers.parse(done.stdout, "receive", NONCE)
    return [record.tag for record in records], (records[-1].tag, *(field.decode() for field in records[-1].fields))


def test_f02_a_file_is_received_piece_by_piece_and_kept_once_it_is_whole(guest: Guest) -> None:
    guest.code.mkdir(parents=True)
    assert receive(guest, "abcd" + NONCE) == (["ready", "at", "at", "done"], ("done", "a.txt", "~/code/app"))
    assert receive(guest, "efgh" + NONCE)[1] == ("done", "a (2).txt", "~/code/app")
    assert sorted(path.name for path in guest.code.iterdir()) == ["a (2).txt", "a.txt"]
    assert (guest.code / "a.txt").read_text() == "abcd"


@pytest.mark.parametrize("stream", ["", "abc", "abcd", "abcd" + NONCE[:-1], "abcdx" + NONCE, "abcd" + "0" * 32])
def test_f06_without_the_last_word_behind_the_last_byte_nothing_is_kept(guest: Guest, stream: str) -> None:
    guest.code.mkdir(parents=True)
    assert receive(guest, stream)[1] == ("refused", "incomplete")
    assert list(guest.code.iterdir()) == []


@pytest.mark.parametrize("what", [{"DVM_INSTANCE": "dvm-b"}, {"DVM_ID": "0" * 32}, {"DVM_HOST": "lima-dvm-b"}])
def test_another_guest_writes_nothing_at_all(guest: Guest, what: dict[str, str]) -> None:
    guest.code.mkdir(parents=True)
    before = guest.code.stat().st_mtime_ns
    assert receive(guest, "abcd" + NONCE, **what) == (["refused"], ("refused", "guest"))
    assert guest.code.stat().st_mtime_ns == before


def test_a_guest_whose_id_the_host_does_not_know_any_more_takes_a_file(guest: Guest) -> None:
    guest.code.mkdir(parents=True)
    assert receive(guest, "abcd" + NONCE, DVM_ID="")[1][0] == "done"
