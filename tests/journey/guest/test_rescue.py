"""The work of a VM goes into one file, and into another VM, where everything is back; what is missing is named."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from dvmweb import plans
from dvmweb.errors import CheckFailed, DvmError, NotNow
from dvmweb.lima.script_payload import GuestScript
from dvmweb.plans import PlanInput
from dvmweb.verbs.rescue import rescue
from dvmweb.verbs.vms import Vms
from tests.journey.driver import User, Vm

GIT = "git -c user.email=a@b -c user.name=A -c init.defaultBranch=main"
# Every kind of work that the issue names.
WORK = f"""
g() {{ {GIT} "$@"; }}
g init -q; g commit -q --allow-empty -m zero
echo one > one; echo keep > keep; printf 'a\\0b' > bin; printf '.env\\nnode_modules\\n' > .gitignore
g add .; g commit -qm one; g tag first
echo two > two; g add two; g commit -qm two
echo stashed >> one; g stash -q -m 'first stash'
echo other >> one; g stash -q -m 'second stash'
g branch side HEAD~1
g worktree add -q linked side
echo linked >> linked/one; echo loose > linked/loose
echo staged > staged; g add staged; echo more >> keep; g add keep; echo again >> keep
printf 'a\\0c\\0d' > bin; rm two; chmod +x one
mkdir -p 'new folder/deep'; echo u > 'new folder/deep/naïve'; ln -s ../keep 'new folder/link'
echo SECRET > .env; mkdir node_modules; echo x > node_modules/x
mkdir nested; cd nested; g init -q; echo n > n; g add n; g commit -qm nested; echo nn >> n; cd ..
mkdir empty; cd empty; g init -q; echo e > e; g add e; echo ee > ee; cd ..
"""
# What must be the same before and after, in one repository.
SEEN = f"""
g() {{ {GIT} "$@"; }}
g log --format=%H%s HEAD; g stash list --format='%H %gs'; g diff --binary; g diff --cached --binary
g status --porcelain; g for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags
cd linked; g log --format=%H; g diff; g status --porcelain; g rev-parse --abbrev-ref HEAD; cd ..
cd nested; g log --format=%H; g diff; cd ../empty; g diff --cached; g status --porcelain; cd ..
cat .env 'new folder/deep/naïve'; readlink 'new folder/link'; test -x one; g worktree list | wc -l
"""


@pytest.fixture
def other(user: User, app: Vm) -> Vm:
    return user.has_vm("other")


def test_loose_files_are_those_outside_of_the_repositories(user: User, app: Vm, tmp_path: Path) -> None:
    app.runs(f"""
        mkdir repo; cd repo; {GIT} init -q; echo one > one; {GIT} add one; {GIT} commit -qm one
        echo staged >> one; {GIT} add one; echo more >> one; echo untracked > new; cd ..
        echo a > first; mkdir folder; echo b > folder/second; ln -s first link
    """)
    user.dvm(f"rescue app {tmp_path / 'app.tar'}").succeeds().warns("1 repository, 3 loose files, ")


def test_everything_is_back_in_another_vm(user: User, app: Vm, other: Vm, tmp_path: Path) -> None:
    app.runs(WORK)
    before, status = app.runs(SEEN), app.runs("git status --porcelain")
    user.dvm("rescue app --into other").succeeds().warns("4 repositories", "Restored: other:~/code/other/rescued/app")
    assert other.runs(f"cd rescued/app; {SEEN}") == before
    assert app.runs("git status --porcelain") == status
    assert other.runs("ls rescued/app/node_modules 2>&1 || true").startswith("ls:")
    user.dvm("rescue app --into other").exits("usage error", "rescued/app exists already.")

    file = tmp_path / "app.tar"
    user.dvm(f"rescue app {file}").succeeds().prints(str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    user.dvm(f"rescue app {file}").exits("usage error", "exists already.", "--force")
    user.dvm(f"rescue app {file} --force").succeeds()
    other.runs("rm -rf rescued/app")
    user.dvm(f"rescue app --from {file} --into other").succeeds()
    assert other.runs(f"cd rescued/app; {SEEN}") == before
    assert [path.name for path in tmp_path.iterdir()] == ["app.tar"]

    user.dvm(f"cp {file} other:").succeeds()
    by_hand = """
    mkdir ~/parts; tar -xf app.tar -C ~/parts; git init -q -b main app; cd app; parts=$(echo ~/parts/1-*)
    git fetch -q --update-head-ok $parts/all.bundle '+refs/*:refs/*'; git checkout -q main
    git apply --index $parts/staged.patch; git apply $parts/unstaged.patch; cp -a $parts/files/. .
    """
    seen = "git diff --binary; git diff --cached --binary; git log --format=%H; git stash show -p"
    other.runs(by_hand)  # as in docs/guides/rescue-work.md
    assert other.runs(f"cd app; {seen} refs/rescued/stash/0; cat .env") == app.runs(f"{seen}; cat .env")


def test_unusual_repositories_come_back_too(user: User, app: Vm, other: Vm) -> None:
    app.runs(
        f"""
        g() {{ {GIT} -c protocol.file.allow=always "$@"; }}
        repo() {{ mkdir "$1"; cd "$1"; g init -q $2; for i in 1 2 3; do echo $i > f; g add f; g commit -qm $i; done; }}
        (repo origin); (repo sha256 --object-format=sha256; echo x > f)
        g clone -q --depth 1 "file://$PWD/origin" shallow; (cd shallow; echo s > s; g add s; g commit -qm mine)
        g clone -q --bare origin bare.git
        (repo detached; g checkout -q HEAD~1; echo d > f; g commit -qam only-here; g reset -q --hard HEAD~1
            echo e > f; g commit -qam in-reflog; g reset -q --hard HEAD~1; rm .git/ORIG_HEAD)
        (repo parent; g submodule --quiet add "$PWD/../origin" sub; cd sub; echo u > u; g add u; g commit -qm in-sub)
        (cd origin; g bisect start -q; printf '#!/bin/sh\\n' > .git/hooks/pre-commit; echo '*.tmp' > .git/info/exclude)
        """
    )
    seen = """
        git -C sha256 log --format=%H; git -C sha256 diff; git -C shallow log --format=%H; git -C shallow remote -v
        git -C bare.git log --format=%H main; git -C detached log --format=%s; git -C detached status --porcelain
        git -C parent/sub log --format=%H; git -C parent diff --cached; cat origin/.git/info/exclude
    """
    before = app.runs(seen)
    user.dvm("rescue app --into other").exits("failed", "origin: the unfinished bisect is not restored")
    assert other.runs(f"cd rescued/app; {seen}") == before
    lost = "git -C detached log --format=%s $(git -C detached for-each-ref --format='%(refname)' refs/rescued)"
    found = other.runs(f"cd rescued/app; {lost}")
    assert ("only-here" in found, "in-reflog" in found) == (True, True)


def test_what_cannot_be_rescued_is_named_and_the_rest_is_there(user: User, app: Vm, other: Vm, tmp_path: Path) -> None:
    app.runs(
        f"""
        g() {{ {GIT} "$@"; }}
        repo() {{ mkdir "$1"; cd "$1"; g init -q; echo x > f; g add f; g commit -qm one; }}
        (repo broken-ref; echo nonsense > .git/refs/heads/odd; g branch kept)
        (repo lost-object; g branch kept; echo y > f; g commit -qam two
            rm ".git/objects/$(g rev-parse HEAD:f | sed 's,..,&/,')")
        (repo no-head; rm .git/HEAD; echo keep > note)
        (repo unknown; g config core.repositoryformatversion 9; echo keep > note)
        (repo conflict; g checkout -qb a; echo a > f; g commit -qam a; g checkout -q main; echo b > f; g commit -qam b
            g merge a >/dev/null || true; grep -q '<<<<' f)
        (repo index; echo rubbish > .git/index; echo changed > f)
        mkdir odd; mkfifo odd/pipe; printf x > odd/$'a\\tb'
        mkdir ~/elsewhere; cd ~/elsewhere; g init -q
        """
    )
    file = tmp_path / "app.tar"
    said = user.dvm(f"rescue app {file}").fails(
        "Partly rescued. Missing:",
        "broken-ref: git for-each-ref: warning: ignoring broken ref refs/heads/odd",
        "lost-object: refs/heads/main is missing: its objects are damaged or not all here",
        "no-head",
        "unknown: has repositoryformatversion 9",
        "conflict: a merge conflict is not restored",
        "index: Git cannot list its changes; all its files were taken",
        "odd/pipe: it is a named pipe",
        "its name has control characters",
        "Not rescued, because it is outside the code folder: ~/elsewhere",
    )
    assert "kept is missing" not in said.err
    user.dvm(f"rescue app --from {file} --into other").exits("failed")
    there = other.runs(
        """
        cd rescued/app
        git -C broken-ref rev-parse -q --verify kept >/dev/null && echo broken-ref
        git -C lost-object log --format=%s kept
        cat no-head/note unknown/note index/f; cat conflict/f; git -C conflict log --format=%s main
        git -C conflict log --format=%s -1 a
        """
    )
    assert there == ("broken-ref\none\nkeep\nkeep\nchanged\n<<<<<<< HEAD\nb\n=======\na\n>>>>>>> a\nb\none\na\n")


def test_nothing_of_a_repository_runs_on_either_side(user: User, app: Vm, other: Vm) -> None:
    trap = "echo ran >> ~/trap; cat"
    app.runs(
        f"""
        g() {{ {GIT} "$@"; }}
        g init -q; echo x > f; printf 'f filter=evil diff=evil\n' > .gitattributes; g add .; g commit -qm one
        echo y > f; echo z > g; g add g; g stash -q; g stash apply -q
        for key in filter.evil.clean filter.evil.smudge filter.evil.process diff.evil.textconv diff.evil.command \
            diff.external core.fsmonitor core.pager core.sshCommand gpg.program core.alternateRefsCommand; do
            g config "$key" '{trap}'
        done
        mkdir -p .git/hooks my-hooks
        for hook in post-checkout post-index-change reference-transaction pre-commit post-merge; do
            printf '#!/bin/sh\n{trap}\n' | tee .git/hooks/$hook my-hooks/$hook >/dev/null
            chmod +x .git/hooks/$hook my-hooks/$hook
        done
        rm -f ~/trap
        """
    )
    user.dvm("rescue app --into other").succeeds()
    assert app.runs("cat ~/trap 2>/dev/null || echo none") == "none\n"
    other.runs("cd rescued/app && git status >/dev/null && git stash list >/dev/null && git checkout -q -b new")
    assert other.runs("cat ~/trap 2>/dev/null || echo none") == "none\n"
    assert other.runs("cat rescued/app/f; ls rescued/app/.git/rescued; test ! -e .git/hooks && echo no") == (
        "y\nconfig\nhooks\nno\n"
    )


READY = 'printf "%s\\0" dvm-answer rescue_out 1 "$DVM_NONCE" ready 3 "$DVM_HOST" "$DVM_INSTANCE" "$DVM_ID" archive 0'
END = 'printf "%s\\0" done 3 0 0 0 end 1 "$DVM_NONCE"'
FRAME = b"D\0\0\0\5hello"
LAST = b"E\0\0\0\0"


def test_a_stream_that_is_cut_or_odd_leaves_no_file(
    user: User, app: Vm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = plans.rescuing_out

    def guest_answers(sent: bytes, end: str, **variables: str) -> None:
        def script(plan_input: PlanInput) -> GuestScript:
            octal = "".join(f"\\{byte:03o}" for byte in sent)
            asked_for = {**asked(plan_input).variables, **variables}
            return GuestScript(f"{READY}; printf '{octal}'; {end}", {}, asked_for)

        monkeypatch.setattr(plans, "rescuing_out", script)

    file, vms = tmp_path / "x.tar", Vms(user.paths, user.home.environ)
    whole = 'printf "%s\\0" end 1 "$DVM_NONCE"'
    cases: tuple[tuple[bytes, str, type[DvmError], str], ...] = (
        (FRAME, "true", NotNow, "incomplete"),
        (FRAME + LAST, "true", CheckFailed, "answer is incomplete"),
        (FRAME + LAST, whole, CheckFailed, "invalid response"),
        (b"Dxxxx", whole, CheckFailed, "invalid response"),
        (b"T\0\0\0\1x", whole, CheckFailed, "invalid response"),
        (b"", whole, CheckFailed, "invalid response"),
    )
    for sent, end, error, text in cases:
        guest_answers(sent, end)
        with pytest.raises(error, match=text):
            rescue(vms, "app", file)
        assert not list(tmp_path.iterdir())
    guest_answers(FRAME + LAST, END, DVM_ID="0" * 32)
    with pytest.raises(CheckFailed, match="The guest that answered is not app"):
        rescue(vms, "app", file)
    assert not list(tmp_path.iterdir())
    guest_answers(FRAME + LAST, END)
    assert rescue(vms, "app", file).size == len(b"hello")
    assert file.read_bytes() == b"hello"


@pytest.mark.slow
def test_a_rescue_that_a_hostile_guest_made_stays_in_its_folder(user: User, other: Vm, tmp_path: Path) -> None:
    def archive(facts: object, *names: str) -> Path:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in ((("rescue.json", json.dumps(facts).encode())), *((name, b"evil") for name in names)):
                header = tarfile.TarInfo(name)
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
        file = tmp_path / "evil.tar"
        file.write_bytes(out.getvalue())
        return file

    def one(**facts: object) -> dict[str, object]:
        return {"folder": "1-x", "path": "x", "kind": "worktree", "of": None, "head": "refs/heads/main", **facts}

    before = other.runs("cd ~; find . -path ./code -prune -o -type f -print | sort")
    for number, (repositories, names) in enumerate(
        (
            ([one(path="../../../up")], ()),
            ([one(path="x/.git/hooks")], ()),
            ([one(folder="../..")], ()),
            ([one(links=[["a", "/"]]), one(path="x/a/tmp", folder="2-x")], ("1-x/files/a/b",)),
            ([one(links=[["../../../l", "/"], [".git/hooks", "/tmp"]])], ("1-x/files/.git/hooks/pre-commit",)),
            ([one(head="--evil", config=[["core.fsmonitor", "touch ~/ran"], ["remote.o.vcs", "x"]])], ()),
            (["no dictionary", 7], ("loose/../../up", "loose/.git/config")),
        )
    ):
        file = archive({"version": 1, "repositories": repositories}, *names)
        user.dvm(f"rescue evil{number} --from {file} --into other")
        other.runs(
            f"cd rescued/evil{number} 2>/dev/null || exit 0; find . -name x -type d -exec git -C {{}} status \\;"
        )
    file.write_bytes(b"no archive")
    user.dvm(f"rescue evil --from {file} --into other").exits("usage error", "it is not a whole rescue file")
    assert other.runs("cd ~; find . -path ./code -prune -o -type f -print | sort") == before
    assert other.runs("ls -A ~/code/other; find ~/code -path '*/.git/hooks' -o -name .dvm-*") == ("rescued\n")
    assert other.runs("cat rescued/evil5/x/.git/config | grep -c 'fsmonitor\\|vcs' || true") == "0\n"


def test_wrong_words_are_refused_with_what_helps(user: User, app: Vm, tmp_path: Path) -> None:
    for words, how, texts in (
        ("rescue none", "not found", ("none",)),
        ("rescue app --into app", "usage error", ("app is the VM itself.",)),
        ("rescue app --into none", "not found", ("none",)),
        (f"rescue app {tmp_path}/x --into other", "usage error", ("Both FILE and --into",)),
        ("rescue app --from x.tar", "usage error", ("--from needs --into.",)),
        (f"rescue app --from {tmp_path}/none --into app", "not found", ("There is no file",)),
        (f"rescue app {tmp_path}/no/x", "usage error", ("There is no folder",)),
        (f"rescue app {user.home.home}/.ssh/x", "usage error", ("Nothing from a VM is written to",)),
    ):
        user.dvm(words).exits(how, *texts)
    user.dvm("stop app").succeeds()
    user.dvm(f"rescue app {tmp_path}").exits("check failed", "app is Stopped.", "dvm start app")
    assert not list(tmp_path.iterdir())
