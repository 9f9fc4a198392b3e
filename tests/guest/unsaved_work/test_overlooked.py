"""H09: work in places where git itself sees nothing, and references and addresses that only look pushed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dvmweb.guest.unsaved_work import Names, Verdict
from dvmweb.guest.unsaved_work.words import NOT_CHECKED
from tests.guest.unsaved_work.conftest import Guest

# ---- folders of submodules ----


@pytest.fixture
def origin(guest: Guest) -> Path:
    """A repository outside the code folder, to be a submodule elsewhere."""
    origin = guest.home / "origin-of-lib"
    origin.mkdir()
    guest.git(origin, "init", "-q")
    guest.commit(origin, "a")
    return origin


@pytest.fixture
def app(guest: Guest, origin: Path) -> Path:
    """`code/app` with a pushed submodule `lib`."""
    app = guest.repository()
    guest.git(app, "submodule", "-q", "add", str(origin), "lib")
    guest.git(app, "commit", "-qm", "lib")
    guest.push(app)
    guest.git(app / "lib", "remote", "set-url", "origin", "https://forge.example/lib.git")
    return app


def test_files_in_the_folder_of_a_submodule_that_was_never_fetched(guest: Guest, app: Path) -> None:
    guest.git(guest.code, "clone", "-q", str(app), "copy")
    copy = guest.code / "copy"
    guest.git(copy, "remote", "set-url", "origin", "https://forge.example/app.git")
    shutil.rmtree(app)
    assert guest.check().verdict is Verdict.CLEAN
    (copy / "feature").touch()
    (copy / "lib/deep").mkdir()
    (copy / "lib/deep/feature.py").touch()
    assert guest.git(copy, "status", "--porcelain") == "?? feature"
    assert guest.look_at("copy").untracked == Names(2, ("feature", "lib/deep/feature.py"))


def test_committed_repository_whose_git_folder_was_removed(guest: Guest) -> None:
    app = guest.repository()
    inner = guest.repository("app/in ner")
    guest.git(app, "-c", "advice.addEmbeddedRepo=false", "add", "in ner")
    guest.git(app, "commit", "-qm", "inner")
    guest.push(app)
    assert guest.check().verdict is Verdict.CLEAN
    shutil.rmtree(inner / ".git")
    assert guest.look_at().untracked == Names(1, ("in ner/file",))


def test_repository_below_the_folder_of_a_submodule_that_was_never_fetched(guest: Guest, app: Path) -> None:
    guest.git(app, "submodule", "-q", "deinit", "-f", "lib")
    guest.repository("app/lib/inner")
    assert guest.check().verdict is Verdict.CLEAN
    (app / "lib/note").touch()
    assert guest.look_at().untracked == Names(1, ("lib/note",))


def test_linked_work_tree_outside_the_code_folder_with_a_submodule(guest: Guest, app: Path) -> None:
    outside = guest.home / "elsewhere"
    guest.git(app, "worktree", "add", "-q", "--detach", str(outside))
    guest.git(outside, "submodule", "-q", "update", "--init", "lib")
    guest.git(outside / "lib", "remote", "set-url", "origin", "https://forge.example/lib.git")
    assert guest.check().verdict is Verdict.CLEAN
    guest.commit(outside / "lib", "b")
    (outside / "lib/new").touch()
    found = guest.look_at(f"{outside}/lib")
    assert (found.kind, found.unpushed, found.untracked) == ("submodule", 1, Names(1, ("new",)))


def test_deinitialised_submodule_of_a_linked_work_tree_keeps_its_commits(guest: Guest, app: Path) -> None:
    guest.git(app, "worktree", "add", "-q", "--detach", "../feature")
    feature = guest.code / "feature"
    guest.git(feature, "submodule", "-q", "update", "--init", "lib")
    guest.git(feature / "lib", "remote", "set-url", "origin", "https://forge.example/lib.git")
    guest.commit(feature / "lib", "b")
    guest.git(feature, "submodule", "-q", "deinit", "-f", "lib")
    assert guest.look_at("app/.git/worktrees/feature/modules/lib").unpushed == 1


def test_linked_work_tree_around_the_code_folder(guest: Guest) -> None:
    """The home itself is a work tree: nothing in the code folder is looked at twice."""
    app = guest.repository()
    (app / "new").touch()
    guest.git(app, "worktree", "add", "-q", "--detach", str(guest.home / "home"))
    around = guest.home / "home"
    (guest.code).rename(around / "code")
    moved = Guest(around)
    guest.git(around / "code/app", "worktree", "repair", str(around))
    report = moved.check()
    assert report.problems == ()
    assert sorted(r.path for r in report.repositories) == [str(around), "app"]


# ---- what looks like a bare repository ----


def test_folder_that_looks_like_a_bare_repository(guest: Guest) -> None:
    folder = guest.code / "x"
    for name in ("objects/ab", "objects/cd", "refs/heads", "config.d"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("work.txt", "objects/ab/notes", "config.d/HEAD", "objects/info.txt"):
        (folder / name).touch()
    assert guest.check().loose.names == ("x/config.d/HEAD", "x/objects/ab/notes", "x/objects/info.txt", "x/work.txt")


def test_own_hooks_and_files_of_a_bare_repository(guest: Guest) -> None:
    app = guest.repository()
    guest.git(guest.code, "clone", "-q", "--bare", "app", "store.git")
    store = guest.code / "store.git"
    guest.git(store, "gc", "-q")
    guest.git(store, "update-server-info")
    (store / "hooks/pre-receive.sample").touch()
    assert guest.check().loose.count == 0
    (store / "hooks/post-receive").touch()
    (store / "notes").touch()
    assert app.exists()
    assert guest.check().loose.names == ("store.git/hooks/post-receive", "store.git/notes")


def test_own_files_in_a_git_folder_kept_apart(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "init", "-q", "--separate-git-dir", str(guest.code / "store"))
    assert guest.check().verdict is Verdict.CLEAN
    (guest.code / "store/notes").touch()
    assert guest.check().loose.names == ("store/notes",)


@pytest.mark.parametrize("ignored", ["target\n", "*\n"])
def test_ignored_bare_repository_of_which_only_a_part_is_tracked(guest: Guest, ignored: str) -> None:
    app = guest.repository()
    (app / ".git/info/exclude").write_text(ignored)
    guest.git(app, "clone", "-q", "--bare", ".", "target/repo.git")
    guest.commit(app, "file", "again")
    guest.git(app / "target/repo.git", "fetch", "-q", str(app), "main:topic")
    guest.git(app, "add", "-f", "target/repo.git/HEAD")
    guest.git(app, "commit", "-qm", "head")
    guest.push(app)
    assert guest.look_at("app/target/repo.git").unpushed == 2


# ---- what only looks pushed ----


def test_forged_commit_graph(guest: Guest) -> None:
    """The graph says that the pushed commit is the child, so that nothing is unpushed."""
    app = guest.repository()
    pushed = guest.git(app, "rev-parse", "HEAD")
    guest.commit(app, "a")
    own = guest.git(app, "rev-parse", "HEAD")
    guest.git(app, "commit-graph", "write", "--reachable")
    graph = app / ".git/objects/info/commit-graph"
    data = bytearray(graph.read_bytes())
    count, first = 2, data.index(b"".join(sorted((bytes.fromhex(pushed), bytes.fromhex(own)))))
    entries = first + 20 * count  # per commit: tree, two parents, generation and date
    positions = {commit: index for index, commit in enumerate(sorted((pushed, own)))}
    for commit, parent in ((pushed, positions[own]), (own, 0x70000000)):
        place = entries + 36 * positions[commit] + 20
        data[place : place + 4] = parent.to_bytes(4, "big")
    graph.chmod(0o644)
    graph.write_bytes(bytes(data))
    assert guest.git(app, "log", "--oneline", "HEAD", "--not", "origin/main") == ""
    assert guest.look_at().unpushed == 1


@pytest.mark.parametrize("name", ["HEAD", "deep/er/main"])
def test_symbolic_reference_out_of_the_remote(guest: Guest, name: str) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    guest.git(app, "symbolic-ref", f"refs/remotes/origin/{name}", "refs/heads/main")
    assert guest.look_at().unpushed == 1


@pytest.mark.parametrize("link", ["refs/remotes/origin/x", "refs/remotes/origin/deep", "refs/remotes/origin"])
def test_link_out_of_the_remote(guest: Guest, link: str) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    place = app / ".git" / link
    if place.is_dir():
        shutil.rmtree(place)
    place.symlink_to(app / ".git/refs/heads" / ("main" if link.endswith("x") else ""))
    assert guest.git(app, "log", "--oneline", "HEAD", "--not", "--remotes") == ""
    assert guest.look_at().unpushed >= 1


def test_link_in_the_place_of_all_remotes(guest: Guest) -> None:
    app = guest.repository()
    guest.commit(app, "a")
    (app / ".git/refs/heads/origin").mkdir()
    guest.git(app, "update-ref", "refs/heads/origin/x", "HEAD")
    shutil.rmtree(app / ".git/refs/remotes")
    (app / ".git/refs/remotes").symlink_to("heads")
    assert guest.look_at().unpushed == 2


def test_symbolic_reference_in_a_reftable(guest: Guest) -> None:
    """This git may know no reftable: its folder alone is enough to make the script ask git."""
    app = guest.repository()
    guest.commit(app, "a")
    (app / ".git/reftable").mkdir()
    guest.git(app, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
    assert guest.look_at().unpushed == 1


ODD_ADDRESSES = [
    "git@192.168.5.15:x.git",
    "https://10.0.0.7/x.git",
    "https://2130706433/x.git",
    "https://0x7f.1/x.git",
    "https://0x7f000001/x.git",
    "https://0.0.0/x.git",
    "https://127.1./x.git",
    "ssh://git@[::ffff:127.0.0.1]/x.git",
    "ssh://git@[0:0:0:0:0:0:0:1]:22/x.git",
    "git@[::1]:x.git",
    "[git@localhost:22]:x.git",
    "[localhost]:x.git",
    "ssh://[git@localhost]:22/x.git",
    "https://ip6-localhost/x.git",
    "https://ip6-loopback/x.git",
    "ssh://127.0.0.1%2f@forge.example/x.git",
    "https://127.0.0.1%2f@localhost/x.git",
    "https://localhost?@forge.example/x.git",
    "https://localhost#@forge.example/x.git",
    "https://localhost\\\\@forge.example/x.git",
    "https://lima-app.internal/x.git",
    "https://host.lima.internal:3000/x.git",
    "git@box.local:x.git",
    "https://LOCALHOST./x.git",
    "https://tracker.mapped.example/x.git",
    "https://bücher.example/x.git",
]


@pytest.mark.parametrize("url", ODD_ADDRESSES)
def test_an_address_that_may_be_the_vm_itself_is_no_remote(guest: Guest, url: str) -> None:
    hosts = guest.home / "hosts"
    hosts.write_text("10.1.1.1 forge.example\n127.0.1.1\tbox.example tracker.mapped.example # x\n")
    app = guest.repository(url="https://forge.example/x.git")
    config = app / ".git/config"
    config.write_text(config.read_text().replace("https://forge.example/x.git", url))
    report = guest.check({"DVM_HOSTS_FILE": str(hosts)})
    assert report.problems == ()
    assert (report.repositories[0].unpushed, report.repositories[0].has_remote) == (1, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://me%40firm.example@forge.example/x.git",
        "https://forge.example/a%20b/x.git",
        "https://forge.example/a:b@c/x.git",
        "git@forge-work:x.git",
        "git@ssh.forge.example:v3/x/y@z",
        "https://4chan.example/x.git",
        "https://forge.example:8443/x.git",
        "ssh://git@forge.example/~me/x.git",
        "https://git_hub.example./x.git",
    ],
)
def test_plain_addresses_lead_away(guest: Guest, url: str) -> None:
    guest.repository(url=url)
    assert guest.check().verdict is Verdict.CLEAN


# ---- what is half done ----


def test_stash_that_a_merge_has_made(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "switch", "-qc", "other")
    guest.commit(app, "file", "theirs")
    guest.git(app, "switch", "-q", "main")
    guest.commit(app, "file", "ours")
    guest.commit(app, "more")
    (app / "more").write_text("own")
    guest.git(app, "merge", "-q", "--autostash", "other", fails=True)
    (app / ".git/MERGE_HEAD").unlink()
    assert guest.look_at().operation == "merge"


@pytest.mark.parametrize("operation", ["cherry-pick", "revert"])
def test_commits_that_are_still_to_be_picked(guest: Guest, operation: str) -> None:
    app = guest.repository()
    guest.commit(app, "file", "one")
    guest.commit(app, "file", "two")
    guest.commit(app, "file", "three")
    guest.git(app, operation, "--no-edit", "HEAD~2", "HEAD~1", fails=True)
    (app / "file").write_text("solved\n")
    guest.git(app, "add", "file")
    guest.git(app, "commit", "-qm", "solved")
    assert not (app / ".git/CHERRY_PICK_HEAD").exists()
    assert not (app / ".git/REVERT_HEAD").exists()
    assert guest.look_at().operation == operation


@pytest.mark.parametrize("reference", ["refs/worktree/mine", "refs/bisect/bad", "refs/rewritten/on"])
@pytest.mark.parametrize("is_main", [False, True])
def test_references_of_another_work_tree(guest: Guest, reference: str, is_main: bool) -> None:
    app = guest.repository()
    feature = guest.code / "a-feature"
    guest.git(app, "worktree", "add", "-q", "--detach", "../a-feature")
    place = app if is_main else feature
    guest.commit(place, "a")
    guest.git(place, "update-ref", reference, "HEAD")
    guest.git(place, "reset", "-q", "--hard", "HEAD~1")
    assert sum(r.unpushed for r in guest.check().repositories) == 1
    if is_main:  # the main work tree lies elsewhere: the linked one tells its commits
        app.rename(guest.home / "app")
        guest.git(guest.home / "app", "worktree", "repair", str(feature))
        assert guest.look_at("a-feature").unpushed == 1


def test_broken_reference_of_another_work_tree(guest: Guest) -> None:
    app = guest.repository()
    guest.git(app, "worktree", "add", "-q", "--detach", "../feature")
    (app / ".git/worktrees/feature/refs/worktree").mkdir(parents=True)
    (app / ".git/worktrees/feature/refs/worktree/x").write_text("main..\n")
    assert guest.check().verdict is Verdict.CHECK_FAILED


# ---- what cannot be decided is said ----


@pytest.mark.parametrize("word", ["LFS", "hooks", "pushed", "alias"])
def test_what_is_not_looked_at_is_said(guest: Guest, word: str) -> None:
    assert word in NOT_CHECKED
    assert guest.check().lines()[-1] == NOT_CHECKED
