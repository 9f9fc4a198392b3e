"""What each recipe does in a real Debian; one that is not named here runs twice, with its probe, on each release."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dvmweb.terminals.agents import AGENTS

# Instead of a pattern: it has no way but a pinned release of its makers, and the table says what then happens.
TABLE = ""


@dataclass(frozen=True)
class Expected:
    """How one recipe is run, and where it cannot be installed: Debian release -> TABLE, or what it says."""

    params: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    or_says: str = ""  # where its release can be had: why it still cannot run here (a pattern)
    needs_systemd: bool = False
    may_change: tuple[str, ...] = ()  # path prefixes that a second run writes anew, and is right to
    slow: tuple[str, ...] = ()  # releases on which it builds for longer than CI has time: only with DVM_ROOTS_SLOW=1
    not_here: str = ""  # a pattern: the registry of this place does not hand out what it needs; skipped then
    prepare: str = ""  # bash that the user runs before
    other_params: Mapping[str, object] = field(default_factory=dict)  # for a third run
    then: str = ""  # bash that succeeds at the end where it does what it is for


# An image of a program of the guest: nothing is pulled. A container needs control groups, which a root here has not.
IMAGE = """
tar -cf - -C / etc/os-release 2>/dev/null | docker import - tiny >/dev/null
docker info --format '{{.SecurityOptions}}' | grep -F rootless
docker image ls | grep -F tiny
systemctl --user is-enabled docker
"""


# The agent itself starts in the sandbox, and the attacks on the sandbox fail.
SANDBOX = """
set -euo pipefail
mkdir -p ~/code/app
cd ~/code/app
git init -q .
echo x >.envrc
{agent} --version
{agent} --dvm-sandbox-test
"""
# Then with a stand-in for its model, and a pipe for the words that its terminal hears.
PREPARE = """
python3 - >/tmp/model <<'END' &
{model}
END
trap 'kill $(jobs -p)' EXIT
until grep -q listening /tmp/model; do :; done
sudo -u dvm-agent bash -c 'mkdir -p "${{1%/*}}" && cat >"$1"' bash /home/dvm-agent/{file} <<'END'
{config}
END
d=$(mktemp -d /tmp/dvm-tell.XXXXXXXX) && chmod 711 "$d" && mkfifo "$d/tell" && chmod 622 "$d/tell"
exec 9<>"$d/tell"
"""
# One turn from a command line.
TURN = """
DVM_TELL=$d/tell {command} </dev/null 2>&1 | tee /tmp/said
grep 'All is done' /tmp/said
[ "$(head -n {count} <&9 | tr '\\n' ' ')" = '{words} ' ]
! read -r -t 0 <&9
"""
# One turn typed into its screen; what is typed before it is ready may be lost.
SCREEN = """
mkfifo "$d/keys" && exec 8<>"$d/keys"
DVM_TELL=$d/tell TERM=xterm-256color script -qfec 'stty rows 24 cols 80; {command}' /tmp/said <&8 >/dev/null 2>&1 &
read -r -t 60 word <&9
[ "$word" = waits ]
for try in 1 2 3 4 5 6 7 8; do
  printf hi >&8 && read -r -t 1 word <&9 || true
  printf '\\r' >&8 && read -r -t 5 word <&9 && break
done
[ "$word" = works ]
read -r -t 60 word <&9
[ "$word" = waits ]
grep -q 'All is done' /tmp/said
"""
VIBE_MODEL = """
active_model = "own"
enable_telemetry = false
[[providers]]
name = "own"
api_base = "http://127.0.0.1:18779/v1"
[[models]]
name = "own"
provider = "own"
alias = "own"
"""
CLAUDE_MODEL = """
{"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:18779", "ANTHROPIC_API_KEY": "x"}}
"""
CODEX_MODEL = """
model = "own"
model_provider = "own"
[model_providers.own]
name = "own"
base_url = "http://127.0.0.1:18779/v1"
wire_api = "responses"
"""
OPENCODE_MODEL = """
{"model": "own/own", "small_model": "own/own", "provider": {"own": {"npm": "@ai-sdk/openai-compatible",
"options": {"baseURL": "http://127.0.0.1:18779/v1", "apiKey": "x"}, "models": {"own": {"tool_call": true}}}}}
"""


def tells(turn: str, command: str, file: str, config: str, words: str = "") -> str:
    """The agent in the sandbox, and one turn of it: its `command`, its own `config`, and the `words` that it tells."""
    agent, model = command.partition(" ")[0], Path(__file__).with_name("model.py").read_text()
    more = {"words": words, "count": len(words.split()), "file": file, "config": config}
    return (SANDBOX + PREPARE + turn).format(agent=agent, model=model, command=command, **more)


BOTH, OLD = {"12": TABLE, "13": TABLE}, {"12": TABLE}
EXPECTED: dict[str, Expected] = {
    # The slow ones first: they build.
    "zellij": Expected(refused=OLD, slow=("13",)),
    "chezmoi": Expected(
        params={"chezmoi_repo": "file:///home/dev/dots", "chezmoi_name": 'Ada "L"'},
        refused=OLD,
        not_here="403 Forbidden",
        may_change=("/home/dev/.config/chezmoi/chezmoistate.boltdb",),
        prepare="git init -q ~/dots && cd ~/dots && echo 'I am {{ .name }}' >dot_me.tmpl && git add . && "
        "git -c user.name=a -c user.email=a@b commit -qm dots",
        then="""[ "$(cat ~/.me)" = 'I am Ada "L"' ]""",
    ),
    "docker": Expected(needs_systemd=True, then=IMAGE),
    "node": Expected(other_params={"corepack_version": "latest"}, then="corepack --version"),
    "python": Expected(other_params={"uv_version": "0.9.0"}, then="uv --version | grep -F 0.9.0 && uv venv ~/venv"),
    "git": Expected(
        params={"user_name": "Ada Lovelace", "user_email": "ada@example.org"},
        prepare="git config --global pull.ff false",
        then='[ "$(git config --global user.name)/$(git config --global pull.ff)" = "Ada Lovelace/false" ]',
    ),
    "zsh": Expected(
        prepare="echo '# mine' >~/.zshrc",
        then="[ \"$(cat ~/.zshrc)\" = '# mine' ] && getent passwd dev | grep -q zsh$",
    ),
    "tmux": Expected(then="tmux -L own new-session -d 'sleep 60' && tmux -L own kill-server"),
    "rust": Expected(then="cargo new -q ~/hello && cd ~/hello && cargo run -q | grep -F Hello"),
    "go": Expected(
        prepare="mkdir ~/hello && printf 'package main\\nfunc main() { println(2) }\\n' >~/hello/main.go",
        then="cd ~/hello && go mod init hello && go run . 2>&1 | grep -xF 2",
    ),
    "git-delta": Expected(refused=OLD),
    "helix": Expected(refused=OLD),
    "lazygit": Expected(refused=OLD),
    "starship": Expected(refused=OLD),
    "yazi": Expected(refused=BOTH),
    "llama": Expected(
        params={"llama_models": "none=https://model.invalid/none.gguf", "llama_models_sha256": f"none={'0' * 64}"},
        refused=BOTH,
        or_says=r"model\.invalid",
    ),
    "cloudflared": Expected(
        secrets={"cloudflared_token": b"no-tunnel-has-this-token"}, refused=BOTH, or_says="error: the service dvm-cl"
    ),
    "tailscale": Expected(
        secrets={"tailscale_authkey": b"tskey-of-nobody"},
        refused={"12": TABLE, "13": "error: (go could not build|tailscale could not log in)"},
        slow=("13",),
    ),
    "claude": Expected(
        then=tells(
            TURN,
            f"{shlex.join(AGENTS['claude'].argv)} -p hi",
            ".claude/settings.json",
            CLAUDE_MODEL,
            "waits works works waits",
        )
    ),
    "codex": Expected(then=tells(TURN, "codex exec hi", ".codex/config.toml", CODEX_MODEL, "works works works waits")),
    "opencode": Expected(then=tells(SCREEN, "opencode", ".config/opencode/opencode.json", OPENCODE_MODEL)),
    # Vibe 3.0.3 asks for a certifi that PyPI no longer offers (28 November 2026).
    "mistral": Expected(
        params={"mistral_version": "2.24.0"},
        refused={"12": "error: Vibe needs Python 3.12 or newer"},
        then=tells(TURN, "vibe -p hi", ".vibe/config.toml", VIBE_MODEL, "works works waits"),
    ),
}


def of(name: str) -> Expected:
    return EXPECTED.get(name, Expected())


def refusal(name: str, release: str, rows: str) -> str:
    """The pattern of what a recipe says that cannot be installed on `release`; `rows` are those of the table.

    Without a published checksum nothing is installed. With one, the download may fail: its makers are not reachable
    from everywhere.
    """
    how = of(name)
    patterns = [how.refused[release] or re.escape(_of_the_table(name, rows)), how.or_says]
    return "|".join(pattern for pattern in patterns if pattern)


def _of_the_table(name: str, rows: str) -> str:
    for row in rows.splitlines():
        _, version, arch, sha256, url = row.split("\t")
        if arch == platform.machine():
            if sha256 == "unknown":
                return f"error: the checksum of {name} {version} for {arch} is unknown, so it was not installed."
            return f"error: could not download {url}; check that the guest can reach it"
    return f"error: dvm has no release of {name}"
