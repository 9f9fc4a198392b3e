"""Stand-in agents attack what the main user's tools would obey; the main user's own Git is the judge."""

from __future__ import annotations

import pytest

from tests.guest.agent.conftest import CODE, GIT, MAIN, Guest, some

pytestmark = pytest.mark.xdist_group("sandbox")
GUARDED = [
    ".git/config",
    ".git/hooks",
    ".git/modules/sub/config",
    ".git/modules/sub/hooks",
    ".git/worktrees/linked/commondir",
    ".git/worktrees/linked/gitdir",
    "sub/.git",
    "linked/.git",
    "nested/-odd\n name/.git/config",
    "bare.git/config",
    ".dvm",
    ".envrc",
    ".husky",
    ".gitmore",
]
FIXED = [".git", ".git/modules", ".git/modules/sub", ".git/worktrees", "nested/-odd\n name/.git", "bare.git"]
EVIL = "[core]\\n\\tfsmonitor = /workspace/evil\\n"


@pytest.mark.parametrize("path", some(GUARDED, 2))
def test_a_guarded_place_is_read_only_by_every_way(project: Guest, path: str) -> None:
    before = project.root(
        f"cd {CODE}; find . -path './.git/index' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"
    )
    done = project.agent(
        f"""p={path!r}
        p=$(printf "$p")
        try() {{ if "$@" 2>/dev/null; then echo "worked: $*"; fi; }}
        if [ -d "$p" ]; then try touch "$p/new"; for f in "$p"/*; do
            try sed -i s/a/b/ "$f"; try rm "$f"; done
        else try dd of="$p" conv=notrunc status=none </etc/passwd; fi
        try mv -T -- "$p" "$p.away"; try rm -r -- "$p"; echo evil >evil; try mv -fT -- evil "$p"; try ln -fT evil "$p"
        try ln -sfT -- evil "$p"; try truncate -s 0 -- "$p"; try chmod 777 -- "$p"; try setfacl -m u::rwx -- "$p"
        try mount -o remount,rw -- "$p"; try umount -- "$p"; ln -s -- "$PWD/$p" by-link; try truncate -s 0 by-link
        try unshare -Urm true; rm -f by-link evil"""
    )
    assert done.stdout == ""
    after = project.root(
        f"cd {CODE}; find . -path './.git/index' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"
    )
    assert after == before


@pytest.mark.parametrize("path", some(FIXED, 1))
def test_a_repository_cannot_be_moved_away(project: Guest, path: str) -> None:
    done = project.agent(f'p={path!r}; p=$(printf "$p"); mv -T -- "$p" "$p.away"; [ ! -e "$p.away" ]')
    assert (done.returncode, "Device or resource busy" in done.stderr) == (0, True), done.stderr


def test_an_agent_can_commit_and_the_user_goes_on_with_it(project: Guest) -> None:
    done = project.agent(
        "set -e; echo b >>file; mkdir new; echo c >new/file; umask 077; echo d >secret; git add file new secret"
        "; git -c user.name=A -c user.email=a@b commit -q --no-verify -m agent; git log --oneline | wc -l"
        "; git switch -qc branch; git stash list; git -C sub status --short"
    )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    project.main("echo more >>new/file; echo more >>secret; git switch -q main; git status --short")
    project.main(f"git add new && {GIT} commit -q --no-verify -m mine && git gc -q && git fsck")
    done = project.agent(
        "echo again >>new/file; git add new; git -c user.name=A -c user.email=a@b commit -qm x --no-verify"
    )
    assert done.returncode == 0, done.stderr


def test_a_code_dir_that_is_the_users_alone_is_shared_and_what_is_private_in_it_is_not(guest: Guest) -> None:
    guest.main("chmod 700 .; echo it >file; echo mine >private; chmod 600 private")
    done = guest.agent("cat file; echo new >made; cat private")
    assert (done.stdout, done.stderr.count("Permission denied")) == ("it\n", 1), done.stderr
    guest.main("cat made; stat -c %a private | grep -x 600")


def test_both_write_what_either_makes_and_a_private_file_stays_private(project: Guest) -> None:
    project.main(
        "echo mine >private; chmod 600 private; mkdir ours; (umask 077; echo ours >ours/closed); cp file ours/plain"
    )
    done = project.agent(
        "cat private ours/closed; echo b >>ours/plain; install -m 644 file installed"
        "; mkdir -m 755 theirs; install -m 600 file theirs/closed"
    )
    assert done.stderr.count("Permission denied") == 2
    project.main("echo more >>installed; echo more >>theirs/closed; echo new >theirs/new; echo more >>ours/plain")


def test_a_new_repository_of_the_agent_is_refused_by_git_as_dubious(project: Guest) -> None:
    """Git's own check, where the user goes into it: as the brief said, and as Git 2.35.2 and newer do."""
    project.agent("git init -q mine; mv nested n2; mkdir -p nested/x; git init -q nested/x")
    for name in ("mine", "nested/x"):
        assert "dubious ownership" in project.run("git", "-C", f"{CODE}/{name}", "status", user=MAIN).stderr


SUBMODULE = (  # a gitlink: Git goes into it by itself, and asks nothing of who owns it
    "set -e; printf '#!/bin/sh\\ntouch /tmp/pwned\\n' >evil; chmod 755 evil; mkdir mine; cd mine"
    "; git init -q; echo a >a; git add a; git -c user.name=A -c user.email=a@b commit -qm a; cd .."
    "; git update-index --add --cacheinfo "
    f"160000,$(git -C mine rev-parse HEAD),mine; git -C mine config core.fsmonitor {CODE}/evil"
)


def test_git_goes_into_an_agents_repository_by_itself_so_it_is_closed_in_the_end(project: Guest) -> None:
    """Measured with Git 2.39 and 2.47: without the look at the end `git status` runs what the agent wrote."""
    project.change("agent_project.py", "            if why:\n", "            if False:\n")
    assert project.agent(SUBMODULE).returncode == 0
    project.main("git status --short >/dev/null; ls /tmp/pwned; rm -rf /tmp/pwned mine; git rm -q --cached mine")
    project.change("agent_project.py", "            if False:\n", "            if why:\n")
    done = project.agent(SUBMODULE)
    assert "dvm: the agent's repository mine/.git has unsafe settings: your access to it was removed" in done.stderr
    project.run("git", "-C", CODE, "status", user=MAIN)
    project.root("test ! -e /tmp/pwned")
    assert project.agent("git -C mine log --oneline | wc -l").stdout == "1\n", "the agent still has it"


def test_a_harmless_repository_of_the_agent_stays_open(project: Guest) -> None:
    done = project.agent("git init -q mine; cd mine; git remote add origin https://example.org/x; echo a >a; git add a")
    assert "removed" not in done.stderr
    project.main("ls mine/.git/HEAD; cat mine/.git/config")


@pytest.mark.parametrize(
    ("attack", "name"),
    [
        (f"mkdir e; cp -r .git/. e; printf '{EVIL}' >>e/config; echo ../e >.git/commondir", "commondir"),
        (f"printf '{EVIL}' >.git/config.worktree", "config.worktree"),
    ],
)
def test_what_an_agent_adds_to_the_users_repository_is_put_aside(project: Guest, attack: str, name: str) -> None:
    done = project.agent(attack)
    assert f"dvm: .git/{name} came from the agent: it was renamed to {name}.from-agent-" in done.stderr
    project.main(f"git status --short; test ! -e .git/{name}; ls .git/{name}.from-agent-*")


def test_a_config_that_the_user_writes_meanwhile_is_the_users_in_the_end(project: Guest) -> None:
    """A mount of ours ends where the user's Git puts a new config in its place; rights and the last look remain."""
    project.root("mkfifo -m 666 /home/dvm-agent/go")
    script = (
        "echo started >>/home/dvm-agent/log; read x </home/dvm-agent/go; echo evil >>.git/config; "
        f"printf '{EVIL}' >mine; mv -f mine .git/config; true"
    )
    with project.started("bash", "-c", script) as process:
        project.root("until [ -s /home/dvm-agent/log ]; do :; done")
        project.main("git config user.email new@example.org")
        project.root("echo go >/home/dvm-agent/go")
        _, said = process.communicate(timeout=30)
    assert "Permission denied" in said, "not in place"
    assert ".git/config came from the agent" in said


@pytest.mark.parametrize(
    "set_up",
    some(
        [
            "ln -s /etc .git",
            "ln -s ../.. .dvm",
            "ln -s /home/ada/.ssh/id_ed25519 .envrc",
            "mkdir sub; ln -s /home/ada/.ssh sub/.git; ln -s / root",
            "git init -q .; rm -rf .git/hooks; ln -s /home/ada/.ssh .git/hooks",
            "git init -q .; git config core.hooksPath /home/ada/.ssh",
            "git init -q .; git config core.hooksPath ../../.ssh",
            "git init -q .; mv .git/config c; ln -s ../c .git/config",
            "mkfifo .envrc .git; mkdir a; mkfifo a/.dvm",
            "echo 'gitdir: /home/ada/.ssh' >.git",
            "mkdir -- -rf $'a\\nb' ' '; git init -q -- -rf/x; git init -q $'a\\nb'; touch -- -n '*' $'\\377'",
        ],
        1,
    ),
)
def test_a_hostile_project_steers_nothing(guest: Guest, set_up: str) -> None:
    guest.main(set_up)
    before = guest.root(
        "stat -c '%n %a %U %Y' /home/ada /home/ada/.ssh /home/ada/.ssh/* /etc /etc/passwd; cat /proc/mounts"
    )
    keys = ".git/id_ed25519 sub/.git/id_ed25519 .envrc .git/hooks/id_ed25519 root/home/ada/.ssh/id_ed25519"
    done = guest.agent(f"for file in {keys}; do [ ! -f $file ] || cat $file; done")
    assert "key" not in done.stdout
    after = guest.root(
        "stat -c '%n %a %U %Y' /home/ada /home/ada/.ssh /home/ada/.ssh/* /etc /etc/passwd; cat /proc/mounts"
    )
    assert after == before
    assert guest.sandbox()[-1] == "result passed"


@pytest.mark.parametrize(
    ("set_up", "why"),
    [
        ("true", "names hooks for hooks or settings, but that does not exist"),
        ("mkdir hooks; chown 4002 hooks", "that belongs to the agent"),
        ("ln -s . hooks", "that is a link"),
    ],
)
def test_where_the_users_git_would_run_what_the_agent_puts_there_no_agent_runs(
    guest: Guest, set_up: str, why: str
) -> None:
    guest.main("git init -q .; git config core.hooksPath hooks")
    guest.root(f"cd {CODE}; {set_up}")
    done = guest.agent("echo ran")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("dvm: Nothing was started.")
    assert why in done.stderr


def test_what_has_not_changed_is_not_looked_at_again_and_what_comes_from_elsewhere_is(project: Guest) -> None:
    project.change("launcher.py", "COARSE = 2_000_000_000", "COARSE = 0")
    project.main(
        "mkdir -m 755 ../away ../away/deep; echo x >../away/deep/file; touch -d '2020-01-01' ../away/deep/file"
    )
    for _ in range(2):
        project.agent("true")
    project.main("mv ../away moved; echo new >made; chmod 644 made")
    done = project.agent("echo y >>moved/deep/file; echo y >>made; echo y >>.envrc; echo y >>.git/config; cat made")
    assert done.stdout == "new\ny\n", done.stderr
    assert done.stderr.count(": Permission denied") + done.stderr.count(": Read-only file system") == 2
    project.main("cat moved/deep/file | grep y")
