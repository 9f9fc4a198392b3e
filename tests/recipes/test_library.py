"""_lib.sh, and each bundled recipe applied twice on stand-ins for both package families."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from tests import places
from tests.guest.conftest import Guest, Ordinary, make_program
from tests.places import GUEST, RECIPES
from tests.recipes.releases import mirror_of
from tests.recipes.services import CLOUDFLARED, LLAMA, TAILNET

START = 'set -euo pipefail\n. "$DVM_LIB"\n'
DONE = re.compile(r"a{64} done [0-9]{10}\n")
GIT = {"DVM_USER_NAME": "Ada L.", "DVM_USER_EMAIL": "ada@example.org"}
DOTFILES = {
    "DVM_CHEZMOI_REPO": "https://example.org/dotfiles",
    "DVM_CHEZMOI_NAME": 'Ada "L" \\ x',
    **{f"DVM_CHEZMOI_{name}": "" for name in ("ROLE", "EMAIL", "SIGNING_KEY", "DEPLOY_KEY", "CONFIG_TOML")},
}
PARAMS = {
    "git": GIT,
    "python": {"DVM_UV_VERSION": ""},
    "node": {"DVM_COREPACK_VERSION": "0.34.0"},
    "chezmoi": DOTFILES,
    "llama": LLAMA,
    "cloudflared": CLOUDFLARED,
    "tailscale": TAILNET,
    "agent-user": {"DVM_AGENT_USER": "dvm-agent"},
    "claude": {"DVM_CLAUDE_VERSION": "latest", "DVM_CLAUDE_BYPASS": "1"},
    "codex": {"DVM_CODEX_VERSION": "latest", "DVM_CODEX_YOLO": "1"},
    "opencode": {"DVM_OPENCODE_VERSION": "latest", "DVM_OPENCODE_ASK": "0"},
    "example": {"DVM_EXAMPLE_PORT": "8000"},
    "mistral": {"DVM_MISTRAL_VERSION": "latest", "DVM_MISTRAL_ASK": "0"},
}
BUNDLED = sorted(file.stem for file in RECIPES.glob("*/*.sh"))


def lib(guest: Guest, line: str) -> subprocess.CompletedProcess[bytes]:
    return guest.apply("mine", text=START + line)


def family(guest: Guest) -> str:
    return "fedora" if "fedora" in (guest.root / "etc/os-release").read_text() else "debian"


# The server of `example` outlives its recipe: test_example.py runs that one.
@pytest.mark.parametrize("recipe", [name for name in BUNDLED if name != "example"])
def test_a_recipe_is_safe_to_run_twice(distribution: Guest, ordinary: Ordinary, recipe: str) -> None:
    guest = ordinary(distribution) if recipe == "docker" else distribution
    releases = mirror_of(guest, recipe)
    first = guest.apply(recipe, PARAMS.get(recipe, {}), releases=releases)
    assert first.returncode == 0, first.stdout + first.stderr
    assert DONE.fullmatch(guest.record(recipe))
    assert probe_works(guest, recipe)
    installed, files = guest.log, home_files(guest)
    second = guest.apply(recipe, PARAMS.get(recipe, {}), releases=releases)
    assert second.returncode == 0, second.stdout + second.stderr
    assert home_files(guest) == files
    new = [line for line in guest.log[len(installed) :] if re.search(" install|^usermod|^curl", line)]
    assert new == [], "the second run installed or changed something"
    assert probe_works(guest, recipe)


def probe_works(guest: Guest, recipe: str) -> bool:
    """The probe line, with the stand-ins on PATH that a login shell of a real guest would not have."""
    (probe,) = re.findall("^# probe: (.*)$", places.recipe(recipe).read_text(), re.M)
    argv = (*guest.prefix, "bash", "-c", probe)
    done = subprocess.run(argv, env=guest.environment(), cwd=guest.home, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def home_files(guest: Guest) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in guest.home.rglob("*") if path.is_file()}


def test_each_family_gets_its_own_names(distribution: Guest) -> None:
    assert distribution.apply("baseline").returncode == 0
    client = {"fedora": "openssh-clients", "debian": "openssh-client"}[family(distribution)]
    tool = {"fedora": "dnf5", "debian": "apt-get"}[family(distribution)]
    (line,) = [line for line in distribution.log if line.startswith(tool) and "git curl" in line]
    assert line.split() == [
        *(tool, family(distribution)),
        *("git", "curl", "ca-certificates", "tar", "less", "sudo", "acl", "bubblewrap", client),
    ]


def test_only_what_is_missing_is_installed(distribution: Guest) -> None:
    (distribution.fake / "installed").write_text("git\n")
    assert lib(distribution, "pkg_install git tmux").returncode == 0
    assert next(line for line in distribution.log if "tmux" in line).endswith(f"{family(distribution)} tmux")


def test_an_unknown_package_fails_with_its_name(distribution: Guest) -> None:
    done = lib(distribution, "pkg_install no-such-thing; echo after")
    assert done.returncode == 1
    assert b"No match for argument: no-such-thing" in done.stderr
    assert b"could not install no-such-thing" in done.stderr
    assert b"after" not in done.stdout
    assert distribution.record("mine") == ""


def test_lists_are_read_once_a_run(distribution: Guest) -> None:
    assert lib(distribution, "pkg_install tmux; pkg_install git; pkg_install zsh").returncode == 0
    assert distribution.log.count("apt-get update") == (1 if family(distribution) == "debian" else 0)


@pytest.mark.parametrize("distribution", ["debian"], indirect=True)
def test_apt_waits_for_a_busy_list_lock_only(distribution: Guest) -> None:
    (distribution.fake / "update-code").write_text("100")
    assert lib(distribution, "pkg_install tmux").returncode == 1
    assert distribution.log.count("apt-get update") == 1, "another failure is not tried again"
    busy = "E: Could not get lock /var/lib/apt/lists/lock"
    make_program(
        distribution.fake / "bin/apt-get",
        f'case "$*" in *update*) [ -e "$FAKE/free" ] || {{ touch "$FAKE/free"; echo "{busy}" >&2; exit 100; }} ;;\n'
        f'*) exec "$FAKE/install" apt-get debian tmux ;; esac',
    )
    done = lib(distribution, "dvm_apt_wait=0\npkg_install tmux")
    assert done.returncode == 0, done.stderr
    assert b"waiting (attempt 1 of 12)" in done.stdout


def test_root_steps_go_through_sudo_without_a_password(distribution: Guest, ordinary: Ordinary) -> None:
    user = ordinary(distribution)
    done = user.apply("tmux")
    assert done.returncode == 0, done.stderr
    assert set(user.sudo_log) == {"-n"}


def test_a_missing_sudo_is_told(guest: Guest, ordinary: Ordinary) -> None:
    make_program(guest.fake / "bin/sudo", "echo 'sudo: a password is required' >&2; exit 1")
    done = ordinary(guest).apply("mine", text=START)
    assert done.returncode == 1
    assert b"sudo -n true" in done.stderr


def test_another_system_is_told_what_to_do(guest: Guest) -> None:
    (guest.root / "etc/os-release").write_text("ID=alpine\n")
    done = lib(guest, "pkg_install no-such-thing debian:other")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: this guest is not Fedora, Debian or Ubuntu; install manually: no-such-thing")


def test_the_demo_says_not_run_and_makes_no_tick(distribution: Guest) -> None:
    distribution.make_demo()
    done = lib(distribution, "pkg_install git no-such-thing; echo after")
    assert done.returncode == 69
    assert done.stdout == b"Skipped in the demo: would install `no-such-thing`\n", "git runs here, so it is there"
    assert re.fullmatch(r"a{64} not-run [0-9]{10}\n", distribution.record("mine"))
    assert distribution.log == []


def test_the_demo_never_changes_a_login_shell(distribution: Guest) -> None:
    distribution.make_demo()
    (distribution.fake / "installed").write_text("zsh\nshadow-utils\npasswd\n")
    make_program(distribution.fake / "bin/zsh", "true")
    assert distribution.apply("zsh").returncode == 69
    assert (distribution.fake / "shell").read_text() == "/bin/bash\n"
    assert "HISTFILE" in (distribution.home / ".zshrc").read_text()


def test_zsh_becomes_the_login_shell_and_an_own_zshrc_stays(distribution: Guest) -> None:
    (distribution.home / ".zshrc").write_text("mine")
    assert distribution.apply("zsh").returncode == 0
    assert (distribution.fake / "shell").read_text() == f"{distribution.fake}/bin/zsh\n"
    assert (distribution.home / ".zshrc").read_text() == "mine"


def test_an_own_tmux_conf_stays(distribution: Guest) -> None:
    (distribution.home / ".config/tmux").mkdir(parents=True)
    (distribution.home / ".config/tmux/tmux.conf").touch()
    assert distribution.apply("tmux").returncode == 0
    assert not (distribution.home / ".tmux.conf").exists()


def test_git_keeps_what_the_user_has_set(distribution: Guest) -> None:
    (distribution.home / ".gitconfig").write_text("[pull]\n ff = false\n[user]\n name = Old\n")
    assert distribution.apply("git", GIT).returncode == 0
    config = (distribution.home / ".gitconfig").read_text()
    assert "ff = false" in config
    assert "name = Ada L." in config
    assert "defaultBranch = main" in config
    again = distribution.apply("git", {"DVM_USER_NAME": "", "DVM_USER_EMAIL": ""})
    assert again.returncode == 0
    assert b"Name or email is not set" not in again.stdout
    assert (distribution.home / ".gitconfig").read_text() == config


def test_git_says_what_an_empty_name_means(distribution: Guest) -> None:
    done = distribution.apply("git", {"DVM_USER_NAME": "Ada", "DVM_USER_EMAIL": ""})
    assert done.returncode == 0
    assert (
        b"Name or email is not set: Git asks for it at the first commit. Set user_name and user_email in the config\n"
        in done.stdout
    )
    assert b"Name or email is not set" not in distribution.apply("git", GIT).stdout


@pytest.mark.parametrize(
    ("node", "asked", "installed"),
    [
        ("v22.1.0", "0.34.0", "0.34.0"),
        ("v24.0.0", "latest", "latest"),
        ("v18.19.0", "0.34.0", "0.33.0"),
        ("v18.19.0", "latest", "0.33.0"),
        ("v18.19.0", "1.0.0", "0.33.0"),
        ("v18.19.0", "0.31.0", "0.31.0"),
    ],
)
def test_corepack_fits_the_node_that_is_there(distribution: Guest, node: str, asked: str, installed: str) -> None:
    (distribution.fake / "version-node").write_text(f"{node}\n")
    done = distribution.apply("node", {"DVM_COREPACK_VERSION": asked})
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in distribution.log if line.startswith("npm install")]
    assert line.endswith(f" corepack@{installed}")


def test_a_wished_uv_comes_from_pypi(distribution: Guest) -> None:
    assert distribution.apply("python", {"DVM_UV_VERSION": "0.9.1"}).returncode == 0
    assert "pipx install --force uv==0.9.1" in distribution.log


def test_a_home_whose_profile_forgets_local_bin_gets_it(distribution: Guest) -> None:
    (distribution.home / ".bash_profile").write_text("# mine")
    assert distribution.apply("baseline").returncode == 0
    assert (distribution.home / ".bash_profile").read_text() == '# mine\nPATH="$HOME/.local/bin:$PATH"\n'


def test_the_locale_check_of_cloud_images_is_off_where_there_is_one(distribution: Guest) -> None:
    switch = distribution.root / "var/lib/cloud/instance/locale-check.skip"
    assert distribution.apply("baseline").returncode == 0
    assert not switch.exists()
    switch.parent.mkdir(parents=True)
    (distribution.root / "etc/profile.d").mkdir(parents=True, exist_ok=True)
    (distribution.root / "etc/profile.d/Z99-cloud-locale-test.sh").touch()
    assert distribution.apply("baseline").returncode == 0
    assert switch.exists()


def test_ensure_line_is_exact(guest: Guest) -> None:
    target = guest.home / "new/file"
    line = "a.b * -x"
    for _ in range(2):
        assert lib(guest, f"ensure_line ~/new/file '{line}'").returncode == 0
    assert target.read_text() == f"{line}\n"
    target.write_text("axb * -x\nno end")
    assert lib(guest, f"ensure_line ~/new/file '{line}'").returncode == 0
    assert target.read_text() == f"axb * -x\nno end\n{line}\n"


@pytest.mark.parametrize(
    ("sha256", "code", "said"),
    [
        (hashlib.sha256(b"tool").hexdigest(), 0, b""),
        (hashlib.sha256(b"other").hexdigest(), 1, b"the checksum of https://example.org/tool is not"),
        ("unknown", 1, b"is not a SHA-256 checksum"),
        ("", 1, b"is not a SHA-256 checksum"),
    ],
)
def test_a_download_counts_only_with_its_checksum(guest: Guest, sha256: str, code: int, said: bytes) -> None:
    make_program(
        guest.fake / "bin/curl",
        'echo "curl $*" >>"$FAKE/log"; while [ "$1" != -o ]; do shift; done; echo -n tool >"$2"',
    )
    fetch = f"fetch_pinned https://example.org/tool '{sha256}' ~/bin/tool"
    done = lib(guest, fetch)
    assert (done.returncode, said in done.stderr) == (code, True)
    assert [path.name for path in guest.home.rglob("*") if path.is_file()] == (["tool"] if code == 0 else [])
    if code == 0:
        assert lib(guest, fetch).returncode == 0
        assert len(guest.log) == 1, "what is there is not fetched again"
        assert "--proto =https" in guest.log[0]


def test_a_failed_download_leaves_nothing(guest: Guest) -> None:
    make_program(guest.fake / "bin/curl", "exit 6")
    done = lib(guest, f"fetch_pinned https://example.org/tool {'a' * 64} ~/bin/tool")
    assert done.returncode == 1
    assert b"curl -I 'https://example.org/tool'" in done.stderr
    assert list((guest.home / "bin").iterdir()) == []


@pytest.mark.parametrize("file", sorted([*RECIPES.rglob("*.sh"), *GUEST.rglob("*.sh")]), ids=lambda path: path.name)
def test_bash_can_read_it(file: Path) -> None:
    subprocess.run(("bash", "-n", str(file)), check=True)
    assert file.read_text().startswith("#!/usr/bin/env bash\n")


@pytest.mark.parametrize("file", sorted(RECIPES.glob("*/*.sh")), ids=lambda path: path.name)
def test_a_recipe_uses_only_its_own_params(file: Path) -> None:
    used = set(re.findall(r"\bDVM_[A-Z0-9_]+", file.read_text())) - {"DVM_LIB", "DVM_CODE_DIR"}
    assert used == set(PARAMS.get(file.stem, {}))
    assert "| sh" not in file.read_text()
    assert "| bash" not in file.read_text()


def test_what_root_makes_is_for_all_and_what_a_recipe_makes_stays_the_users(guest: Guest) -> None:
    done = lib(guest, 'umask 077\nas_root mkdir "$HOME/tool"\ntouch "$HOME/notes"')  # npm as root, for one
    assert done.returncode == 0, done.stderr
    modes = [(guest.home / name).stat().st_mode & 0o777 for name in ("tool", "notes")]
    assert modes == [0o755, 0o600]
