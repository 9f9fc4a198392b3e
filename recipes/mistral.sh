#!/usr/bin/env bash
# /// recipe
# summary: Vibe of Mistral (the command vibe), behind the wall of agent-user
# category: agent
# needs: [agent-user]
# params:
#   mistral_version: {label: Vibe version, default: latest, help: "A version of mistral-vibe, or latest"}
#   mistral_ask: {label: Ask before it edits or runs, default: "0", help: "1: it asks as its own config says"}
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P vibe)")"
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install python3 python3-pip debian:python3-venv
not_in_demo "install of Vibe from PyPI"
home=$dvm_root/usr/local/lib/dvm/mistral
at_least "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" 3.12 ||
  die "Vibe needs Python 3.12 or newer, and this distribution has $(python3 --version); use a newer image"

version=$DVM_MISTRAL_VERSION
if [ "$version" = latest ]; then
  version=$(python3 -m pip index versions mistral-vibe </dev/null | sed -n '1s/.*(\(.*\)).*/\1/p') || version=""
  [ -n "$version" ] || die "pip could not ask for mistral-vibe: its own words stand above; see what the guest reaches"
fi
wanted=mistral-vibe==$version
if [ "$(cat "$home/.from" 2>/dev/null)" != "$wanted" ]; then
  work=$(mktemp -d) || die "could not make a temporary folder; see that the disk has room: df -h /tmp"
  trap 'rm -rf -- "$work"' EXIT
  say "installing $wanted"
  # Wheels only, so that no script of a package runs here; root only copies. The venv is found by its own python3.
  python3 -m venv --without-pip "$work/tree"
  site=$(compgen -G "$work/tree/lib/python3*/site-packages")
  python3 -m pip install --quiet --disable-pip-version-check --no-input --only-binary=:all: --target "$site" \
    "$wanted" </dev/null ||
    die "pip could not install $wanted: its own words stand above; see what the guest reaches: pip download $wanted"
  sed -i "1s,^#!.*,#!$home/bin/python3," "$site"/bin/*
  mv -- "$site"/bin/* "$work/tree/bin/"
  printf '%s\n' "$wanted" >"$work/tree/.from"
  root_tree "$work/tree" "$home"
fi
flags=(--auto-approve)
if [ "$DVM_MISTRAL_ASK" != 0 ]; then flags=(); fi

# hook TYPE WORD [LINE]: a hook of Vibe's that tells a word.
hook() {
  printf '\n[[hooks]]\nname = "dvm-%s-%s"\ntype = "%s"\ntimeout = 3\n%s' "$1" "$2" "$1" "${3:+$3$'\n'}"
  printf "command = '%s'\n" "$(agent_tell "$2")"
}
# Vibe reads hooks only from its home and the project, so it starts by a script that links to root's where it has none.
# Before 2.21 hooks had other names and were an experiment.
program=$home/bin/vibe
if at_least "$version" 2.21; then
  tools=""
  if [ "$DVM_MISTRAL_ASK" = 0 ]; then # a tool's hook runs before the question about it: who asks would seem to work
    asks='match = "re:ask_user_question|exit_plan_mode"'
    tools=$(hook pre_tool works && hook pre_tool waits "$asks" && hook post_tool works)
  fi
  root_record "$home/hooks.toml" "# Written by dvm's recipe mistral: how Vibe stands, told to its terminal.
# For hooks of your own, put a file in the place of the link to this one.
$tools
$(hook post_agent waits)"
  program=$home/start
  root_file "$program" 755 <<END
#!/bin/sh
# Vibe with dvm's hooks; written by dvm's recipe mistral.
hooks=\${VIBE_HOME:-\$HOME/.vibe}/hooks.toml
[ -e "\$hooks" ] || [ -L "\$hooks" ] || { mkdir -p -m 700 -- "\${hooks%/*}" && ln -s -- "$home/hooks.toml" "\$hooks"; } 2>/dev/null
exec "$home/bin/vibe" "\$@"
END
fi
agent_wrapper mistral vibe "$program" "" "" "${flags[*]}" VIBE_ENABLE_AUTO_UPDATE=false VIBE_ENABLE_UPDATE_CHECKS=false
