"""Each layout of Git in docs/reference/unsaved-work-check.md is understood, or reported as not understood.

They run with this machine's git; `make test-recipes` runs them with the newest as well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import Names, UnsavedWorkReport, Verdict
from tests.guest.unsaved_work.conftest import Guest
from tests.places import TOP

DOCUMENT = TOP / "docs" / "reference" / "unsaved-work-check.md"
Test = Callable[[Guest], None]
LAYOUTS: dict[str, Test] = {}
REFUSED: dict[str, Test] = {}


def _version() -> tuple[int, ...]:
    said = subprocess.run(("git", "version"), capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.split()[2].split(".")[:2])


def layout(name: str) -> Callable[[Test], Test]:
    """A row of the first table: it is understood."""
    assert name not in LAYOUTS
    return lambda test: LAYOUTS.setdefault(name, test)


def refused(name: str) -> Callable[[Test], Test]:
    """A row of the second table: it is a failed check."""
    assert name not in REFUSED
    return lambda test: REFUSED.setdefault(name, test)


def needs_git(*version: int) -> None:
    if _version() < version:
        pytest.skip(f"needs git {'.'.join(map(str, version))}, here is {'.'.join(map(str, _version()))}")


def add_work(guest: Guest, folder: Path, *, is_committed: bool = True) -> None:
    """What a delete would lose: a commit that no remote has, and a new file."""
    if is_committed:
        guest.commit(folder, "mine", f"mine in {folder.name}")
    (folder / "new").write_text("new\n")


def assert_found(report: UnsavedWorkReport, path: str, kind: str, *, unpushed: int = 1) -> None:
    """The new file is told there, and the commit with that repository or with the one that holds its commits."""
    assert report.problems == ()
    (found,) = (one for one in report.repositories if one.path == path)
    assert (found.kind, found.untracked) == (kind, Names(1, ("new",)))
    assert sum(one.unpushed + one.unknown for one in report.repositories) == unpushed


def make_relative(guest: Guest, work_tree: Path) -> None:
    """What `worktree.useRelativePaths` writes: both pointers relative."""
    admin = Path((work_tree / ".git").read_text().removeprefix("gitdir: ").strip())
    (work_tree / ".git").write_text(f"gitdir: {os.path.relpath(admin, work_tree)}\n")
    (admin / "gitdir").write_text(f"{os.path.relpath(work_tree / '.git', admin)}\n")


def elsewhere(guest: Guest) -> Path:
    return guest.home / "elsewhere"


# ---- repositories ----


@layout("folder")
def a_git_folder(guest: Guest) -> None:
    app = guest.repository()
    add_work(guest, app)
    assert_found(guest.check(), "app", "worktree")


@layout("separate")
def a_git_folder_kept_apart(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "init", "-q", "--separate-git-dir", str(guest.home / "store"))
    add_work(guest, app)
    assert_found(guest.check(), "app", "worktree")


@layout("symlink")
def a_link_to_a_git_folder(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git").rename(guest.home / "store")
    (app / ".git").symlink_to("../../store")
    add_work(guest, app)
    assert_found(guest.check(), "app", "worktree")


@layout("bare")
def a_bare_repository(guest: Guest) -> None:
    app = guest.repository()
    guest.git(guest.code, "clone", "-q", "--bare", "app", "store.git")
    guest.git(guest.code / "store.git", "remote", "set-url", "origin", "https://forge.example/app.git")
    shutil.rmtree(app)
    (found,) = guest.check().repositories
    assert (found.path, found.kind, found.unknown) == ("store.git", "bare", 1)
    assert [(one.branch, one.reason, one.remote) for one in found.unsure] == [("main", "no-refspec", "origin")]


@layout("sha256")
def sha256_names(guest: Guest) -> None:
    add_work(guest, guest.repository("app", "--object-format=sha256"))
    assert_found(guest.check(), "app", "worktree")


@layout("shallow")
def a_shallow_clone(guest: Guest) -> None:
    app = guest.repository()
    guest.commit(app, "more")
    copy = clone(guest, app, "--depth=1")
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, copy)
    assert_found(guest.check(), "copy", "worktree")


@layout("partial")
def a_partial_clone(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "config", "uploadpack.allowFilter", "true")
    guest.commit(app, "file", "changed")
    copy = clone(guest, app, "--filter=blob:none")
    assert "partialclone" in (copy / ".git/config").read_text().lower()
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, copy)
    assert_found(guest.check(), "copy", "worktree")


@layout("sparse")
def a_sparse_checkout(guest: Guest) -> None:
    app = guest.repository()
    guest.commit(app, "other")
    guest.push(app)
    guest.git(app, "sparse-checkout", "set", "--no-cone", "/file")
    assert "worktreeconfig" in (app / ".git/config").read_text().lower()
    assert guest.check().verdict is Verdict.CLEAN
    (app / "other").write_text("written where git does not look\n")
    assert guest.look_at().has_unsaved_work


@layout("alternates")
def objects_of_another(guest: Guest) -> None:
    app = guest.repository()
    copy = clone(guest, app, "--shared", url=str(app), keep=True)
    add_work(guest, copy)
    assert_found(guest.check(), "copy", "worktree")


@layout("precious")
def precious_objects(guest: Guest) -> None:
    app = guest.repository()
    extend(guest, app, "preciousObjects", "true")
    add_work(guest, app)
    assert_found(guest.check(), "app", "worktree")


@layout("index")
def other_forms_of_the_index(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "update-index", "--index-version=4", "--split-index")
    add_work(guest, app)
    assert_found(guest.check(), "app", "worktree")


@layout("reftable")
def references_in_a_reftable(guest: Guest) -> None:
    needs_git(2, 45)
    app = guest.repository("app", "--ref-format=reftable")
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, app)
    assert_found(guest.check(), "app", "worktree")
    (app / "file").write_text("stashed\n")
    guest.git(app, "stash")
    assert guest.look_at().stashes == 1


@layout("reftable-linked")
def linked_work_tree_with_a_reftable(guest: Guest) -> None:
    needs_git(2, 45)
    app = guest.repository("app", "--ref-format=reftable")
    guest.git(app, "worktree", "add", "-q", "--detach", str(elsewhere(guest)))
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, elsewhere(guest))
    assert_found(guest.check(), str(elsewhere(guest)), "linked")
    guest.git(elsewhere(guest), "update-ref", "refs/worktree/mine", "HEAD")
    guest.git(elsewhere(guest), "reset", "-q", "--hard", "HEAD~1")
    assert_found(guest.check(), str(elsewhere(guest)), "linked")


# ---- linked work trees ----


@layout("linked")
def linked_inside(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "../feature")
    add_work(guest, guest.code / "feature")
    assert_found(guest.check(), "feature", "linked")


@layout("linked-outside")
def linked_outside(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", str(elsewhere(guest)))
    add_work(guest, elsewhere(guest))
    report = guest.check()
    assert_found(report, str(elsewhere(guest)), "linked")
    assert report.outside.count == 0


@layout("linked-relative")
def linked_by_relative_paths(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "../feature")
    make_relative(guest, guest.code / "feature")
    add_work(guest, guest.code / "feature")
    assert_found(guest.check(), "feature", "linked")


@layout("linked-relative-outside")
def linked_outside_by_relative_paths(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", str(elsewhere(guest)))
    make_relative(guest, elsewhere(guest))
    add_work(guest, elsewhere(guest))
    assert_found(guest.check(), str(elsewhere(guest)), "linked")


@layout("linked-use-relative")
def linked_with_use_relative_paths(guest: Guest) -> None:
    needs_git(2, 48)
    app = guest.repository()
    guest.git(app, "config", "worktree.useRelativePaths", "true")
    guest.git(app, "worktree", "add", "-q", str(elsewhere(guest)))
    assert "relativeworktrees" in (app / ".git/config").read_text().lower()
    assert (app / ".git/worktrees/elsewhere/gitdir").read_text().startswith("..")
    add_work(guest, elsewhere(guest))
    assert_found(guest.check(), str(elsewhere(guest)), "linked")


@layout("linked-gone")
def linked_and_gone(guest: Guest) -> None:
    app = guest.repository()
    for name in ("absolute", "relative"):
        guest.git(app, "worktree", "add", "-q", "--detach", f"../{name}")
        guest.commit(guest.code / name, "mine", name)
    make_relative(guest, guest.code / "relative")
    for name in ("absolute", "relative"):
        shutil.rmtree(guest.code / name)
    assert guest.look_at().unpushed == 2


@layout("linked-moved")
def linked_and_moved_by_hand(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "../feature")
    (guest.code / "feature").rename(guest.code / "moved")
    add_work(guest, guest.code / "moved", is_committed=False)
    assert_found(guest.check(), "moved", "linked", unpushed=0)


@layout("linked-bare")
def linked_beside_a_hidden_bare_repository(guest: Guest) -> None:
    app = guest.repository()
    project = guest.code / "project"
    project.mkdir()
    guest.git(project, "clone", "-q", "--bare", str(app), ".bare")
    shutil.rmtree(app)
    guest.git(project / ".bare", "remote", "set-url", "origin", "https://forge.example/app.git")
    guest.git(project / ".bare", "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    guest.git(project / ".bare", "update-ref", "refs/remotes/origin/main", "HEAD")
    (project / ".git").write_text("gitdir: ./.bare\n")
    guest.git(project, "worktree", "add", "-q", "-b", "topic", "topic")
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, project / "topic")
    assert_found(guest.check(), "project/topic", "linked")


@layout("linked-in-git")
def linked_below_the_git_folder(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", ".git/trees/feature")
    add_work(guest, app / ".git/trees/feature")
    assert_found(guest.check(), "app/.git/trees/feature", "linked")


@layout("linked-from-outside")
def linked_work_tree_of_a_repository_outside(guest: Guest) -> None:
    app = guest.repository()
    app.rename(guest.home / "app")
    guest.git(guest.home / "app", "worktree", "add", "-q", str(guest.code / "feature"))
    add_work(guest, guest.code / "feature")
    report = guest.check()
    assert_found(report, "feature", "linked")
    assert report.outside.names == ("~/app/.git",)


@layout("new-workdir")
def links_as_git_new_workdir_makes_them(guest: Guest) -> None:
    app = guest.repository()
    git = guest.code / "copy/.git"
    (git / "logs").mkdir(parents=True)
    for name in ("config", "refs", "logs/refs", "objects", "info", "hooks", "packed-refs"):
        (git / name).symlink_to(app / ".git" / name)
    (git / "HEAD").write_text("ref: refs/heads/other\n")
    guest.git(git.parent, "reset", "-q", "--hard", "main")
    add_work(guest, git.parent, is_committed=False)
    assert_found(guest.check(), "copy", "worktree", unpushed=0)


# ---- submodules ----


def add_submodule(guest: Guest, app: Path, name: str = "lib", url: str = "https://forge.example/lib.git") -> Path:
    origin = guest.home / f"origin-{name}"
    origin.mkdir()
    guest.git(origin, "init", "-q")
    guest.commit(origin, "a")
    guest.git(app, "submodule", "-q", "add", str(origin), name)
    guest.git(app, "commit", "-qm", name)
    guest.git(app / name, "remote", "set-url", "origin", url)
    shutil.rmtree(origin)
    return app / name


@layout("submodule")
def a_submodule(guest: Guest) -> None:
    app = guest.repository()
    lib = add_submodule(guest, app)
    guest.push(app)
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, lib)
    assert_found(guest.check(), "app/lib", "submodule")


@layout("submodule-nested")
def a_submodule_in_a_submodule(guest: Guest) -> None:
    app = guest.repository()
    lib = add_submodule(guest, app)
    inner = add_submodule(guest, lib, "inner")
    guest.push(lib)
    guest.git(app, "commit", "-qam", "inner")
    guest.push(app)
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, inner)
    assert_found(guest.check(), "app/lib/inner", "submodule")


@layout("submodule-folder")
def an_old_submodule_with_a_folder_of_its_own(guest: Guest) -> None:
    app = guest.repository()
    lib = add_submodule(guest, app)
    guest.push(app)
    git = app / ".git/modules/lib"
    (lib / ".git").unlink()
    git.rename(lib / ".git")
    guest.git(lib, "--work-tree=.", "config", "--unset", "core.worktree")
    assert guest.check().verdict is Verdict.CLEAN
    add_work(guest, lib)
    assert_found(guest.check(), "app/lib", "worktree")


@layout("submodule-gone")
def a_submodule_without_its_files(guest: Guest) -> None:
    app = guest.repository()
    lib = add_submodule(guest, app)
    guest.push(app)
    guest.git(lib, "switch", "-qc", "mine")
    guest.commit(lib, "mine")
    guest.git(app, "submodule", "-q", "deinit", "-f", "lib")
    assert guest.look_at("app/.git/modules/lib").unpushed == 1


@layout("submodule-linked")
def a_submodule_of_a_linked_work_tree(guest: Guest) -> None:
    app = guest.repository()
    add_submodule(guest, app)
    guest.push(app)
    guest.git(app / "lib", "update-ref", "refs/heads/main", "HEAD")
    guest.git(app, "worktree", "add", "-q", "--detach", str(elsewhere(guest)))
    guest.git(
        elsewhere(guest), "-c", f"submodule.lib.url={app}/.git/modules/lib", "submodule", "-q", "update", "--init"
    )
    guest.git(elsewhere(guest) / "lib", "remote", "set-url", "origin", "https://forge.example/lib.git")
    add_work(guest, elsewhere(guest) / "lib")
    assert_found(guest.check(), f"{elsewhere(guest)}/lib", "submodule")


# ---- what is not understood ----


def clone(guest: Guest, app: Path, *options: str, url: str = "", keep: bool = False) -> Path:
    """`code/copy`, whose remote lies away."""
    guest.git(guest.code, "clone", "-q", *options, url or f"file://{app}", "copy")
    guest.git(guest.code / "copy", "remote", "set-url", "origin", "https://forge.example/app.git")
    if not keep:
        shutil.rmtree(app)
    return guest.code / "copy"


def extend(guest: Guest, app: Path, name: str, value: str, version: int = 1) -> None:
    # By hand: git refuses to write some of them.
    with (app / ".git/config").open("a") as config:
        config.write(f"[core]\n\trepositoryformatversion = {version}\n[extensions]\n\t{name} = {value}\n")


@refused("extension")
def an_extension_of_the_future(guest: Guest) -> None:
    extend(guest, guest.repository(), "fromTheFuture", "true", version=1)


@refused("extension-0")
def an_extension_that_this_git_passes_over(guest: Guest) -> None:
    extend(guest, guest.repository(), "fromTheFuture", "true", version=0)


@refused("version")
def another_version_of_the_format(guest: Guest) -> None:
    app = guest.repository()
    config = app / ".git/config"
    config.write_text(config.read_text().replace("repositoryformatversion = 0", "repositoryformatversion = 2"))


@refused("ref-storage")
def another_store_of_references(guest: Guest) -> None:
    extend(guest, guest.repository(), "refStorage", "table-of-the-future")


@refused("object-format")
def other_names_of_objects(guest: Guest) -> None:
    extend(guest, guest.repository(), "objectFormat", "sha3")


@refused("git-file")
def a_git_file_that_says_something_else(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git").rename(guest.home / "store")
    (app / ".git").write_text(f"{guest.home}/store\n")


@refused("git-file-nowhere")
def a_git_file_that_leads_nowhere(guest: Guest) -> None:
    app = guest.repository()
    shutil.rmtree(app / ".git")
    (app / ".git").write_text("gitdir: ../nowhere\n")


@refused("git-file-elsewhere")
def a_git_file_that_leads_to_no_repository(guest: Guest) -> None:
    app = guest.repository()
    shutil.rmtree(app / ".git")
    (app / ".git").write_text("gitdir: /usr\n")


@refused("git-pipe")
def a_pipe_named_git(guest: Guest) -> None:
    app = guest.repository()
    shutil.rmtree(app / ".git")
    os.mkfifo(app / ".git")


@refused("commondir")
def a_commondir_that_leads_nowhere(guest: Guest) -> None:
    app = guest.repository()
    (app / ".git/commondir").write_text("../../nowhere\n")


@refused("commondir-foreign")
def a_commondir_of_a_repository_that_knows_nothing_of_it(guest: Guest) -> None:
    app = guest.repository()
    other = guest.repository("other")
    (app / ".git/commondir").write_text(f"{other}/.git\n")


@refused("commondir-bare")
def a_commondir_in_a_bare_repository(guest: Guest) -> None:
    app = guest.repository()
    guest.git(guest.code, "clone", "-q", "--bare", "app", "app.git")
    (guest.code / "app.git/commondir").write_text(f"{app}/.git\n")


def _linked_admin(guest: Guest) -> Path:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "--detach", str(elsewhere(guest)))
    return app / ".git/worktrees/elsewhere"


@refused("gitdir-missing")
def a_linked_work_tree_without_gitdir(guest: Guest) -> None:
    (_linked_admin(guest) / "gitdir").unlink()


@refused("gitdir-empty")
def a_linked_work_tree_with_an_empty_gitdir(guest: Guest) -> None:
    (_linked_admin(guest) / "gitdir").write_text("\n")


@refused("gitdir-other")
def a_gitdir_that_names_no_git_file(guest: Guest) -> None:
    (_linked_admin(guest) / "gitdir").write_text(f"{elsewhere(guest)}\n")


@refused("worktrees-entry")
def a_file_among_the_linked_work_trees(guest: Guest) -> None:
    (_linked_admin(guest).parent / "note").touch()


@refused("worktrees-link")
def a_link_among_the_linked_work_trees(guest: Guest) -> None:
    (_linked_admin(guest).parent / "link").symlink_to("elsewhere")


@refused("worktrees-file")
def worktrees_that_is_no_folder(guest: Guest) -> None:
    (guest.repository() / ".git/worktrees").touch()


@refused("linked-locked")
def a_locked_work_tree_that_is_not_there(guest: Guest) -> None:
    admin = _linked_admin(guest)
    (admin / "locked").touch()
    shutil.rmtree(elsewhere(guest))


@refused("head")
def a_head_that_says_something_else(guest: Guest) -> None:
    (guest.repository() / ".git/HEAD").write_text("branch: main\n")


@refused("linked-head")
def a_head_of_a_linked_work_tree_that_says_something_else(guest: Guest) -> None:
    (_linked_admin(guest) / "HEAD").write_text("\n")


# ---- all rows ----


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_layout(guest: Guest, name: str) -> None:
    LAYOUTS[name](guest)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_not_understood(guest: Guest, name: str) -> None:
    """A failed check with the path; what lies beside it is told all the same."""
    guest.repository("well")
    (guest.code / "well/new").touch()
    assert not guest.check().problems
    REFUSED[name](guest)
    report = guest.check()
    assert report.verdict is Verdict.CHECK_FAILED
    assert any("app" in problem for problem in report.problems), report.problems
    assert any(one.path == "well" and one.untracked.count for one in report.repositories)


def test_the_document_names_each_of_them() -> None:
    understood, _, not_understood = DOCUMENT.read_text("utf-8").partition("## Not understood")
    row = re.compile(r"^\| `([a-z0-9-]+)` \|", re.M)
    assert sorted(row.findall(understood)) == sorted(LAYOUTS)
    assert sorted(row.findall(not_understood)) == sorted(REFUSED)
