#!/usr/bin/env bash
# /// recipe
# summary: OpenCode in the agent sandbox
# category: agent
# needs: [node, agent-user]
# params:
#   opencode_version: {label: OpenCode version, default: latest, help: "Version of opencode-ai on npm, or latest"}
#   opencode_ask: {label: Ask before edits and commands, default: "0", type: yes-no, help: "1: OpenCode asks as set in its own config"}
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P opencode)")"
# moving: true
# files: [opencode.mjs]
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

not_in_demo "install OpenCode from npm"
# A processor without AVX2 needs the baseline build.
kind=""
if [ "$(uname -m)" = x86_64 ] && ! grep -qw avx2 /proc/cpuinfo; then kind=-baseline; fi
agent_npm opencode opencode-ai "$DVM_OPENCODE_VERSION" "opencode-linux-CPU$kind/bin/opencode"
allowed=()
if [ "$DVM_OPENCODE_ASK" = 0 ]; then allowed=('OPENCODE_PERMISSION={"*":"allow"}'); fi
# OpenCode's TUI loads this plugin in addition to the agent's own tui.json; it also starts if the files are missing.
plugin=$dvm_root/usr/local/lib/dvm/opencode-tell
root_file "$plugin/tell.mjs" 644 <"${DVM_LIB%/*}/opencode.mjs"
root_file "$plugin/tui.json" 644 <<<'{"plugin": ["./tell.mjs"]}'
agent_wrapper opencode opencode "$dvm_program" "" "" "" OPENCODE_DISABLE_AUTOUPDATE=1 "OPENCODE_TUI_CONFIG=$plugin/tui.json" \
  "${allowed[@]}"
