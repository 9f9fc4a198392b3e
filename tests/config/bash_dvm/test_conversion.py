"""Configs of every generation of bash DVM, the YAML that they become, and the report on each line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from dvmweb.config import yaml_reader
from dvmweb.config.bash_dvm.conversion import Conversion, convert
from dvmweb.config.bash_dvm.facts import DONE, LEFT, NOTHING
from dvmweb.config.bash_dvm.mapping import RecipeFacts
from tests.config.bash_dvm.test_statements import TEXTS

NEEDS = ("baseline",)
KNOWN = {name: RecipeFacts(NEEDS) for name in "git zsh helix python codex fzf zellij".split()}  # noqa: SIM905
KNOWN |= {
    "baseline": RecipeFacts(),
    "node": RecipeFacts(NEEDS, {"corepack_version": False}),
    "claude": RecipeFacts(("node", "agent-user"), {"claude_bypass": False}),
    "agent-user": RecipeFacts(NEEDS, {"agent_user": False}),
    "chezmoi": RecipeFacts(NEEDS, {"chezmoi_repo": False, "chezmoi_role": False}),
    "llama": RecipeFacts(NEEDS, {"llama_port": False}),
    "cloudflared": RecipeFacts(NEEDS, {"cloudflared_token": True}),
    "tailscale": RecipeFacts(NEEDS, {"tailscale_authkey": True}),
    "mine": RecipeFacts((), {"mine_port": False, "theme": False}, is_bundled=False),
}


def data(text: str) -> dict[str, object]:
    return yaml_reader.read(text.encode(), "x.yaml").data


def levels(found: Conversion, file: str) -> dict[int, str]:
    return {row.line: row.level for row in found.rows if row.file == file}


def whats(found: Conversion, level: str = LEFT) -> dict[str, str]:
    return {f"{row.file}:{row.line}": row.what for row in found.rows if row.level == level}


def test_the_generation_of_use() -> None:
    shared = """\
# Defaults
DVM_CPUS=4
DVM_MEMORY=8GiB
DVM_DISK=80GiB
DVM_ARCH=default
DVM_USER=me
DVM_CODE_ROOT="~/code"
DVM_HOST_IP="127.0.0.1"
DVM_AI_AGENT_USER="dvm-agent"
DVM_CHEZMOI_ROLE="vm"

use_app_tools() {
\tuse zsh
\tuse git   # with a comment
}
"""
    app = """\
DVM_CPUS=2
DVM_CODE_DIR="~/code/$DVM_NAME"
DVM_PORTS="3000:3000 127.0.0.1:8080:80"
DVM_CHEZMOI_REPO="https://github.com/me/dotfiles.git"
DVM_CLAUDE_BYPASS=0

use_app_tools
use claude
use chezmoi
"""
    found = convert(shared, {"app": app}, KNOWN)
    assert not found.left
    assert data(found.defaults) == {
        "cpus": 4,
        "memory": "8GiB",
        "disk": "80GiB",
        "arch": "default",
        "user": "me",
        "params": {"agent-user": {"agent_user": "dvm-agent"}, "chezmoi": {"chezmoi_role": "vm"}},
        "bundles": {"app-tools": ["zsh", "git"]},
    }
    assert data(found.vms["app"]) == {
        "cpus": 2,
        "code_dir": "~/code/app",
        "ports": [3000, "8080:80"],
        "recipes": ["app-tools", "claude", "chezmoi"],
        "params": {
            "chezmoi": {"chezmoi_repo": "https://github.com/me/dotfiles.git"},
            "claude": {"claude_bypass": "0"},
        },
    }
    assert levels(found, "config.sh") == {
        **dict.fromkeys((2, 3, 4, 5, 6, 9, 10, 12, 13, 14), DONE),
        **dict.fromkeys((7, 8), NOTHING),
    }


def test_the_generation_of_defaults_with_packages_and_scripts() -> None:
    shared = """\
DVM_PREFIX="${DVM_PREFIX:-dvm}"
DVM_TEMPLATE="${DVM_TEMPLATE:-template:fedora}"
DVM_ARCH="${DVM_ARCH:-aarch64}"
DVM_CPUS="${DVM_CPUS:-4}"
DVM_GUEST_USER="${DVM_GUEST_USER:-$(id -un)}"
DVM_GUEST_HOME="${DVM_GUEST_HOME:-/home/$DVM_GUEST_USER}"
DVM_PACKAGES="${DVM_PACKAGES:-git gpg}"
DVM_SETUP_SCRIPTS="mine.sh node.sh gone.sh"
DVM_DOTFILES_DIR=""
"""
    vm = 'DVM_PACKAGES="$DVM_PACKAGES nodejs"\ndvm_vm_setup() {\n\tmkdir -p "$DVM_CODE_DIR/x"\n}\n'
    found = convert(shared, {"app": vm}, KNOWN)
    assert data(found.defaults) == {"cpus": 4, "image": "fedora", "arch": "aarch64", "recipes": ["mine", "node"]}
    assert data(found.vms["app"]) == {}
    left = whats(found)
    assert left["config.sh:5"] == "not understood: runs a command. Write user yourself"
    assert "DVM_GUEST_USER, whose value is not known" in left["config.sh:6"]
    assert "there is no field for packages" in left["config.sh:7"]
    assert left["config.sh:8"] == "there is no recipe gone"
    assert "there is no field for packages" in left["vms/app.sh:1"]
    assert left["vms/app.sh:3"] == "no line that is understood uses it"


def test_the_generation_of_arrays() -> None:
    shared = """\
DVM_MEMORY=4
DVM_DISK="30"
DVM_DEFAULT_PACKAGES=()
DVM_DEFAULT_RECIPES=(zsh
  fzf  # find
)
"""
    app = """\
DVM_MEMORY=8
DVM_PORTS=(3000:3000 5173)
DVM_RECIPES=("${DVM_DEFAULT_RECIPES[@]}" node)
DVM_RECIPES+=(cloudflared)
DVM_SECRETS=(DVM_CLOUDFLARED_TOKEN)
DVM_GIT_REPO="git@github.com:me/app.git"
DVM_PROJECT_HOOK=1
"""
    found = convert(shared, {"app": app}, KNOWN)
    assert not found.left
    assert data(found.defaults) == {"memory": "4GiB", "disk": "30GiB", "recipes": ["zsh", "fzf"]}
    assert data(found.vms["app"]) == {
        "repo": "git@github.com:me/app.git",
        "memory": "8GiB",
        "ports": [3000, 5173],
        "recipes": ["zsh", "fzf", "node", "cloudflared"],
    }
    assert whats(found, NOTHING)["vms/app.sh:5"] == "given with: dvm sync app --secret cloudflared_token=-"


def test_a_service_becomes_a_kind() -> None:
    found = convert("", {"brain": "DVM_NO_BASELINE=1\nDVM_LLAMA_PORT=8081\nuse llama\n"}, KNOWN)
    assert not found.left
    assert data(found.vms["brain"]) == {"kind": "llama", "params": {"llama": {"llama_port": "8081"}}}


def test_no_baseline_stays_where_no_bundled_recipe_needs_it() -> None:
    found = convert("", {"app": "DVM_NO_BASELINE=1\nuse mine\nDVM_THEME=dark\n"}, KNOWN)
    assert data(found.vms["app"]) == {"baseline": False, "recipes": ["mine"], "params": {"mine": {"theme": "dark"}}}


def test_a_secret_is_in_no_text() -> None:
    vm = """\
DVM_CLOUDFLARED_TOKEN="s3cr3t"
DVM_OTHER_API_KEY=s3cr3t
DVM_SECRETS=(DVM_NOT_KNOWN)
[ x ] && export GITHUB_TOKEN='s3cr3t'
curl https://me:s3cr3t@example.org
use cloudflared
"""
    found = convert("", {"app": vm}, KNOWN)
    everything = repr(found)
    assert "s3cr3t" not in everything
    assert set(whats(found)) == {f"vms/app.sh:{line}" for line in (2, 3, 4, 5)}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("DVM_CPUS=many", "cpus is text, not a whole number"),
        ("DVM_CPUS=400", "cpus is 400"),
        ("DVM_MEMORY=lots", "is not a size"),
        ("DVM_USER=root", "root is an account or group of the system"),
        ("DVM_PORTS=80", "host port 80 is below 1024"),
        ("DVM_PORTS=0.0.0.0:3000:3000", "is opened on 127.0.0.1 only"),
        ("DVM_PORTS='3000 3000:80'", "host port 3000 is used twice"),
        ("DVM_HOST_IP=0.0.0.0", "ports are opened on 127.0.0.1 only"),
        ("DVM_CODE_DIR=/srv/x", "is not below the guest's home"),
        ("DVM_TEMPLATE=template:arch", "is not a known image"),
        ("DVM_PROJECT_HOOK=0", "a hook only runs if you approve it"),
        ("DVM_GIT_REPO=file:///x", "is not a supported repository URL"),
        ("DVM_UNKNOWN=1", "no recipe of this VM reads DVM_UNKNOWN"),
        ("DVM_CHEZMOI_ROLE=x", "no recipe of this VM reads DVM_CHEZMOI_ROLE; the recipe chezmoi would"),
        ("TOOLS=x", "no recipe of this VM reads TOOLS"),
        ("DVM_COREPACK_VERSION='a\nb'\nuse node", "contains a hidden character"),
        ("use nothing-of-ours", "there is no recipe nothing-of-ours"),
        ("use ../../x", "there is no recipe ../../x"),
        ("use", "use without the name of a recipe"),
        ("use $X", "depends on the environment variable X"),
        ("use *", "has a pattern"),
        ("source ./more.sh", "runs the command source"),
        (". ~/more.sh", "runs the command ."),
        ("unknown_helper", "runs the command unknown_helper"),
    ],
)
def test_what_cannot_be_imported_is_named_at_its_line(line: str, why: str) -> None:
    found = convert("", {"app": f"# first\n{line}\nDVM_DISK=30GiB\n"}, KNOWN)
    assert why in whats(found)["vms/app.sh:2"]
    assert data(found.vms["app"])["disk"] == "30GiB", "the rest is imported"
    assert "# Not imported:\n# vms/app.sh:2: " in found.vms["app"]


def test_lines_that_need_nothing() -> None:
    lines = "DVM_NAME=app DVM_LIMA_NAME=dvm-app DVM_NETWORK=user-v2 DVM_PORTS= export_X X=1 Y=$X DVM_THEME=$Y use_mine"
    text = lines.replace(" ", "\n").replace("export_", "export ").replace("use_", "use ")
    found = convert("", {"app": f"set -euo pipefail\n{text}"}, KNOWN)
    assert not found.left


def test_a_value_that_a_later_line_sets_again() -> None:
    found = convert("DVM_CPUS=2\nDVM_CPUS=3\n", {"app": "DVM_CPUS=3\nDVM_CPUS=4"}, KNOWN)
    assert data(found.defaults) == {"cpus": 3}
    assert data(found.vms["app"]) == {"cpus": 4}
    assert whats(found, NOTHING) == {
        "config.sh:1": "line 2 sets DVM_CPUS again",
        "vms/app.sh:1": "line 2 sets DVM_CPUS again",
    }


def test_helpers_of_helpers_and_with_values() -> None:
    shared = """\
use_base() { use zsh; use git; }
use_web() {
\tuse_base
\tuse node
\tDVM_PORTS="3000"
}
use_none() { use gone; }
git() { use helix; }
"""
    found = convert(shared, {"app": "use_web\nuse codex\n", "other": "use_base\nuse_none"}, KNOWN)
    bundles = {"base": ["zsh", "git"], "web": ["zsh", "git", "node"], "git-2": ["helix"]}
    assert data(found.defaults) == {"bundles": bundles}
    assert data(found.vms["app"]) == {"ports": [3000], "recipes": ["web", "codex"]}
    assert data(found.vms["other"]) == {"recipes": ["base"]}
    assert set(whats(found)) == {"config.sh:7"}


def test_a_helper_that_depends_on_the_vm_is_written_out() -> None:
    shared = 'use_lang() {\n\tuse zsh\n\tuse "${DVM_LANG:-node}"\n}\n'
    found = convert(shared, {"app": "DVM_LANG=python\nuse_lang"}, KNOWN)
    assert data(found.defaults) == {"bundles": {"lang": ["zsh", "node"]}}
    assert data(found.vms["app"]) == {"recipes": ["zsh", "python"]}


def test_an_existing_config_yaml_stays_and_nothing_is_lost() -> None:
    shared = "DVM_CPUS=4\nDVM_MEMORY=8GiB\nDVM_CHEZMOI_ROLE=vm\nuse_x() { use zsh; }\n"
    existing = yaml_reader.read(b"memory: 8GiB\ndisk: 50GiB\n", "config.yaml")
    found = convert(shared, {"app": "use_x"}, KNOWN, existing)
    assert found.defaults == ""
    assert data(found.vms["app"]) == {"cpus": 4, "recipes": ["zsh"]}
    assert whats(found) == {"config.sh:3": "no VM uses it, and config.yaml exists and stays as it is"}
    first = convert(shared, {"app": "use_x"}, KNOWN)
    again = convert(shared, {"app": "use_x"}, KNOWN, yaml_reader.read(first.defaults.encode(), "config.yaml"))
    assert again.vms == first.vms
    assert not again.left
    assert again.defaults == ""


def test_one_vm_that_changes_a_default_back() -> None:
    found = convert("DVM_PORTS=3000\nuse zsh\n", {"a": "DVM_PORTS=\n", "b": "unset DVM_PORTS\nuse git"}, KNOWN)
    assert data(found.vms["a"]) == {"ports": []}
    assert data(found.vms["b"])["recipes"] == ["zsh", "git"]


def test_hidden_characters_are_shown_as_escapes() -> None:
    found = convert("", {"app": "DVM_CPUS=4\x1b[2J\u202e\nx\x1b]0;y\x07\nuse a\x1bb\n"}, KNOWN)
    assert len(found.left) == 3
    assert found.vms["app"].replace("\n", "").isprintable()
    assert all(row.text.isprintable() and row.what.isprintable() for row in found.rows)


@settings(max_examples=200)
@given(TEXTS, TEXTS)
def test_any_texts_become_valid_configs(shared: str, own: str) -> None:
    found = convert(shared, {"app": own, "b": "DVM_CPUS=2"}, KNOWN)
    assert set(found.vms) == {"app", "b"}, "each new config is valid"
    for text in (found.defaults, *found.vms.values()):
        yaml_reader.read(text.encode(), "x.yaml")
    lines = {(row.file, number) for row in found.rows for number in range(row.line, row.last + 1)}
    for file, text in (("config.sh", shared), ("vms/app.sh", own)):
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip() and not line.strip().startswith("#"):
                assert (file, number) in lines
