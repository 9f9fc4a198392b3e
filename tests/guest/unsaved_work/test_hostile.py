"""H09, D04, threats.md 0.7: a hostile repository runs nothing, hides nothing, and is never called clean."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import Names, UnsavedWorkReport, Verdict
from tests.guest.unsaved_work.conftest import GIT_ENVIRONMENT, Guest


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def bait(tmp_path: Path, marker: Path) -> str:
    """A program that leaves the marker when anybody runs it."""
    program = tmp_path / "bait"
    program.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    program.chmod(0o755)
    return str(program)


def add_config(repository: Path, text: str) -> None:
    with (repository / ".git/config").open("a") as config:
        config.write(text)


def touch_again(path: Path) -> None:
    """Make git doubt what it remembers of a file, so that it reads it."""
    os.utime(path, (1, 1))


def assert_git_takes_the_bait(repository: Path, marker: Path, *command: str) -> None:
    """Without our care the code runs: else the test would prove nothing."""
    subprocess.run(("git", *command), cwd=repository, env=GIT_ENVIRONMENT, capture_output=True, check=False, timeout=30)
    assert marker.exists()
    marker.unlink()


# ---- nothing runs ----

FILTER_NAMES = ["x", "a.b", "a=b", "a.clean", 'quo\\"te', "two words", "x=y.clean=z"]


@pytest.mark.parametrize("key", ["clean", "process"])
@pytest.mark.parametrize("name", FILTER_NAMES)
def test_filters_are_silent(guest: Guest, marker: Path, bait: str, name: str, key: str) -> None:
    app = guest.repository()
    add_config(app, f'[filter "{name}"]\n\t{key} = {bait}\n\tsmudge = {bait}\n\trequired = true\n')
    attribute = name.replace('\\"', '"')
    if attribute.isascii() and " " not in attribute and '"' not in attribute:
        (app / ".git/info/attributes").write_text(f"file filter={attribute}\n")
        touch_again(app / "file")
        assert_git_takes_the_bait(app, marker, "status")
    touch_again(app / "file")
    report = guest.check()
    assert not marker.exists()
    assert report.verdict is Verdict.CLEAN


def pretend_git(guest: Guest, version: str) -> dict[str, str]:
    """A git that calls itself older than it is."""
    tools = guest.home / "tools"
    tools.mkdir()
    (tools / "git").write_text(
        f'#!/bin/sh\n[ "$1" != version ] || exec echo "git version {version}"\n'
        'for word; do case $word in --config-env*) exit 129 ;; esac; done\nexec /usr/bin/git "$@"\n'
    )
    (tools / "git").chmod(0o755)
    return {"DVM_WORK_PATH": f"{tools}:/usr/bin:/bin"}


@pytest.mark.parametrize("name", ["x", "a=b"])
def test_filters_are_silent_with_an_old_git(guest: Guest, marker: Path, bait: str, name: str) -> None:
    app = guest.repository()
    add_config(app, f'[filter "{name}"]\n\tclean = {bait}\n')
    (app / ".git/info/attributes").write_text(f"file filter={name}\n")
    touch_again(app / "file")
    report = guest.check(pretend_git(guest, "2.25.1"))
    assert not marker.exists()
    assert report.verdict is (Verdict.CLEAN if name == "x" else Verdict.CHECK_FAILED)


def test_a_git_that_is_too_old(guest: Guest) -> None:
    guest.repository()
    assert guest.check(pretend_git(guest, "2.24.9")).problems == ("git: git is older than 2.25",)


def test_filter_of_a_submodule_and_of_an_included_config(guest: Guest, marker: Path, bait: str) -> None:
    app = guest.repository()
    inner = guest.repository("app/inner")
    (app / "more").write_text(f'[filter "x"]\n\tclean = {bait}\n')
    for repository in (app, inner):
        add_config(repository, f"[include]\n\tpath = {app}/more\n")
        (repository / ".git/info/attributes").write_text("* filter=x\n")
        touch_again(repository / "file")
    assert_git_takes_the_bait(inner, marker, "status")
    touch_again(inner / "file")
    report = guest.check()
    assert not marker.exists()
    assert report.repositories[0].untracked == Names(1, ("more",))


def test_fsmonitor_is_silent(guest: Guest, marker: Path, bait: str) -> None:
    app = guest.repository()
    add_config(app, f"[core]\n\tfsmonitor = {bait}\n")
    assert_git_takes_the_bait(app, marker, "status")
    assert guest.check().verdict is Verdict.CLEAN
    assert not marker.exists()


@pytest.mark.parametrize("place", [".git/hooks", "hooks"])
def test_hooks_are_silent(guest: Guest, marker: Path, bait: str, place: str) -> None:
    app = guest.repository()
    (app / place).mkdir(exist_ok=True)
    (app / place / "post-index-change").symlink_to(bait)
    add_config(app, f"[core]\n\thooksPath = {app / place}\n")
    touch_again(app / "file")
    assert_git_takes_the_bait(app, marker, "status")
    touch_again(app / "file")
    guest.check()
    assert not marker.exists()


def test_signature_check_is_silent(guest: Guest, marker: Path, bait: str) -> None:
    app = guest.repository()
    signature = "-----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    raw = guest.git(app, "cat-file", "commit", "HEAD").replace("\n\n", f"\ngpgsig {signature}\n\nsigned ", 1)
    done = subprocess.run(
        ("git", "hash-object", "-t", "commit", "-w", "--stdin"),
        cwd=app,
        env=GIT_ENVIRONMENT,
        input=raw.encode() + b"\n",
        capture_output=True,
        check=True,
    )
    guest.git(app, "update-ref", "refs/heads/signed", done.stdout.decode().strip())
    add_config(app, f"[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {bait}\n")
    assert_git_takes_the_bait(app, marker, "log", "signed")
    assert guest.look_at().unpushed == 1
    assert not marker.exists()


def test_missing_objects_are_not_fetched(guest: Guest, marker: Path, bait: str) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    head = guest.git(app, "rev-parse", "HEAD~1")
    guest.commit(app, "b")
    (app / ".git/objects" / head[:2] / head[2:]).unlink()
    (app / ".git/refs/remotes/origin/main").unlink()
    add_config(
        app,
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = evil\n[protocol]\n\tallow = always\n"
        f'[remote "evil"]\n\turl = ext::{bait}\n\tpromisor = true\n',
    )
    subprocess.run(
        ("git", "cat-file", "-p", head),  # newer gits fetch no commit that is missing for `log` or `show`
        cwd=app,
        env={key: value for key, value in GIT_ENVIRONMENT.items() if key != "GIT_ALLOW_PROTOCOL"},
        capture_output=True,
        check=False,
    )
    assert marker.exists()
    marker.unlink()
    assert guest.check().verdict is Verdict.CHECK_FAILED
    assert not marker.exists()


def test_every_other_program_of_a_config_is_silent(guest: Guest, marker: Path, bait: str) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    (app / "file").write_text("changed")
    (app / ".git/info/attributes").write_text("* diff=x merge=x\n")
    programs = "".join(
        f"[{section}]\n\t{key} = {bait}\n"
        for section, key in (
            ("core", "pager"),
            ("core", "editor"),
            ("core", "sshCommand"),
            ("core", "askPass"),
            ("core", "gitProxy"),
            ("core", "alternateRefsCommand"),
            ("pager", "status"),
            ("pager", "log"),
            ("pager", "config"),
            ("credential", "helper"),
            ("diff", "external"),
            ('diff "x"', "textconv"),
            ('diff "x"', "command"),
            ('merge "x"', "driver"),
            ("gpg", "program"),
            ("sequence", "editor"),
            ('trailer "x"', "command"),
            ('hook "x"', "command"),
            ("alias", "status"),
            ("interactive", "diffFilter"),
            ("uploadpack", "packObjectsHook"),
        )
    )
    add_config(app, f'{programs}[hook "x"]\n\tevent = post-index-change\n')
    found = guest.look_at()
    assert (found.unpushed, found.unstaged) == (1, Names(1, ("file",)))
    assert not marker.exists()


def test_surroundings_change_nothing(guest: Guest, marker: Path, bait: str) -> None:
    app = guest.repository()
    other = guest.repository("other")
    (app / "new").touch()
    report = guest.check(
        {
            "GIT_DIR": str(other / ".git"),
            "GIT_WORK_TREE": str(other),
            "GIT_EXTERNAL_DIFF": bait,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.fsmonitor",
            "GIT_CONFIG_VALUE_0": bait,
            "BASH_FUNC_git%%": f"() {{ touch {marker}; }}",
            "BASH_FUNC_find%%": f"() {{ touch {marker}; }}",
            "CDPATH": "/",
            "LC_ALL": "C.UTF-8",
        }
    )
    assert not marker.exists()
    assert report.problems == ()
    assert [(r.path, r.untracked.count) for r in report.repositories] == [("app", 1), ("other", 0)]


def test_only_reads(guest: Guest) -> None:
    app = guest.repository()
    (app / "file").write_text("changed")
    (app / "new").touch()
    touch_again(app / "file")

    def facts() -> dict[str, tuple[int, int, bytes]]:
        files = sorted(path for path in guest.code.rglob("*"))
        return {
            str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in files
        }

    before = facts()
    guest.check()
    assert facts() == before


# ---- nothing is hidden ----

INSIDE = [
    "/srv/store.git",
    "../store.git",
    "store.git",
    "./a:b",
    "file:///srv/store.git",
    "ext::sh -c x",
    "foo::https://forge.example/x",
    "unknown://forge.example/x",
    "https://localhost:3000/x.git",
    "http://u:p@127.0.0.1/x.git",
    "ssh://git@[::1]:22/x.git",
    "ssh://git@[2001:db8::1]:22/x.git",
    "git@localhost:x.git",
    "https:///x.git",
]
OUTSIDE = [
    "https://forge.example/x.git",
    "https://user:p@ss@forge.example:8443/x.git",
    "ssh://git@forge.example:22/x.git",
    "git@forge.example:x/y.git",
    "forge:x.git",
    "git://forge.example/x.git",
]


@pytest.mark.parametrize("url", INSIDE)
def test_a_remote_inside_the_vm_is_none(guest: Guest, url: str) -> None:
    guest.repository(url=url)
    found = guest.look_at()
    assert (found.unpushed, found.has_remote, found.local_remotes) == (1, False, ("origin",))


@pytest.mark.parametrize("url", OUTSIDE)
def test_a_remote_outside_the_vm_counts(guest: Guest, url: str) -> None:
    guest.repository(url=url)
    assert guest.check().verdict is Verdict.CLEAN


@pytest.mark.parametrize("reference", ["refs/remotes/x/main", "refs/remotes/main", "refs/remotes/origin2/main"])
def test_planted_remote_references_count_for_nothing(guest: Guest, reference: str) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    guest.git(app, "update-ref", reference, "HEAD")
    assert guest.look_at().unpushed == 1


@pytest.mark.parametrize("name", ["*", "[a-z]", "?", "or*", "", "@"])
def test_name_of_a_remote_is_no_pattern(guest: Guest, name: str) -> None:
    app = guest.repository(url="")
    guest.git(app, "update-ref", "refs/remotes/x/main", "HEAD")
    add_config(app, f'[remote "{name}"]\n\turl = https://forge.example/x\n')
    found = guest.look_at()
    assert found.unpushed + found.unknown == 1


def test_remote_inside_a_remote_of_a_longer_name(guest: Guest) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    guest.git(app, "config", "remote.origin/local.url", "/srv/store.git")  # newer gits add none of such a name
    guest.git(app, "update-ref", "refs/remotes/origin/local/main", "HEAD")
    assert guest.look_at().unpushed == 1


REWRITES = [
    '[url "/srv/"]\n\tinsteadOf = https://forge.example/\n',
    '[url "file:///srv/"]\n\tinsteadOf = https://\n',
    '[url "/srv/"]\n\tpushInsteadOf = https://forge.example/\n',
    '[url "https://localhost/"]\n\tinsteadOf = https://forge.example/\n',
    '[remote "origin"]\n\tpushurl = /srv/store.git\n',
    '[remote "origin"]\n\turl = /srv/store.git\n',
    '[remote "origin"]\n\tvcs = evil\n',
]


@pytest.mark.parametrize("rewrite", REWRITES)
def test_rewritten_address_inside_the_vm(guest: Guest, rewrite: str) -> None:
    app = guest.repository()
    add_config(app, rewrite)
    found = guest.look_at()
    assert (found.unpushed, found.has_remote) == (1, False)


def test_rewriting_in_the_settings_of_the_user(guest: Guest) -> None:
    guest.repository()
    (guest.home / ".gitconfig").write_text(REWRITES[0])
    assert not guest.look_at().has_remote


def test_rewriting_to_the_outside_counts(guest: Guest) -> None:
    app = guest.repository(url="/forge/x.git")
    add_config(app, '[url "https://forge.example/"]\n\tinsteadOf = /forge/\n')
    assert guest.check().verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    "setting",
    [
        "[core]\n\tworktree = /var/empty\n",
        "[core]\n\tworktree = ../../decoy\n",
        "[core]\n\tbare = true\n",
        "[status]\n\tshowUntrackedFiles = no\n",
        "[core]\n\texcludesFile = /dev/null\n\tignoreCase = true\n",
        "[core]\n\tfileMode = false\n\tsymlinks = false\n\tpreloadIndex = false\n",
        "[diff]\n\tignoreSubmodules = all\n",
        "[core]\n\tuntrackedCache = true\n\tsplitIndex = true\n",
    ],
)
def test_settings_that_look_away(guest: Guest, setting: str) -> None:
    app = guest.repository()
    (guest.code / "decoy").mkdir()
    add_config(app, setting)
    (app / "file").chmod(0o755)
    (app / "new").touch()
    (app / "File").touch()
    found = guest.look_at()
    assert found.unstaged == Names(1, ("file",))
    assert found.untracked == Names(2, ("File", "new"))


def test_bare_without_an_index_leaves_loose_files(guest: Guest) -> None:
    app = guest.repository()
    add_config(app, "[core]\n\tbare = true\n")
    (app / ".git/index").unlink()
    report = guest.check()
    assert report.loose.names == ("app/file",)
    assert report.verdict is Verdict.UNSAVED_WORK


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_files_that_git_was_told_not_to_look_at(guest: Guest, flag: str) -> None:
    app = guest.repository()
    guest.git(app, "update-index", flag, "file")
    (app / "file").write_text("changed")
    found = guest.look_at()
    assert found.hidden.names + found.unstaged.names == ("file",)
    assert found.has_unsaved_work


def test_change_of_the_same_size_and_time(guest: Guest) -> None:
    app = guest.repository()
    add_config(app, "[core]\n\ttrustctime = false\n\tcheckStat = minimal\n")
    os.utime(app / "file", (1, 1))
    guest.git(app, "status")
    text = (app / "file").read_text()
    (app / "other").write_text(text.swapcase())
    (app / "other").replace(app / "file")
    os.utime(app / "file", (1, 1))
    assert guest.git(app, "status", "--porcelain") == ""
    assert guest.look_at().unstaged == Names(1, ("file",))


def test_grafts_and_replacements_hide_no_commit(guest: Guest) -> None:
    app = guest.repository()
    pushed = guest.git(app, "rev-parse", "HEAD")
    guest.commit(app, "a")
    guest.commit(app, "b")
    head = guest.git(app, "rev-parse", "HEAD")
    (app / ".git/info/grafts").write_text(f"{pushed} {head}\n")
    assert guest.look_at().unpushed == 2
    (app / ".git/info/grafts").unlink()
    guest.git(app, "replace", "--graft", head)
    assert guest.look_at().unpushed > 2


# ---- odd names are only ever shown (D04) ----

ODD_NAMES = [
    b"new\nline",
    b'quo"te',
    b"\x1b[31mred",
    b"$(touch marker)",
    b"-rf",
    b"\xff\xfe",
    b"a b",
    "é\u202e".encode(),
    b"*",
    b"a]['x']`touch marker`",
]


def assert_nothing_odd_is_shown(report: UnsavedWorkReport) -> None:
    for line in report.lines():
        assert line.isprintable(), line


def test_odd_names_of_files(guest: Guest) -> None:
    app = guest.repository()
    for folder in (app, guest.code):
        for name in ODD_NAMES:
            (folder / os.fsdecode(name)).touch()
    report = guest.check()
    expected = tuple(os.fsdecode(name) for name in sorted(ODD_NAMES))
    assert report.repositories[0].untracked == Names(len(ODD_NAMES), expected)
    assert report.loose.names == expected
    assert_nothing_odd_is_shown(report)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_of_repositories(guest: Guest, name: bytes) -> None:
    folder = os.fsdecode(name)
    guest.repository(folder)
    guest.repository(f"outer/{folder}")
    (guest.code / folder / "new").touch()
    report = guest.check()
    assert report.problems == ()
    assert [r.path for r in report.repositories] == sorted((folder, f"outer/{folder}"), key=os.fsencode)
    assert sum(r.untracked.count for r in report.repositories) == 1
    assert_nothing_odd_is_shown(report)


def test_odd_names_of_branches(guest: Guest, marker: Path) -> None:
    app = guest.repository()
    names = ("--upload-pack=x", "-", "HEAD", f"$(touch${{IFS}}{marker})", "a]b", "@", "x';y", "(detached)")
    for index, name in enumerate(names):
        guest.commit(app, f"f{index}")
        guest.git(app, "update-ref", f"refs/heads/{name}", "HEAD")
        guest.git(app, "reset", "-q", "--hard", "origin/main")
    found = guest.look_at()
    assert found.unpushed == len(names)
    assert sorted(found.branches) == sorted((name, 1) for name in names)
    assert not marker.exists()


def test_odd_subjects_of_commits(guest: Guest) -> None:
    app = guest.repository()
    for subject in ("\x1b]0;title\x07", "end", "s" * 5000, '"><img src=x onerror=alert(1)>'):
        guest.commit(app, "a", subject)
    report = guest.check()
    assert report.repositories[0].unpushed == 4
    assert all(len(subject) <= 300 for _, subject in report.repositories[0].commits)
    assert_nothing_odd_is_shown(report)


# ---- it ends, and within bounds ----


@pytest.mark.parametrize("name", ["config", "index", "packed-refs", "HEAD", "commondir", "info/exclude"])
def test_a_pipe_in_the_place_of_a_file(guest: Guest, name: str) -> None:
    app = guest.repository()
    guest.repository("well")
    (guest.code / "well/new").touch()
    (app / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(app / ".git" / name)
    report = guest.check({"DVM_WORK_CALL_SECONDS": "1"})
    assert report.verdict is Verdict.CHECK_FAILED
    assert any(r.path == "well" and r.untracked.count for r in report.repositories)


def test_a_pipe_in_the_settings_of_the_user(guest: Guest) -> None:
    guest.repository()
    os.mkfifo(guest.home / ".gitconfig")
    assert guest.check({"DVM_WORK_CALL_SECONDS": "1"}).verdict is Verdict.CHECK_FAILED


def test_too_many_repositories(guest: Guest) -> None:
    for name in ("a", "b", "c"):
        guest.repository(name)
    report = guest.check({"DVM_WORK_REPOSITORIES": "2"})
    assert len(report.repositories) == 2
    assert "more than 2 repositories" in report.summary()


def test_too_long_a_report(guest: Guest) -> None:
    for name in ("a", "b"):
        guest.repository(name)
        (guest.code / name / ("n" * 200)).touch()
    report = guest.check({"DVM_WORK_BYTES": "900"})
    assert report.verdict is Verdict.CHECK_FAILED
    assert "the report is too long" in report.summary()


# ---- what an agent can write to be passed over (B01), and to hold the look up ----


def test_a_repository_hidden_in_a_git_folder(guest: Guest) -> None:
    app = guest.repository()
    for name in ("trees/inner", "x"):
        guest.repository(f"app/.git/{name}", url="")
    found = {one.path: one.unpushed for one in guest.check().repositories}
    assert found == {"app": 0, "app/.git/trees/inner": 1, "app/.git/x": 1}
    assert app.exists()


def test_work_tree_of_a_repository_put_elsewhere(guest: Guest) -> None:
    app = guest.repository()
    elsewhere = guest.home / "elsewhere"
    elsewhere.mkdir()
    guest.git(app, "config", "core.worktree", str(elsewhere))
    assert guest.check().outside.names == (str(elsewhere),)


@pytest.mark.parametrize("kind", ["long", "filters", "one line", "include", "circle"])
def test_a_config_that_is_too_much(guest: Guest, marker: Path, bait: str, kind: str) -> None:
    app = guest.repository()
    (app / "new").touch()
    more = {
        "long": "".join(f'[branch "b{index}"]\n\tremote = origin\n' for index in range(300_000)),
        "filters": "".join(f'[filter "f{index}"]\n\tclean = {bait}\n' for index in range(50_000)),
        "one line": f"[user]\n\tname = {'x' * 10_000_000}\n",
        "include": "".join(f"[include]\n\tpath = {app}/none{index}\n" for index in range(10_000)),
        "circle": f"[include]\n\tpath = {app}/.git/config\n",
    }[kind]
    add_config(app, more)
    report = guest.check()
    assert report.verdict is not Verdict.CLEAN
    assert not marker.exists()


def test_an_unknown_extension_in_an_included_file(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git/more").write_text("[extensions]\n\tfromTheFuture = true\n")
    add_config(app, "[include]\n\tpath = more\n")
    assert guest.check().verdict is Verdict.CHECK_FAILED


def test_folders_in_one_another(guest: Guest) -> None:
    guest.repository()
    here = os.open(guest.code, os.O_RDONLY)
    for _ in range(2500):  # longer than any path may be
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    report = guest.check()
    subprocess.run(("rm", "-rf", "--", str(guest.code / "d")), check=True)
    assert report.verdict is Verdict.CHECK_FAILED
    assert any("nested too deeply" in problem for problem in report.problems)


def test_many_linked_work_trees_of_which_none_is_there(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "--detach", "../one")
    admin = app / ".git/worktrees/one"
    for index in range(500):
        copy = admin.with_name(f"w{index}")
        copy.mkdir()
        for name in ("HEAD", "commondir"):
            (copy / name).write_bytes((admin / name).read_bytes())
        (copy / "gitdir").write_text(f"/nowhere/{index}/.git\n")
    assert guest.check().verdict is Verdict.CLEAN


@pytest.mark.parametrize("pointer", ["/", "/proc/self/root/.git", "\0/.git", "x" * 9000 + "/.git", "../../../.git", ""])
def test_pointers_of_a_linked_work_tree_that_lead_astray(guest: Guest, pointer: str) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "--detach", "../one")
    (guest.code / "one/new").touch()
    (app / ".git/worktrees/one/gitdir").write_text(f"{pointer}\n")
    report = guest.check()
    told = {one.path: one.untracked.count for one in report.repositories}
    assert report.verdict is not Verdict.CLEAN
    assert told.get("one") == 1, "its own .git leads there"


def test_folders_that_change_while_they_are_walked(guest: Guest) -> None:
    """Whatever is swapped meanwhile, the answer is whole, and it is never clean while a file lies there."""
    guest.repository()
    (guest.home / "decoy").mkdir()
    stay = guest.code / "stay"
    stay.mkdir()
    (stay / "file").touch()
    swap = (
        f"cd {guest.code}; while [ -e {guest.home}/go ]; do mkdir -p x/y; touch x/y/f; mv x z; "
        f"ln -s {guest.home}/decoy x; rm -rf z x; done"
    )
    (guest.home / "go").touch()
    swapping = subprocess.Popen(("sh", "-c", swap), stderr=subprocess.DEVNULL)
    try:
        for _ in range(5):
            report = guest.check()
            assert report.verdict is not Verdict.CLEAN
            assert report.problems or "stay/file" in report.loose.names
    finally:
        (guest.home / "go").unlink()
        swapping.wait()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_of_what_may_not_be_read_and_of_repositories_elsewhere(
    open_guest: Guest, as_nobody: tuple[str, ...], name: bytes
) -> None:
    folder = os.fsdecode(name)
    (open_guest.code / folder).mkdir(mode=0o700)
    (open_guest.home / folder / ".git").mkdir(parents=True)
    report = open_guest.check(command=as_nobody)
    assert [one.path for one in report.unseen] == [folder]
    assert report.outside.names == (f"~/{folder}/.git",)
    assert_nothing_odd_is_shown(report)


def test_odd_names_of_branches_that_cannot_be_known(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    for index, name in enumerate(("$(touch${IFS}x)", "a;b", "é\u202e", "'q'")):
        guest.commit(app, f"f{index}")
        guest.git(app, "update-ref", f"refs/heads/{name}", "HEAD")
        guest.git(app, "reset", "-q", "--hard", "origin/main")
    report = guest.check()
    assert report.repositories[0].unknown == 4
    assert_nothing_odd_is_shown(report)
