"""`work.sh` finds every kind of work in real repositories, and says where it could not look (H03)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import Names, Unseen, Verdict
from tests.guest.unsaved_work.conftest import SCRIPT, Guest
from tests.needs import needs


@needs("shellcheck")
def test_shell_is_clean() -> None:
    subprocess.run(("shellcheck", "-x", str(SCRIPT)), check=True)


def test_pushed_and_committed_is_clean(guest: Guest) -> None:
    guest.repository()
    report = guest.check()
    assert report.verdict is Verdict.CLEAN
    assert [(r.path, r.kind, r.branch, r.has_remote) for r in report.repositories] == [
        ("app", "worktree", "main", True)
    ]
    assert report.code_dir == str(guest.code)
    assert "node_modules" in report.skipped_ignored


def test_empty_code_folder_is_clean(guest: Guest) -> None:
    assert guest.check().verdict is Verdict.CLEAN


def test_code_folder_itself_is_a_repository(guest: Guest) -> None:
    guest.code.rmdir()
    guest.repository(".")
    assert guest.check().verdict is Verdict.CLEAN
    (guest.code / "new").touch()
    found = guest.look_at(".")
    assert found.untracked == Names(1, ("new",))


def test_changes_of_files(guest: Guest) -> None:
    app = guest.repository()
    for name in ("gone", "mode", "link"):
        guest.commit(app, name)
    guest.push(app)
    (app / "gone").unlink()
    (app / "mode").chmod(0o755)
    (app / "link").unlink()
    (app / "link").symlink_to("file")
    (app / "file").write_text("changed")
    (app / "staged one").write_text("x")
    guest.git(app, "add", "staged one")
    (app / "new dir").mkdir()
    (app / "new dir" / "a").touch()
    found = guest.look_at()
    assert found.staged == Names(1, ("staged one",))
    assert found.unstaged == Names(4, ("file", "gone", "link", "mode"))
    assert found.untracked == Names(1, ("new dir/",))
    assert found.unpushed == 0


def test_a_moved_file_is_staged(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "mv", "file", "moved")
    assert guest.look_at().staged == Names(2, ("file", "moved"))


def test_ignored_files_except_what_tools_make_again(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git/info/exclude").write_text(".env\nnode_modules\n*.db\ndist\n/pkg\n")
    (app / ".env").write_text("secret")
    for name in ("node_modules/x/y", "web/node_modules/a", "pkg/data"):
        (app / name).parent.mkdir(parents=True)
        (app / name).touch()
    (app / "local.db").touch()
    (app / "dist").touch()  # a file of that name is nothing that tools make
    assert guest.look_at().ignored == Names(4, (".env", "dist", "local.db", "pkg/"))


def test_first_names_only_but_all_counted(guest: Guest) -> None:
    app = guest.repository()
    for index in range(45):
        (app / f"f{index:02}").touch()
    before = guest.check()
    found = before.repositories[0].untracked
    assert found.count == 45
    assert found.names == tuple(f"f{index:02}" for index in range(20))
    (app / "f44").rename(app / "f99")  # beyond the first names, and still another set of facts
    assert guest.check().facts_hash() != before.facts_hash()


def test_conflict_in_a_merge(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "switch", "-qc", "other")
    guest.commit(app, "file", "theirs")
    guest.git(app, "switch", "-q", "main")
    guest.commit(app, "file", "ours")
    guest.git(app, "merge", "-q", "other", fails=True)
    found = guest.look_at()
    assert (found.operation, found.conflicts) == ("merge", Names(1, ("file",)))
    assert found.unpushed == 2
    assert found.branches == (("main", 1), ("other", 1))


@pytest.mark.parametrize(
    ("arguments", "operation"),
    [
        (("rebase", "-q", "other"), "rebase"),
        (("cherry-pick", "other"), "cherry-pick"),
        (("revert", "--no-edit", "HEAD~1"), "revert"),
    ],
)
def test_operation_half_done(guest: Guest, arguments: tuple[str, ...], operation: str) -> None:
    app = guest.repository()
    guest.git(app, "switch", "-qc", "other")
    guest.commit(app, "file", "theirs")
    guest.git(app, "switch", "-q", "main")
    guest.commit(app, "file", "ours")
    guest.commit(app, "file", "ours again")
    guest.git(app, *arguments, fails=True)
    assert guest.look_at().operation == operation


def test_bisect_is_an_operation(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "bisect", "start")
    assert guest.look_at().operation == "bisect"


def test_am_is_an_operation(guest: Guest) -> None:
    app = guest.repository()
    (app / "patch").write_text("From: a <a@example>\nSubject: x\n\n--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n")
    guest.git(app, "am", "patch", fails=True)
    assert guest.look_at().operation == "am"


def test_stashes_even_without_their_log(guest: Guest) -> None:
    app = guest.repository()
    for text in ("one", "two"):
        (app / "file").write_text(text)
        guest.git(app, "stash")
    assert guest.look_at().stashes == 2
    (app / ".git/logs/refs/stash").unlink()
    assert guest.look_at().stashes == 1
    guest.git(app, "pack-refs", "--all")
    assert not (app / ".git/refs/stash").exists()
    assert guest.look_at().stashes == 1


def test_unpushed_commits_by_branch(guest: Guest) -> None:
    app = guest.repository()
    guest.commit(app, "a", "first")
    guest.git(app, "switch", "-qc", "topic/x")
    guest.commit(app, "b", "second")
    found = guest.look_at()
    assert found.unpushed == 2
    assert sorted(subject for _, subject in found.commits) == ["first", "second"]
    assert found.branches == (("main", 1), ("topic/x", 1))


def test_detached_head(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "switch", "-q", "--detach")
    guest.commit(app, "a")
    found = guest.look_at()
    assert (found.branch, found.unpushed, found.branches) == ("", 1, (("HEAD", 1),))


def test_without_a_remote_every_commit_is_unpushed(guest: Guest) -> None:
    guest.repository(url="")
    found = guest.look_at()
    assert (found.unpushed, found.has_remote) == (1, False)


def test_unborn_branch(guest: Guest) -> None:
    app = guest.code / "app"
    app.mkdir()
    guest.git(app, "init", "-q")
    assert guest.check().verdict is Verdict.CLEAN
    (app / "x").touch()
    assert guest.look_at().untracked == Names(1, ("x",))


def test_prefetched_and_tagged_commits_are_not_ours(guest: Guest) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    for reference in ("refs/tags/v1", "refs/prefetch/remotes/origin/next"):
        guest.git(app, "update-ref", reference, "HEAD")
    guest.git(app, "reset", "-q", "--hard", "HEAD~1")
    (app / ".git/logs/HEAD").unlink()  # it says that the commit was made here
    assert guest.check().verdict is Verdict.CLEAN


def test_default_branch_of_the_remote_was_renamed(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone")
    assert guest.check().verdict is Verdict.CLEAN


def test_more_commits_than_are_counted(guest: Guest) -> None:
    app = guest.repository()
    stream = "".join(
        f"commit refs/heads/many\nmark :{mark}\ncommitter a <a@e> {mark} +0000\ndata 1\nx\n"
        + (f"from :{mark - 1}\n" if mark > 1 else "")
        for mark in range(1, 10_102)
    )
    subprocess.run(("git", "fast-import", "--quiet"), cwd=app, input=stream.encode(), check=True)
    found = guest.look_at()
    assert found.unpushed == 10_001
    assert len(found.commits) == 10


def test_ten_thousand_references(guest: Guest) -> None:
    """H09: many references, packed as git packs them."""
    app = guest.repository()
    head = guest.git(app, "rev-parse", "HEAD")
    names = sorted(f"{head} refs/heads/b{index:05}\n" for index in range(10_000))
    (app / ".git/packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + "".join(names))
    assert guest.check().verdict is Verdict.CLEAN


# ---- nested repositories ----


def test_linked_work_tree_tells_its_files_and_commits_stand_once(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "../feature")
    guest.commit(guest.code / "feature", "a")
    (guest.code / "feature/new").touch()
    report = guest.check()
    assert [(r.path, r.kind, r.unpushed, r.untracked.count) for r in report.repositories] == [
        ("app", "worktree", 1, 0),
        ("feature", "linked", 0, 1),
    ]
    assert report.repositories[0].branches == (("feature", 1),)
    assert report.loose.count == 0


def test_linked_work_tree_outside_the_code_folder_is_looked_at(guest: Guest) -> None:
    app = guest.repository()
    outside = guest.home / "elsewhere"
    guest.git(app, "worktree", "add", "-q", "--detach", str(outside))
    (outside / "new").touch()
    assert guest.look_at(str(outside)).untracked == Names(1, ("new",))


def test_removed_linked_work_tree_leaves_its_commits(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "--detach", "../gone")
    guest.commit(guest.code / "gone", "a")
    shutil.rmtree(guest.code / "gone")
    assert guest.look_at().unpushed == 1


def test_linked_work_tree_whose_repository_is_gone(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "../feature")
    shutil.rmtree(app)
    report = guest.check()
    assert report.problems == ("./feature: its .git points to a folder that does not exist",)


@pytest.fixture
def library(guest: Guest) -> Path:
    """`code/app` with a pushed submodule `lib`."""
    origin = guest.home / "origin-of-lib"
    origin.mkdir()
    guest.git(origin, "init", "-q")
    guest.commit(origin, "a")
    app = guest.repository()
    guest.git(app, "submodule", "-q", "add", str(origin), "lib")
    guest.git(app, "commit", "-qm", "lib")
    guest.push(app)
    guest.git(app / "lib", "remote", "set-url", "origin", "https://forge.example/lib.git")
    return app / "lib"


def test_submodule(guest: Guest, library: Path) -> None:
    assert guest.check().verdict is Verdict.CLEAN
    guest.commit(library, "b")
    (library / "new").touch()
    found = guest.look_at("app/lib")
    assert (found.kind, found.unpushed, found.untracked) == ("submodule", 1, Names(1, ("new",)))
    assert guest.look_at("app").unstaged == Names(1, ("lib",))


def test_deinitialised_submodule_keeps_commits_and_stashes(guest: Guest, library: Path) -> None:
    guest.git(library, "switch", "-qc", "mine")
    guest.commit(library, "b")
    (library / "b").write_text("stashed")
    guest.git(library, "stash")
    guest.git(library.parent, "submodule", "-q", "deinit", "-f", "lib")
    found = guest.look_at("app/.git/modules/lib")
    assert (found.kind, found.unpushed, found.stashes) == ("gitdir", 1, 1)


def test_submodule_with_a_slash_in_its_name(guest: Guest, library: Path) -> None:
    guest.commit(library, "b")
    modules = library.parent / ".git/modules"
    (modules / "deep/objects").mkdir(parents=True)
    (modules / "lib").rename(modules / "deep/objects/lib")
    shutil.rmtree(library)
    assert guest.look_at("app/.git/modules/deep/objects/lib").unpushed == 1


def test_bare_repository(guest: Guest) -> None:
    guest.repository(url="")
    guest.git(guest.code, "clone", "-q", "--bare", "app", "store.git")
    shutil.rmtree(guest.code / "app")
    found = guest.look_at("store.git")
    assert (found.kind, found.unpushed, found.local_remotes) == ("bare", 1, ("origin",))
    assert guest.check().loose.count == 0


def test_bare_test_data_that_the_repository_around_it_tracks(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "clone", "-q", "--bare", ".", "data/repo.git")
    assert guest.look_at("app/data/repo.git").unpushed == 1
    (app / "data/repo.git/refs/heads/.keep").touch()  # git keeps no empty folders
    (app / "data/repo.git/objects/.keep").touch()
    guest.git(app, "add", ".")
    guest.git(app, "commit", "-qm", "test data")
    guest.push(app)
    assert guest.check().verdict is Verdict.CLEAN
    (app / "data/repo.git/new").touch()
    assert guest.look_at("app").untracked == Names(1, ("data/repo.git/new",))


def test_work_trees_beside_a_hidden_bare_repository(guest: Guest) -> None:
    app = guest.repository()
    project = guest.code / "project"
    project.mkdir()
    guest.git(project, "clone", "-q", "--bare", str(app), ".bare")
    (project / ".git").write_text("gitdir: ./.bare\n")
    guest.git(project, "worktree", "add", "-q", "--detach", "main")
    (project / "note").touch()
    shutil.rmtree(app)
    report = guest.check()
    assert report.problems == ()
    assert [(r.path, r.kind) for r in report.repositories] == [("project", "bare"), ("project/main", "linked")]
    assert report.loose.names == ("project/note",)


def test_nested_repositories_are_not_untracked_files_of_the_outer_one(guest: Guest) -> None:
    app = guest.repository()
    guest.repository("app/vendor/inner")
    assert guest.check().verdict is Verdict.CLEAN
    (app / "vendor/note").touch()
    assert guest.look_at().untracked == Names(1, ("vendor/note",))


def test_nested_repositories_in_an_ignored_folder(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git/info/exclude").write_text("trees\n")
    guest.repository("app/trees/inner")
    assert guest.check().verdict is Verdict.CLEAN
    (app / "trees/note").touch()
    assert guest.look_at().ignored == Names(1, ("trees/",))


def test_work_tree_in_a_folder_that_tools_make_again(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git/info/exclude").write_text("dist\n")
    guest.git(app, "worktree", "add", "-q", "--detach", "dist")
    (app / "dist/new").touch()
    assert guest.look_at("app/dist").untracked.count == 1


def test_sparse_checkout_and_shallow_clone(guest: Guest) -> None:
    app = guest.repository()
    (app / "deep").mkdir()
    guest.commit(app, "deep/a")
    guest.git(guest.code, "clone", "-q", "--depth=1", f"file://{app}", "copy")
    copy = guest.code / "copy"
    guest.git(copy, "remote", "set-url", "origin", "git@forge.example:copy.git")
    guest.git(copy, "sparse-checkout", "set", "--sparse-index", "other")
    assert not (copy / "deep").exists()
    assert not guest.look_at("copy").has_unsaved_work
    guest.git(app, "sparse-checkout", "set", "--no-cone", "/file")
    guest.push(app)
    assert guest.check().verdict is Verdict.CLEAN


def test_sha256_repository(guest: Guest) -> None:
    app = guest.repository("app", "--object-format=sha256")
    (app / "file").write_text("changed")
    guest.commit(app, "a")
    found = guest.look_at()
    assert (found.unpushed, found.unstaged) == (1, Names(1, ("file",)))


def test_held_index_lock_is_a_note(guest: Guest) -> None:
    app = guest.repository()
    before = guest.check()
    (app / ".git/index.lock").touch()
    report = guest.check()
    assert report.repositories[0].is_locked
    assert report.verdict is Verdict.CLEAN
    assert report.facts_hash() == before.facts_hash()


# ---- loose files ----


def test_loose_files(guest: Guest) -> None:
    guest.repository("group/app")
    for name, text in (("note", "12345"), ("group/list", "123"), ("deep/er/x", ""), ("deep/.venv/bin/y", "skipped")):
        path = guest.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (guest.code / "link").symlink_to("/etc/passwd")
    loose = guest.check().loose
    assert (loose.count, loose.names) == (4, ("deep/er/x", "group/list", "link", "note"))
    assert loose.bytes == 8 + len("/etc/passwd")


def test_links_are_not_followed(guest: Guest) -> None:
    """A link to a folder outside is a loose file; a link in a circle ends nothing."""
    outside = guest.home / "outside"
    outside.mkdir()
    guest.git(outside, "init", "-q")
    (outside / "new").touch()
    (guest.code / "link").symlink_to(outside)
    (guest.code / "circle").symlink_to(".")
    report = guest.check()
    assert report.repositories == ()
    assert report.loose.names == ("circle", "link")


def test_code_folder_behind_a_link(guest: Guest) -> None:
    guest.repository()
    (guest.code / "app/new").touch()
    (guest.home / "alias").symlink_to(guest.code)
    report = guest.check({"DVM_CODE_DIR": str(guest.home / "alias")})
    assert report.repositories[0].untracked.count == 1


def test_same_facts_same_hash(guest: Guest) -> None:
    """H01: the hash stays while nothing changes, and a new commit changes it."""
    app = guest.repository()
    guest.commit(app, "a")
    before = guest.check()
    os.utime(app / "a")
    assert guest.check().facts_hash() == before.facts_hash()
    guest.git(app, "commit", "-q", "--amend", "-m", "another", "--allow-empty")
    assert guest.check().facts_hash() != before.facts_hash()


# ---- could not look (H03) ----


def test_no_such_folder(guest: Guest) -> None:
    report = guest.check({"DVM_CODE_DIR": str(guest.home / "none")})
    assert report.verdict is Verdict.CHECK_FAILED
    assert "the folder does not exist" in report.summary()


def test_never_as_root(guest: Guest) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be refused")
    guest.repository()
    report = guest.check({"DVM_WORK_AS_ROOT": ""})
    assert report.problems == (f"{guest.code}: the check must not run as root",)


def test_git_is_missing(guest: Guest) -> None:
    guest.repository()
    (guest.code / "note").touch()
    tools = guest.home / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(shutil.which("python3", path=os.defpath) or "/none")
    report = guest.check({"DVM_WORK_PATH": str(tools)})
    assert report.verdict is Verdict.CHECK_FAILED
    assert report.problems == ("git: git is not installed",)
    assert report.loose.names == ("note",)


def test_no_room_for_temporary_files(guest: Guest) -> None:
    guest.repository()
    tools = guest.home / "tools"
    tools.mkdir()
    report = guest.check({"DVM_WORK_ROOM": f"{tools}/none:/proc"})
    assert report.problems == (f"{guest.code}: a temporary folder could not be created",)


def test_no_time_left(guest: Guest) -> None:
    app = guest.repository()
    (app / "new").touch()
    assert "the time limit was reached" in guest.check({"DVM_WORK_SECONDS": "0"}).summary()


def damage_object(app: Path) -> None:
    shutil.rmtree(app / ".git/objects")
    (app / ".git/objects").mkdir()


def damage_head(app: Path) -> None:
    (app / ".git/HEAD").write_text("nonsense\n")


def damage_reference(app: Path) -> None:
    (app / ".git/refs/heads/broken").write_text("nonsense\n")


def damage_index(app: Path) -> None:
    (app / ".git/index").write_bytes(b"DIRC nonsense")


def damage_config(app: Path) -> None:
    (app / ".git/config").write_text("[core\n")


def empty_git_folder(app: Path) -> None:
    shutil.rmtree(app / ".git")
    (app / ".git").mkdir()


def unknown_extension(app: Path) -> None:
    with (app / ".git/config").open("a") as config:
        config.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfromTheFuture = true\n")


def damage_git_file(app: Path) -> None:
    shutil.rmtree(app / ".git")
    (app / ".git").write_text("gitdir: ../nowhere\n")


@pytest.mark.parametrize(
    "damage",
    [
        damage_object,
        damage_head,
        damage_reference,
        damage_index,
        damage_config,
        empty_git_folder,
        unknown_extension,
        damage_git_file,
    ],
)
def test_a_repository_that_git_does_not_understand(guest: Guest, damage: object) -> None:
    app = guest.repository()
    guest.repository("well")
    (guest.code / "well/new").touch()
    assert callable(damage)
    damage(app)
    report = guest.check()
    assert report.verdict is Verdict.CHECK_FAILED
    assert report.problems[0].startswith("./app: ")
    assert any(r.path == "well" and r.untracked.count == 1 for r in report.repositories)


def test_unreadable_folder(open_guest: Guest, as_nobody: tuple[str, ...]) -> None:
    app = open_guest.repository()
    (app / "closed").mkdir(mode=0o700)
    report = open_guest.check(command=as_nobody)
    assert (report.problems, report.verdict) == ((), Verdict.UNSAVED_WORK)
    assert report.unseen == (Unseen("app/closed", "root"),)
    assert report.summary() == "1 folder that could not be read"
    assert "Not checked, because it could not be read: app/closed (owner root)" in report.lines()


@pytest.mark.parametrize(
    "closed",
    [
        "objects",
        "refs",
        "refs/heads",
        "refs/heads/main",
        "index",
        "worktrees",
        "worktrees/feature",
        "worktrees/feature/HEAD",
        "config",
        "packed-refs",
        ".",
    ],
)
def test_unreadable_part_of_a_repository(open_guest: Guest, as_nobody: tuple[str, ...], closed: str) -> None:
    app = open_guest.repository()
    open_guest.commit(app, "a")
    open_guest.git(app, "pack-refs", "--all")
    open_guest.git(app, "worktree", "add", "-q", "-b", "topic", str(open_guest.home / "feature"))
    open_guest.commit(app, "b")
    (app / ".git" / closed).chmod(0)
    assert open_guest.check(command=as_nobody).verdict is Verdict.CHECK_FAILED


def test_unreadable_submodules(open_guest: Guest, as_nobody: tuple[str, ...]) -> None:
    app = open_guest.repository()
    (app / ".git/modules").mkdir(mode=0o700)
    assert open_guest.check(command=as_nobody).verdict is Verdict.CHECK_FAILED


def test_repository_of_another_user(open_guest: Guest, as_nobody: tuple[str, ...]) -> None:
    """H09: git's "dubious ownership" hides nothing; the repository is root's, the look is nobody's."""
    app = open_guest.repository()
    (app / "new").touch()
    report = open_guest.check(command=as_nobody)
    assert report.problems == ()
    assert report.repositories[0].untracked == Names(1, ("new",))
