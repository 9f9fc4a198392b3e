"""Work beside branches and files: in hooks, helpers' folders, odd references, tags, indexes and closed folders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import Names, Verdict
from tests.guest.unsaved_work.conftest import GIT_ENVIRONMENT, Guest
from tests.guest.unsaved_work.test_layouts import needs_git


def test_a_repository_among_the_hooks(guest: Guest) -> None:
    guest.repository()
    hooks = guest.repository("app/.git/hooks/mine")
    guest.commit(hooks, "new")
    assert guest.look_at("app/.git/hooks/mine").unpushed == 1


@pytest.mark.parametrize("place", ["annex/objects/a/b/KEY/KEY", "patches/main/fix.patch"])
def test_what_helpers_of_git_keep_beside_its_commits(guest: Guest, place: str) -> None:
    app = guest.repository()
    file = app / ".git" / place
    file.parent.mkdir(parents=True)
    assert guest.check().verdict is Verdict.CLEAN
    file.write_text("precious")
    report = guest.check()
    assert report.verdict is Verdict.CHECK_FAILED
    assert "in its Git folder" in report.problems[0]


def test_an_index_whose_files_lie_elsewhere(guest: Guest) -> None:
    store, files = guest.code / "dots.git", guest.home / "files"
    for folder in (store, files):
        folder.mkdir()
    guest.git(store, "init", "-q", "--bare")
    place = (f"--git-dir={store}", f"--work-tree={files}")
    (files / "a").write_text("a")
    guest.git(files, *place, "add", "a")
    guest.git(files, *place, "commit", "-qm", "a")
    guest.git(files, *place, "remote", "add", "origin", "https://forge.example/dots.git")
    guest.git(files, *place, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert guest.check().verdict is Verdict.CLEAN
    (files / "b").write_text("b")
    guest.git(files, *place, "add", "b")
    assert guest.look_at("dots.git").staged == Names(1, ("b",))


def _object(guest: Guest, app: Path, kind: str) -> str:
    (guest.home / "x").write_text("precious")
    blob = guest.git(app, "hash-object", "-w", str(guest.home / "x"))
    if kind == "blob":
        return blob
    given, argv = f"100644 blob {blob}\tx\n".encode(), ("git", "mktree")
    made = subprocess.run(argv, cwd=app, input=given, capture_output=True, check=True, env=GIT_ENVIRONMENT)
    return made.stdout.decode().strip()


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_a_reference_to_no_commit(guest: Guest, kind: str, *, is_packed: bool) -> None:
    app = guest.repository()
    guest.git(app, "update-ref", "refs/wip/x", _object(guest, app, kind))
    if is_packed:
        guest.git(app, "pack-refs", "--all")
    report = guest.check()
    assert report.verdict is Verdict.CHECK_FAILED
    assert "refs/wip/x does not point to a commit" in report.problems[0]
    guest.git(app, "update-ref", "-d", "refs/wip/x")
    assert guest.check().verdict is Verdict.CLEAN


@pytest.mark.parametrize("options", [(), ("-a", "-m", "kept")])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_tag_on_a_commit_that_was_made_here(guest: Guest, options: tuple[str, ...], *, is_packed: bool) -> None:
    app = guest.repository()
    guest.commit(app, "new")
    guest.git(app, "tag", *options, "keep")
    guest.git(app, "reset", "-q", "--hard", "HEAD~1")
    if is_packed:
        guest.git(app, "pack-refs", "--all")
    assert guest.look_at().branches == (("refs/tags/keep", 1),)


@pytest.mark.parametrize("is_real", [False, True])
def test_a_tag_where_the_log_is_in_a_reftable(guest: Guest, *, is_real: bool) -> None:
    if is_real:
        needs_git(2, 45)
    app = guest.repository("app", *(("--ref-format=reftable",) if is_real else ()))
    (app / ".git/reftable").mkdir(exist_ok=True)  # enough to make the script ask git
    guest.commit(app, "new")
    guest.git(app, "tag", "keep")
    guest.git(app, "reset", "-q", "--hard", "HEAD~1")
    assert guest.look_at().branches == (("refs/tags/keep", 1),)


def test_a_tag_on_a_commit_that_was_fetched(guest: Guest) -> None:
    """As of a release whose branch is gone: a fetch brings it back, also where it was looked at here."""
    app, other = guest.repository(), guest.home / "other"
    guest.git(guest.home, "clone", "-q", str(app), str(other))
    guest.commit(other, "release")
    guest.git(other, "tag", "v1")
    guest.git(app, "fetch", "-q", str(other), "refs/tags/v1:refs/tags/v1")
    guest.git(app, "checkout", "-q", "v1")
    guest.git(app, "checkout", "-q", "main")
    assert guest.check().verdict is Verdict.CLEAN


def test_a_remote_of_this_vm_whose_pushes_are_noted_as_anothers(guest: Guest) -> None:
    app, backup = guest.repository(), guest.home / "backup.git"
    guest.git(guest.home, "init", "-q", "--bare", str(backup))
    guest.git(app, "remote", "add", "backup", str(backup))
    guest.git(app, "config", "remote.backup.fetch", "+refs/heads/*:refs/remotes/origin/*")
    guest.commit(app, "new")
    guest.git(app, "push", "-q", "backup", "HEAD:main")
    assert guest.look_at().unpushed >= 1


def test_an_ignored_file_in_a_folder_in_which_somebody_works(guest: Guest) -> None:
    app = guest.repository()
    for name in ("build", "dist"):
        (app / name).mkdir()
    (app / ".gitignore").write_text("*.env\n/dist/*\n!/dist/.gitkeep\n")
    for name in ("build/script", "dist/.gitkeep", ".gitignore"):
        guest.commit(app, name) if name != ".gitignore" else guest.git(app, "add", name)
    guest.git(app, "commit", "-qm", "ignored")
    guest.push(app)
    (app / "dist/made.env").write_text("made")
    assert guest.check().verdict is Verdict.CLEAN
    (app / "build/secret.env").write_text("secret")
    assert guest.look_at().ignored == Names(1, ("build/secret.env",))


@pytest.mark.parametrize("is_linked", [False, True])
def test_references_outside_the_code_folder_that_may_not_be_read(
    open_guest: Guest, as_nobody: tuple[str, ...], *, is_linked: bool
) -> None:
    """Git passes over them without a word."""
    store, app = open_guest.home / "store", open_guest.code / "app"
    open_guest.git(open_guest.home, "init", "-q", f"--separate-git-dir={store}", str(app))
    open_guest.commit(app, "file")
    open_guest.git(app, "remote", "add", "origin", "https://forge.example/app.git")
    open_guest.push(app)
    open_guest.git(app, "branch", "wip/x")
    if is_linked:
        open_guest.git(app, "worktree", "add", "-q", "--detach", str(open_guest.code / "linked"))
    assert open_guest.check(command=as_nobody).verdict is Verdict.CLEAN
    (store / "refs/heads/wip").chmod(0o700)
    report = open_guest.check(command=as_nobody)
    assert report.verdict is Verdict.CHECK_FAILED
    assert "refs/heads/wip: cannot be read" in report.problems[0]
