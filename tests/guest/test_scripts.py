"""Our own guest scripts, run for real: state, apply, identity, keys, clone, hook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from dvmweb.errors import CheckFailed
from dvmweb.files import digest
from dvmweb.guest import protocol
from dvmweb.guest.state import GuestState, parse_hook, parse_key, parse_state
from tests.guest.conftest import ID, NONCE, Guest, Ordinary, make_program, upload
from tests.journey.cli.home import until
from tests.needs import needs
from tests.places import SCRIPTS

A, B = "a" * 64, "b" * 64
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " dvm-app"


def state(guest: Guest, *names: str, probes: dict[str, str] | None = None, patience: int = 0) -> GuestState:
    files = {f"probe-{name}": f"{command}\n" for name, command in (probes or {}).items()}
    files["probes.sh"] = (SCRIPTS / "probes.sh").read_text()
    seconds = {"DVM_PROBE_SECONDS": str(patience)} if patience else {}
    done = guest.run("state", {"DVM_RECIPES": "\n".join(names), **seconds}, files=files)
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
    counters = psutil.net_io_counters(pernic=True)
    real = [one for name, one in counters.items() if Path(f"/sys/class/net/{name}/device").exists()]
    if real:
        assert found.network is not None
        assert 0 < found.network[0] <= sum(one.bytes_recv for one in real)
    else:
        assert found.network is None, "no interface of a machine"
    assert found.disk is not None
    assert found.disk[1] == psutil.disk_usage(str(guest.root)).total // 1024 * 1024
    assert 0 < found.disk[0] <= found.disk[1]


def test_a_full_guest_tells_all(guest: Guest) -> None:
    guest.make_demo()
    assert guest.run("identity", {"DVM_ID": ID}).returncode == 0
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
    assert (found.use, found.network, found.disk) == (None, None, None)  # they would be its host's
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


def probed(guest: Guest, probes: dict[str, str], patience: int = 30) -> dict[str, str]:
    for name in probes:
        applied(guest, name)
    return dict(state(guest, *probes, probes=probes, patience=patience).probes)


def test_all_probes_share_one_login_shell(guest: Guest) -> None:
    put(guest.home / ".bash_profile", "echo login >>~/logins; helper() { :; }; set -e\n")
    count = {f"p{number}": "helper && command -v helper" for number in range(8)}
    assert set(probed(guest, count).values()) == {"ok"}
    assert (guest.home / "logins").read_text() == "login\n", "a login shell for each is what makes a sync slow"


@pytest.mark.parametrize(
    "bad",
    [
        "exit 3",
        "cd /; rm -f no-such-file; set -eux; set -o posix; false",
        "cat; exec >&-; exec 2>&-; exit 1",
        "unset HOME PATH; false",
        "printf() { :; }; wait() { :; }; exit() { :; }; builtin exit 1",
        "trap 'exit 9' EXIT; exit 1",
        "exec false",
        "return 4",
        'kill -s TERM "$BASHPID"',
        "kill $$",
        "kill -9 $$",
        "kill 0",
        'kill -9 "$PPID"',
        "ulimit -n 3; false",
        "name=other; here=/; set -- a b; false",
    ],
)
def test_a_probe_that_spoils_its_shell_disturbs_no_other(guest: Guest, bad: str) -> None:
    others = {f"p{number}": f'[ "$#" -eq 0 ] && [ -e probe-p{number} ] && sleep 0.2' for number in range(3)}
    found = probed(guest, {"a-bad": bad, **others, "z-bad": bad})
    assert {name: found[name] for name in others} == dict.fromkeys(others, "ok")
    assert found["a-bad"] == found["z-bad"]
    assert found["a-bad"] == ("late" if "-9" in bad else "failed"), "what was killed has said nothing"


@pytest.mark.parametrize("hang", ["sleep 600", "trap : TERM INT HUP; while :; do sleep 1; done", "read x </dev/zero"])
def test_a_probe_that_does_not_end_in_time_is_late_and_leaves_nothing(guest: Guest, hang: str) -> None:
    mark = f"export LATE_MARK={os.getpid()}; "
    assert probed(guest, {"good": "true", "hangs": mark + hang, "bad": "false"}, 2) == {
        "good": "ok",
        "hangs": "late",
        "bad": "failed",
    }
    until(lambda: not marked_processes())  # a process that was killed ends in a moment


def marked_processes() -> str:
    return subprocess.run(
        ("grep", "-lzs", f"^LATE_MARK={os.getpid()}$", *map(str, Path("/proc").glob("[0-9]*/environ"))),
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_a_probe_whose_own_timeout_ran_out_is_late(guest: Guest) -> None:
    assert probed(guest, {"slow": "timeout 0.1 sleep 600"}) == {"slow": "late"}


@pytest.mark.parametrize("profile", ["sleep 600", "exit 3", "cd /; alias true=false", "exec sh -c 'exit 0'", "kill $$"])
def test_an_odd_profile_is_no_reason_to_trust_or_to_hang(guest: Guest, profile: str) -> None:
    put(guest.home / ".bash_profile", f"{profile}\n")
    found = probed(guest, {"one": "true"}, 2)["one"]
    expected = {"sleep 600": "late", "exit 3": "failed", "cd /; alias true=false": "ok", "kill $$": "failed"}
    assert found == expected.get(profile, "ok")


def test_a_slow_git_and_a_slow_checksum_are_not_known(guest: Guest) -> None:
    git("init", "-q", str(guest.home / "code/app"), cwd=guest.home)
    put(guest.home / "code/app/.dvm/sync.sh", "true\n")
    for name in ("git", "sha256sum"):
        make_program(guest.fake / "bin" / name, "#!/bin/sh\nexec sleep 600\n")
    done = guest.run("state", {"DVM_RECIPES": "", "DVM_CALL_SECONDS": "1"})
    found = parse_state(done.stdout, NONCE)
    assert found.code == "repository"
    assert found.is_origin_late
    assert found.hook_problem == "reading the project hook .dvm/sync.sh timed out"


def test_a_first_probe_that_is_late_is_noted_as_run(guest: Guest) -> None:
    done = guest.run(
        "apply",
        {"DVM_RECIPE": "slow", "DVM_RECIPE_HASH": A, "DVM_PROBE_SECONDS": "1"},
        files={"recipe.sh": "true\n", "probe": "sleep 600\n"},
    )
    assert done.returncode == 75, done.stderr
    assert b"not known" in done.stderr
    assert (guest.root / "var/lib/dvm/recipes/slow").read_text().startswith(f"{A} done ")


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
    with pytest.raises(CheckFailed, match="not as dvm wrote it"):
        state(guest)


def test_an_identity_that_others_can_write_is_not_ours(guest: Guest) -> None:
    guest.run("identity", {"DVM_ID": ID})
    (guest.root / "etc/dvm/identity").chmod(0o666)
    with pytest.raises(CheckFailed):
        state(guest)


def test_identity_is_written_whole_and_anew(guest: Guest) -> None:
    for instance in ("dvm-app", "dvm-copy"):
        assert guest.run("identity", {"DVM_INSTANCE": instance, "DVM_ID": ID}).returncode == 0
        assert (guest.root / "etc/dvm/identity").read_text() == f"{instance} {ID}\n"
    assert (guest.root / "etc/dvm/identity").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in (guest.root / "etc/dvm").iterdir()] == ["identity"]
    for bad in ({"DVM_ID": "x"}, {"DVM_INSTANCE": "a\nb", "DVM_ID": ID}, {"DVM_INSTANCE": "", "DVM_ID": ID}):
        assert guest.run("identity", bad).returncode == 1
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
    shown = guest.run("show_hook")
    with pytest.raises(CheckFailed):
        parse_hook(shown.stdout, NONCE)
    assert b"SECRET" not in shown.stdout
    assert guest.run("hook", {"DVM_HOOK_HASH": A}).returncode == 78


@pytest.mark.parametrize("text", [b"", b"echo hi\n", b"\xff\x1b[31m\r\n end 1", b"#" * 65536])
def test_a_hook_is_shown_byte_for_byte(guest: Guest, text: bytes) -> None:
    put(guest.code / ".dvm/sync.sh", text)
    assert parse_hook(guest.run("show_hook").stdout, NONCE) == (digest(text), text)
    assert (state(guest).hook, state(guest).hook_size) == (digest(text), len(text))


def test_a_hook_with_nul_bytes_is_no_script(guest: Guest) -> None:
    put(guest.code / ".dvm/sync.sh", b"a\0b\0")
    with pytest.raises(CheckFailed):
        parse_hook(guest.run("show_hook").stdout, NONCE)


def test_no_hook(guest: Guest) -> None:
    assert parse_hook(guest.run("show_hook").stdout, NONCE) is None


def test_the_approved_hook_runs_in_the_code_dir_and_is_noted(guest: Guest) -> None:
    hook = put(guest.code / ".dvm/sync.sh", "pwd >where; cat >stdin; echo ran >>count; exit $(cat code)\n")
    put(guest.code / "code", "0")
    approved = {"DVM_HOOK_HASH": digest(hook.read_bytes())}
    done = guest.run("hook", approved)
    assert done.returncode == 0, done.stderr
    assert (guest.code / "where").read_text() == f"{guest.code}\n"
    assert (guest.code / "stdin").read_text() == ""
    assert state(guest).hook_applied == approved["DVM_HOOK_HASH"]
    for code, expected in (("7", 7), ("69", 69), ("78", 1), ("255", 1)):
        put(guest.code / "code", code)
        assert guest.run("hook", approved).returncode == expected


def test_a_changed_hook_never_runs(guest: Guest) -> None:
    put(guest.code / ".dvm/sync.sh", "touch ran\n")
    done = guest.run("hook", {"DVM_HOOK_HASH": A})
    assert done.returncode == 78
    assert b"nothing was run" in done.stderr
    assert not (guest.code / "ran").exists()
    assert state(guest).hook_applied == ""


def test_a_failing_hook_is_not_noted(guest: Guest) -> None:
    hook = put(guest.code / ".dvm/sync.sh", "exit 7\n")
    assert guest.run("hook", {"DVM_HOOK_HASH": digest(hook.read_bytes())}).returncode == 7
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
    done = guest.run("keys", variables)
    assert done.returncode == 0, done.stderr
    found = parse_key(done.stdout, NONCE)
    return (found.line, found.fingerprint) if found else None


@needs("ssh-keygen")
def test_a_key_is_made_once(guest: Guest) -> None:
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


@needs("ssh-keygen")
def test_a_key_with_a_passphrase_is_left_alone(guest: Guest) -> None:
    private = guest.home / ".ssh/id_ed25519"
    private.parent.mkdir(mode=0o700)
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(private)), check=True)
    private.with_suffix(".pub").unlink()
    before = private.read_bytes()
    done = guest.run("keys")
    assert (done.returncode, private.read_bytes()) == (1, before)
    assert b"passphrase" in done.stderr
    assert [path.name for path in private.parent.iterdir()] == ["id_ed25519"]


def test_without_ssh_keygen_the_demo_says_so(guest: Guest) -> None:
    make_program(guest.fake / "bin/bash", f'#!/bin/sh\nPATH={guest.fake}/none exec {shutil.which("bash")} "$@"\n')
    assert guest.run("keys").returncode == 1
    guest.make_demo()
    assert guest.run("keys").returncode == 69


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
    return guest.run("clone", {"DVM_REPO": repo, "DVM_CLONE_FILE": "1", **variables})


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
    assert b"nothing was changed" in done.stderr
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


def test_s10_what_a_killed_clone_left_goes_with_the_next_one(guest: Guest, origin: Path) -> None:
    left = guest.code.parent / ".dvm-clone.abcdef" / "repo"
    left.mkdir(parents=True)
    (guest.code.parent / ".dvm-clone.mine").mkdir()
    assert clone(guest, str(origin)).returncode == 0
    assert leftovers(guest) == [".dvm-clone.mine", "app"]


def test_s3_a_pipe_in_the_place_of_gits_config_holds_nothing_up(guest: Guest, origin: Path) -> None:
    (guest.code / ".git").mkdir(parents=True)
    os.mkfifo(guest.code / ".git/config")
    assert clone(guest, str(origin)).returncode == 3


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
    assert user.run("identity", {"DVM_ID": ID}).returncode == 0
    assert user.apply("mine", text="true").returncode == 0
    assert user.sudo_log == ["-n", "-n"]
    assert state(user, "mine").identity == ("dvm-app", ID)


# -- receive -----------------------------------------------------------------------------------------------------------


def receive(guest: Guest, stream: str, **more: str) -> tuple[list[str], tuple[str, ...]]:
    """Send what `stream` holds; the tags of the answer and its last record."""
    guest.run("identity", {"DVM_ID": ID})
    done = guest.run("receive", upload(**more), files={"stream": stream})
    assert done.returncode == 0, done.stderr
    records = protocol.parse(done.stdout, "receive", NONCE)
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
