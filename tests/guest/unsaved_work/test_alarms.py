"""An alarm can be cleared: the user's git settings count, LFS goes by hash, and what cannot be known says how."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import Names, RepositoryReport, Unsure, Verdict
from dvmweb.guest.unsaved_work.words import clearing
from tests.guest.unsaved_work.conftest import GIT_ENVIRONMENT, SCRIPT, Guest

FORGE = "https://forge.example/app.git"

# ---- the user's settings ----


@pytest.mark.parametrize("place", [".config/git/ignore", "my ignore", "xdg/git/ignore"])
def test_the_global_ignore_file(guest: Guest, place: str) -> None:
    app = guest.repository()
    ignore = guest.home / place
    ignore.parent.mkdir(parents=True, exist_ok=True)
    ignore.write_text("*.swp\n.direnv\nnode_modules\n")
    if place == "my ignore":
        (guest.home / ".gitconfig").write_text('[core]\n\texcludesFile = "~/my ignore"\n')
    for name in ("x.swp", "node_modules/y", "new"):
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).touch()
    extra = {"XDG_CONFIG_HOME": str(guest.home / "xdg")} if place.startswith("xdg") else {}
    report = guest.check(extra)
    assert report.problems == ()
    (found,) = report.repositories
    assert (found.untracked, found.ignored) == (Names(1, ("new",)), Names(1, ("x.swp",)))


def test_the_global_ignore_file_of_an_included_file(guest: Guest) -> None:
    app = guest.repository()
    (guest.home / "more").write_text("[core]\n\texcludesFile = ~/ignore\n")
    (guest.home / ".gitconfig").write_text("[include]\n\tpath = ~/more\n")
    (guest.home / "ignore").write_text("*.swp\n")
    (app / "x.swp").touch()
    assert (guest.look_at().untracked, guest.look_at().ignored.count) == (Names(), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my-ignore", ".config/git/ignore", ".config/git/attributes"])
def test_a_pipe_in_the_place_of_a_file_of_the_users(guest: Guest, name: str) -> None:
    guest.repository()
    (guest.home / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(guest.home / name)
    (guest.home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/my-ignore\n" if name == "my-ignore" else "")
    report = guest.check()
    assert report.verdict is Verdict.CHECK_FAILED
    assert name in report.problems[0]


def add_lines_of_windows(guest: Guest, app: Path, setting: str) -> None:
    """A pushed file as git lays it out by that setting; git has forgotten when it was written."""
    (app / "dos").write_bytes(b"one\r\ntwo\r\n")
    guest.git(app, "-c", setting, "add", "dos")
    guest.git(app, "commit", "-qm", "dos")
    guest.push(app)
    os.utime(app / "dos", (1, 1))


def test_line_ends_as_the_user_has_them(guest: Guest) -> None:
    add_lines_of_windows(guest, guest.repository(), "core.autocrlf=true")
    assert guest.look_at().unstaged.count == 1
    (guest.home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n")
    assert guest.check().verdict is Verdict.CLEAN


def test_the_global_attributes_file(guest: Guest) -> None:
    (guest.home / "attributes").write_text("dos text eol=crlf\n")
    add_lines_of_windows(guest, guest.repository(), f"core.attributesFile={guest.home}/attributes")
    assert guest.look_at().unstaged.count == 1
    (guest.home / ".gitconfig").write_text("[core]\n\tattributesFile = ~/attributes\n")
    assert guest.check().verdict is Verdict.CLEAN


def test_programs_in_the_settings_of_the_user_do_not_run(guest: Guest) -> None:
    app = guest.repository()
    marker, bait = guest.home / "marker", guest.home / "bait"
    bait.write_text(f"#!/bin/sh\ntouch {marker}\n")
    bait.chmod(0o755)
    (guest.home / ".gitconfig").write_text(
        f"[core]\n\tfsmonitor = {bait}\n\tpager = {bait}\n\thooksPath = {guest.home}\n\tattributesFile = ~/attributes\n"
        f'[filter "x"]\n\tclean = {bait}\n\tprocess = {bait}\n\trequired = true\n[alias]\n\tstatus = "!{bait}"\n'
    )
    (guest.home / "attributes").write_text("* filter=x\n")
    os.utime(app / "file", (1, 1))
    assert guest.check().verdict is Verdict.CLEAN
    assert not marker.exists()


def test_a_rewriting_in_a_conditional_include(guest: Guest) -> None:
    guest.repository()
    (guest.home / "work").write_text('[url "/srv/"]\n\tinsteadOf = https://forge.example/\n')
    (guest.home / ".gitconfig").write_text(f'[includeIf "gitdir:{guest.code}/"]\n\tpath = work\n')
    assert not guest.look_at().has_remote


# ---- Git LFS ----


def add_lfs(guest: Guest, app: Path, content: bytes) -> None:
    """A file of LFS as it lies there without LFS itself: a pointer in the index, the content in the folder."""
    (app / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(content).hexdigest()}\n"
    (app / "big.bin").write_text(f"{pointer}size {len(content)}\n")
    blob = guest.git(app, "hash-object", "--no-filters", "-w", "big.bin")
    guest.git(app, "update-index", "--add", "--cacheinfo", f"100644,{blob},big.bin")
    guest.git(app, "add", ".gitattributes")
    guest.git(app, "commit", "-qm", "big")
    guest.push(app)
    (app / "big.bin").write_bytes(content)
    with (app / ".git/config").open("a") as config:
        config.write('[filter "lfs"]\n\tclean = false\n\tprocess = false\n\trequired = true\n')


def test_a_file_of_lfs_is_compared_by_its_hash(guest: Guest) -> None:
    app = guest.repository()
    add_lfs(guest, app, b"\0big" * 1000)
    assert guest.check().verdict is Verdict.CLEAN
    (app / "big.bin").write_bytes(b"\0pig" * 1000)
    assert guest.look_at().unstaged == Names(1, ("big.bin",))
    (app / "big.bin").write_bytes(b"\0big" * 1001)
    assert guest.look_at().unstaged == Names(1, ("big.bin",))


@pytest.mark.parametrize("attribute", ["", "filter=other"])
def test_content_that_only_looks_like_a_pointers(guest: Guest, attribute: str) -> None:
    app = guest.repository()
    add_lfs(guest, app, b"\0big" * 1000)
    (app / ".git/info/attributes").write_text(f"*.bin {attribute or '-filter'}\n")
    assert guest.look_at().unstaged == Names(1, ("big.bin",))


def test_a_link_or_a_pipe_in_the_place_of_a_file_of_lfs(guest: Guest) -> None:
    app = guest.repository()
    add_lfs(guest, app, b"\0big" * 1000)
    (app / "big.bin").rename(guest.home / "big.bin")
    (app / "big.bin").symlink_to(guest.home / "big.bin")
    assert guest.look_at().unstaged == Names(1, ("big.bin",))
    (app / "big.bin").unlink()
    os.mkfifo(app / "big.bin")
    assert guest.look_at().unstaged == Names(1, ("big.bin",))


# ---- what cannot be known ----


@pytest.fixture
def forge(guest: Guest) -> Path:
    """What https://forge.example/app.git is, for a command of the user's."""
    app = guest.repository()
    guest.git(guest.home, "clone", "-q", "--bare", str(app), "forge.git")
    guest.git(app, "worktree", "list")
    subprocess.run(("rm", "-rf", "--", str(app)), check=True)
    return guest.home / "forge.git"


def run(folder: Path, forge: Path, command: str) -> None:
    """A command that the user types, with the forge reached by its address."""
    environment = {
        **GIT_ENVIRONMENT,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{forge}.insteadOf",
        "GIT_CONFIG_VALUE_0": FORGE,
    }
    done = subprocess.run(("bash", "-ec", command), cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def clone(guest: Guest, forge: Path, *options: str) -> Path:
    guest.git(guest.code, "clone", "-q", *options, f"file://{forge}", "app")
    guest.git(guest.code / "app", "remote", "set-url", "origin", FORGE)
    return guest.code / "app"


@pytest.mark.parametrize("option", ["--depth=1", "--single-branch"])
def test_a_pushed_branch_of_a_narrow_clone(guest: Guest, forge: Path, option: str) -> None:
    app = clone(guest, forge, option)
    guest.git(app, "switch", "-qc", "topic")
    guest.commit(app, "mine")
    run(app, forge, "git push -q origin topic")
    report = guest.check()
    (found,) = report.repositories
    assert report.verdict is Verdict.UNSAVED_WORK
    assert (found.unpushed, found.unknown, found.branches) == (0, 1, ())
    assert found.unsure == (Unsure("topic", 1, "narrow", "origin", "topic"),)
    assert report.summary() == "1 commit not known to be pushed in 1 repository"
    command = "git remote set-branches --add origin topic && git fetch origin topic"
    assert any(command in line for line in report.lines())
    run(app, forge, command)
    assert guest.check().verdict is Verdict.CLEAN


def test_the_branch_that_a_narrow_clone_follows_is_known(guest: Guest, forge: Path) -> None:
    app = clone(guest, forge, "--depth=1")
    guest.commit(app, "mine")
    assert (guest.look_at().unpushed, guest.look_at().unknown) == (1, 0)
    run(app, forge, "git push -q origin main")
    assert guest.check().verdict is Verdict.CLEAN


def cleared(guest: Guest, app: Path, forge: Path) -> RepositoryReport:
    """What was said before the named command was run; behind it nothing is."""
    found = guest.look_at(app.name)
    assert found.unpushed == 0
    assert found.unknown > 0
    for command in {clearing(branch) for branch in found.unsure}:
        run(app, forge, command)
    assert guest.check().verdict is Verdict.CLEAN
    return found


def test_a_branch_pushed_under_another_name(guest: Guest, forge: Path) -> None:
    app = clone(guest, forge, "--depth=1")
    guest.git(app, "switch", "-qc", "topic")
    guest.commit(app, "mine")
    run(app, forge, "git push -qu origin topic:feature")
    assert cleared(guest, app, forge).unsure[0].there == "feature"


def test_a_commit_on_no_branch_of_a_narrow_clone(guest: Guest, forge: Path) -> None:
    app = clone(guest, forge, "--single-branch")
    guest.git(app, "switch", "-q", "--detach")
    guest.commit(app, "mine")
    run(app, forge, "git push -q origin HEAD:refs/heads/feature")
    assert cleared(guest, app, forge).unsure[0].there == ""


def test_a_remote_without_a_fetch_refspec(guest: Guest, forge: Path) -> None:
    app = clone(guest, forge)
    guest.git(app, "config", "--unset-all", "remote.origin.fetch")
    guest.commit(app, "mine")
    run(app, forge, "git push -q origin main")
    assert cleared(guest, app, forge).unsure[0].reason == "no-refspec"


@pytest.mark.parametrize(("option", "reason"), [("--bare", "no-refspec"), ("--mirror", "mirror")])
def test_a_bare_clone_and_a_mirror(guest: Guest, forge: Path, option: str, reason: str) -> None:
    app = clone(guest, forge, option)
    assert cleared(guest, app, forge).unsure[0].reason == reason


def test_a_refspec_that_leaves_a_branch_out(guest: Guest, forge: Path) -> None:
    app = clone(guest, forge)
    guest.git(app, "config", "--add", "remote.origin.fetch", "^refs/heads/topic")
    guest.git(app, "switch", "-qc", "topic")
    guest.commit(app, "mine")
    assert (guest.look_at().unpushed, guest.look_at().unknown) == (0, 1)


def test_names_in_the_command_are_words_of_a_shell() -> None:
    branch = Unsure("x", 1, "narrow", "or'igin; rm -rf ~", "$(touch x)\x1b")
    told = clearing(branch)
    assert told.isprintable()
    words = subprocess.run(
        ("bash", "-c", f"git() {{ printf '%s\\n' \"$@\"; }}; {told}"), capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert words[:3] == ["remote", "set-branches", "--add"]
    assert words[3:5] == ["or'igin; rm -rf ~", "$(touch x)\\x1b"]


# ---- repositories outside the code folder ----


def test_repositories_of_the_home_are_named(guest: Guest) -> None:
    guest.repository()
    assert guest.check().summary() == "no unsaved work found"
    for name in ("notes", "deep/er/lib", ".cache/tool", "node_modules/x", ".local/share/chezmoi"):
        (guest.home / name).mkdir(parents=True)
        guest.git(guest.home / name, "init", "-q")
    guest.git(guest.home, "init", "-q", "--bare", "store.git")
    (guest.home / "linked").mkdir()
    (guest.home / "linked/.git").write_text("gitdir: /somewhere\n")
    report = guest.check()
    assert report.verdict is Verdict.CLEAN
    assert set(report.outside.names) == {
        "~/notes/.git",
        "~/deep/er/lib/.git",
        "~/.local/share/chezmoi/.git",
        "~/store.git",
        "~/linked/.git",
    }
    assert report.summary().startswith("no unsaved work found; not checked: ~/")
    assert "and 2 more" in report.summary()
    assert any(line.startswith("5 repositories outside the code folder, not checked: ") for line in report.lines())


def test_the_home_itself_is_a_repository(guest: Guest) -> None:
    guest.repository()
    before = guest.check().facts_hash()
    guest.git(guest.home, "init", "-q")
    report = guest.check()
    assert report.outside == Names(1, ("~/.git",))
    assert report.facts_hash() != before


def test_what_is_looked_at_is_not_outside(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "--detach", str(guest.home / "feature"))
    report = guest.check()
    assert (report.outside.count, len(report.repositories)) == (0, 2)


def test_many_repositories_and_a_deep_home(guest: Guest) -> None:
    for index in range(30):
        (guest.home / f"r{index:02}/.git").mkdir(parents=True)
    report = guest.check()
    assert report.is_outside_cut
    assert len(report.outside.names) == 20
    assert "the search of the home folder did not finish" in report.summary()


def test_files_that_core_worktree_puts_elsewhere(guest: Guest) -> None:
    guest.git(guest.code, "init", "-q", "--bare", "dotfiles.git")
    store = guest.code / "dotfiles.git"
    (guest.home / "dots").mkdir()
    (guest.home / "dots/rc").touch()
    guest.git(store, "config", "core.bare", "false")
    guest.git(store, "config", "core.worktree", str(guest.home / "dots"))
    guest.git(store, "--work-tree", str(guest.home / "dots"), "--git-dir=.", "add", "rc")
    assert str(guest.home / "dots") in guest.check().outside.names


# ---- the script itself ----


def test_without_python_the_package_is_named(guest: Guest) -> None:
    guest.repository()
    report = guest.check({"DVM_WORK_PATH": "/nonexistent"})
    assert report.verdict is Verdict.CHECK_FAILED
    assert report.problems == ("python3: python3 is not installed: install the package python3 in the guest",)


@pytest.mark.parametrize("part", sorted(SCRIPT.parent.glob("work*.py")), ids=lambda part: str(part.name))
def test_each_part_is_short_and_runs_with_the_python_of_old_guests(part: Path) -> None:
    text = part.read_text("utf-8")
    ast.parse(text, feature_version=(3, 9))
    assert text.count("\n") <= 300


def test_what_closes_a_part_of_a_folder_is_told_once(open_guest: Guest, as_nobody: tuple[str, ...]) -> None:
    """Files that git tracks below a folder that became another user's: unseen, and the rest is told."""
    app = open_guest.repository()
    (app / "data").mkdir()
    open_guest.commit(app, "data/x")
    open_guest.push(app)
    (app / "new").touch()
    (app / "data").chmod(0)
    before = open_guest.check(command=as_nobody)
    assert [(one.path, one.owner) for one in before.unseen] == [("app/data", "root")]
    assert (before.problems, before.repositories[0].untracked.names) == ((), ("new",))
    (open_guest.code / "other").mkdir(mode=0o700)
    after = open_guest.check(command=as_nobody)
    assert [one.path for one in after.unseen] == ["app/data", "other"]
    assert after.facts_hash() != before.facts_hash()


def test_a_folder_that_may_be_listed_and_not_entered(open_guest: Guest, as_nobody: tuple[str, ...]) -> None:
    (open_guest.code / "half/inner").mkdir(parents=True)
    (open_guest.code / "half").chmod(0o744)
    assert [one.path for one in open_guest.check(command=as_nobody).unseen] == ["half"]


def test_very_many_closed_folders(open_guest: Guest, as_nobody: tuple[str, ...]) -> None:
    for index in range(60):
        (open_guest.code / f"d{index}").mkdir(mode=0o700)
    report = open_guest.check(command=as_nobody)
    assert report.verdict is Verdict.CHECK_FAILED
    assert any("more than 50 folders cannot be read" in problem for problem in report.problems)
