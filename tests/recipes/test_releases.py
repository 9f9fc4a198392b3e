"""Where a program comes from: the distribution, a registry, or a pinned release with its checksum."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dvmweb.files import digest
from tests.guest.conftest import Guest, make_program
from tests.recipes.releases import PROGRAMS, mirror_of, program
from tests.recipes.test_library import DOTFILES, PARAMS, START, family, home_files, lib
from tests.recipes.unpackers import path_without

DEBIAN_12 = ("hx", "lazygit", "starship", "git-delta", "just", "llama.cpp-tools")  # its newer sisters have them
OLD = "1.19.0"  # Go of Debian 12; its Rust is as old


def forget(guest: Guest, *names: str) -> None:
    """The distribution does not offer these packages."""
    known = guest.fake / f"known-{family(guest)}"
    lines = known.read_text().splitlines()
    known.write_text("".join(f"{line}\n" for line in lines if line.split()[0] not in names))


def without_packages(guest: Guest) -> Guest:
    forget(guest, *DEBIAN_12, "helix", "chezmoi", "llama-cpp", "tailscale")
    (guest.fake / "version-offered").write_text(f"{OLD}\n")
    return guest


def installed(guest: Guest) -> list[str]:
    """All files below /usr/local, with links."""
    top = guest.root / "usr/local"
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir() or path.is_symlink())


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_without_a_package_the_release_of_this_processor_comes(distribution: Guest, name: str, arch: str) -> None:
    guest = without_packages(distribution)
    (guest.fake / "machine").write_text(f"{arch}\n")
    releases = mirror_of(guest, name)
    for _ in range(2):
        done = guest.apply(name, PARAMS.get(name, {}) | {"DVM_CHEZMOI_REPO": ""}, releases=releases)
        assert done.returncode == 0, done.stdout + done.stderr
    for member in PROGRAMS[name]:
        if "runtime" not in member and "lib" not in member:
            link = guest.root / "usr/local/bin" / Path(member).name
            assert link.is_symlink()
            assert link.read_bytes() == program(arch)
            assert link.stat().st_mode & 0o777 == 0o755
    assert len([line for line in guest.log if line.startswith("curl") and ".gguf" not in line]) == 1
    if name == "helix":
        beside = (guest.root / "usr/local/bin/hx").resolve().parent / "runtime/tutor"
        assert beside.stat().st_mode & 0o777 == 0o644, "helix finds its runtime beside itself, and all can read it"


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_an_unknown_checksum_is_refused_with_the_command(distribution: Guest, name: str) -> None:
    guest = without_packages(distribution)
    done = guest.apply(name, PARAMS.get(name, {}), releases=mirror_of(guest, name, {"x86_64": "unknown"}))
    assert done.returncode == 1
    assert f"'scripts/versions.py fill {name}'".encode() in done.stderr
    assert b"is unknown, so it was not installed" in done.stderr
    assert not [line for line in guest.log if line.startswith("curl")]
    assert (installed(guest), guest.record(name)) == ([], "")


@pytest.mark.parametrize("name", ["helix", "lazygit", "yazi"])
def test_a_wrong_checksum_is_refused_and_nothing_is_left(distribution: Guest, tmp_path: Path, name: str) -> None:
    guest, before = without_packages(distribution), home_files(distribution)
    make_program(guest.fake / "bin/mktemp", f'export TMPDIR={tmp_path}/scratch; exec /usr/bin/mktemp "$@"')
    (tmp_path / "scratch").mkdir()
    done = guest.apply(name, releases=mirror_of(guest, name, {"x86_64": "a" * 64}))
    assert done.returncode == 1
    assert b"is not aaaa" in done.stderr
    assert list((tmp_path / "scratch").iterdir()) == []
    assert (installed(guest), guest.record(name), home_files(guest)) == ([], "", before)


def test_a_bad_update_keeps_the_release_that_is_there(distribution: Guest) -> None:
    guest = without_packages(distribution)
    assert guest.apply("lazygit", releases=mirror_of(guest, "lazygit")).returncode == 0
    before = installed(guest)
    assert guest.apply("lazygit", releases=mirror_of(guest, "lazygit", {"x86_64": "a" * 64})).returncode == 1
    assert installed(guest) == before
    assert (guest.root / "usr/local/bin/lazygit").read_bytes() == program("x86_64")


UNPACKS = [("helix", "xz", "hx"), ("yazi", "unzip", "yazi")]


def bare_path(guest: Guest) -> dict[str, str]:
    """A guest that has no program which unpacks, whatever this machine has."""
    return {"PATH": path_without(guest.root.parent / "paths", guest.environment()["PATH"], "xz", "unzip")}


@pytest.mark.parametrize(("name", "unpacker", "command"), UNPACKS)
def test_what_unpacks_comes_with_its_package(distribution: Guest, name: str, unpacker: str, command: str) -> None:
    guest = without_packages(distribution)
    done = guest.apply(name, bare_path(guest), releases=mirror_of(guest, name))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (guest.fake / "bin" / unpacker).exists()
    assert (guest.root / "usr/local/bin" / command).read_bytes() == program("x86_64")


@pytest.mark.parametrize(("name", "unpacker", "command"), UNPACKS)
def test_a_program_that_its_package_did_not_bring_is_named(
    distribution: Guest, name: str, unpacker: str, command: str
) -> None:
    """It was removed by hand, or dpkg was interrupted: the package counts as installed."""
    guest = without_packages(distribution)
    package = {"xz": {"fedora": "xz", "debian": "xz-utils"}[family(guest)]}.get(unpacker, unpacker)
    (guest.fake / "installed").write_text(f"{package}\n")
    done = guest.apply(name, bare_path(guest), releases=mirror_of(guest, name))
    assert done.returncode == 1
    assert f"the command {unpacker} is missing, although its package {package}".encode() in done.stderr
    assert b"disk" not in done.stderr
    assert installed(guest) == []


def test_a_guest_without_curl_gets_it(distribution: Guest) -> None:
    guest = without_packages(distribution)
    (guest.fake / "bin/curl").rename(guest.fake / "as/curl")
    for known in guest.fake.glob("known-*"):
        known.write_text(known.read_text().replace("curl\n", "curl curl\n"))
    (guest.fake / "installed").write_text("")
    path = path_without(guest.root.parent / "paths", guest.environment()["PATH"], "curl")
    done = guest.apply("lazygit", {"PATH": path}, releases=mirror_of(guest, "lazygit"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (guest.fake / "bin/curl").exists()


def test_an_archive_that_is_none_is_not_called_a_full_disk(distribution: Guest) -> None:
    guest = without_packages(distribution)
    table = mirror_of(guest, "lazygit")
    sums = re.findall("[0-9a-f]{64}", table)
    for file in (guest.fake / "mirror").iterdir():
        file.write_bytes(b"<html>not here</html>")
    for one in sums:
        table = table.replace(one, digest(b"<html>not here</html>"))
    done = guest.apply("lazygit", releases=table)
    assert done.returncode == 1
    assert b"could not unpack" in done.stderr
    assert b"tar: " in done.stderr or b"gzip: " in done.stderr
    assert installed(guest) == []


def test_an_archive_without_the_program_is_refused(distribution: Guest) -> None:
    guest = without_packages(distribution)
    releases = mirror_of(guest, "lazygit").replace("lazygit\t", "tool\t")
    done = guest.apply("tool", text=START + "release_install tool absent", releases=releases)
    assert done.returncode == 1
    assert b"has no program absent; nothing was installed" in done.stderr
    assert installed(guest) == []


def test_an_unknown_processor_is_told(distribution: Guest) -> None:
    guest = without_packages(distribution)
    (guest.fake / "machine").write_text("riscv64\n")
    done = guest.apply("lazygit", releases=mirror_of(guest, "lazygit"))
    assert done.returncode == 1
    assert b"no release of lazygit for riscv64" in done.stderr


def test_a_package_that_has_come_takes_the_place_of_the_release(distribution: Guest) -> None:
    guest = distribution
    known = guest.fake / f"known-{family(guest)}"
    text = known.read_text()
    forget(guest, "lazygit")
    other = guest.root / "usr/local/bin/other"
    other.parent.mkdir(parents=True)
    other.write_text("the user's")
    assert guest.apply("lazygit", releases=mirror_of(guest, "lazygit")).returncode == 0
    assert "bin/lazygit" in installed(guest)
    known.write_text(re.sub("^lazygit lazygit\n", "", text, flags=re.M) + "lazygit lazygit\n")
    assert guest.apply("lazygit", releases=mirror_of(guest, "lazygit")).returncode == 0
    assert installed(guest) == ["bin/other"]
    assert (guest.fake / "bin/lazygit").exists()


def test_a_user_program_of_the_same_name_survives_a_package(distribution: Guest) -> None:
    mine = distribution.root / "usr/local/bin/hx"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert distribution.apply("helix", releases=mirror_of(distribution, "helix")).returncode == 0
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("distribution", ["fedora"], indirect=True)
def test_a_dead_mirror_is_no_missing_package(distribution: Guest) -> None:
    (distribution.fake / "no-mirror").touch()
    done = distribution.apply("lazygit", releases=mirror_of(distribution, "lazygit"))
    assert done.returncode == 1
    assert b"dnf5 could not query its mirrors for lazygit" in done.stderr
    assert b"dnf5 repolist -v" in done.stderr
    assert installed(distribution) == []


@pytest.mark.parametrize("distribution", ["debian"], indirect=True)
def test_unread_lists_are_no_missing_package(distribution: Guest) -> None:
    (distribution.fake / "update-code").write_text("100")
    done = distribution.apply("lazygit", releases=mirror_of(distribution, "lazygit"))
    assert done.returncode == 1
    assert b"apt-get could not update its package lists" in done.stderr
    assert installed(distribution) == []


def test_a_failed_download_names_its_address(distribution: Guest) -> None:
    releases = mirror_of(without_packages(distribution), "lazygit")
    make_program(distribution.fake / "bin/curl", "exit 6")
    done = distribution.apply("lazygit", releases=releases)
    assert done.returncode == 1
    assert b"could not download https://github.com/jesseduffield/lazygit/" in done.stderr
    assert installed(distribution) == []


def test_the_demo_downloads_and_builds_nothing(distribution: Guest) -> None:
    distribution.make_demo()
    for name in ("lazygit", "zellij", "chezmoi", "docker", "just"):
        user = PARAMS.get(name, {})
        done = distribution.apply(name, user, releases=mirror_of(distribution, name))
        assert done.returncode in ((69, 1) if name == "docker" else (69,)), (name, done.stderr)
    assert distribution.log == []


@pytest.mark.parametrize("distribution", ["debian"], indirect=True)
def test_debian_12_gets_just_from_its_makers_on_pypi(distribution: Guest) -> None:
    forget(distribution, *DEBIAN_12)
    for _ in range(2):
        assert distribution.apply("just").returncode == 0
    assert distribution.log.count("pipx install --force rust-just") == 1


def test_debians_names_for_bat_and_fd_get_the_usual_ones(distribution: Guest) -> None:
    for recipe, name in (("bat", "bat"), ("fd", "fd")):
        assert distribution.apply(recipe).returncode == 0
        assert (distribution.home / ".local/bin" / name).is_symlink() == (family(distribution) == "debian")


def test_zellij_is_built_where_rust_is_new_enough(distribution: Guest) -> None:
    done = distribution.apply("zellij")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in distribution.log if line.startswith("cargo install")]
    assert line.endswith("--version 0.43.1 zellij")
    assert "--locked" in line


def test_git_delta_keeps_another_pager(distribution: Guest) -> None:
    (distribution.home / ".gitconfig").write_text("[core]\n pager = less\n")
    assert distribution.apply("git-delta").returncode == 0
    text = (distribution.home / ".gitconfig").read_text()
    assert "pager = less" in text
    assert "diffFilter = delta --color-only" in text


def test_chezmoi_writes_its_data_and_clones(distribution: Guest) -> None:
    done = distribution.apply("chezmoi", DOTFILES)
    assert done.returncode == 0, done.stdout + done.stderr
    config = distribution.home / ".config/chezmoi/chezmoi.toml"
    assert config.read_text().splitlines()[1:] == [
        "[data]",
        r'name = "Ada \"L\" \\ x"',
        'signingKey = "~/.ssh/id_ed25519_dvm_signing.pub"',
        'deployKey = "~/.ssh/id_ed25519_dvm.pub"',
    ]
    assert config.stat().st_mode & 0o777 == 0o600
    assert "chezmoi init -- https://example.org/dotfiles" in distribution.log
    assert distribution.log[-1] == "chezmoi apply"
    assert distribution.apply("chezmoi", DOTFILES | {"DVM_CHEZMOI_NAME": "Bob"}).returncode == 0
    assert 'name = "Bob"' in config.read_text()
    assert "chezmoi git -- pull --ff-only" in distribution.log


@pytest.mark.parametrize("value", [r"[data]\nrole = 'x'", "[data]\nrole = 'x'"])
def test_a_whole_chezmoi_config_stands_for_all_others(distribution: Guest, value: str) -> None:
    assert distribution.apply("chezmoi", DOTFILES | {"DVM_CHEZMOI_CONFIG_TOML": value}).returncode == 0
    config = distribution.home / ".config/chezmoi/chezmoi.toml"
    assert config.read_text().splitlines()[1:] == ["[data]", "role = 'x'"]


def test_chezmoi_keeps_what_the_user_has(distribution: Guest) -> None:
    config = distribution.home / ".config/chezmoi/chezmoi.toml"
    config.parent.mkdir(parents=True)
    config.write_text("mine")
    work = distribution.home / ".local/share/chezmoi/dot_bashrc"
    work.parent.mkdir(parents=True)
    work.write_text("unsaved work")
    done = distribution.apply("chezmoi", DOTFILES)
    assert done.returncode == 1
    assert b"has files but is not a repository, so nothing was cloned" in done.stderr
    assert (config.read_text(), work.read_text()) == ("mine", "unsaved work")
    assert b"was not changed" in done.stdout


def test_without_params_chezmoi_is_only_installed(distribution: Guest) -> None:
    assert distribution.apply("chezmoi", dict.fromkeys(DOTFILES, "")).returncode == 0
    assert home_files(distribution).keys() <= {str(distribution.home / ".local/bin/chezmoi")}


def test_docker_is_never_set_up_for_root(distribution: Guest) -> None:
    done = lib(distribution, "EUID_WAS=$EUID; echo $EUID_WAS")
    assert done.stdout.strip().isdigit()
    if done.stdout.strip() == b"0":
        refused = distribution.apply("docker")
        assert (refused.returncode, b"as an ordinary user" in refused.stderr) == (1, True)
        assert distribution.log == []
