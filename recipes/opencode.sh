#!/usr/bin/env bash
# /// recipe
# summary: OpenCode, behind the wall of agent-user
# category: agent
# needs: [node, agent-user]
# params:
#   opencode_version: {label: OpenCode version, default: latest, help: "A version of opencode-ai, or latest"}
#   opencode_ask: {label: Ask before it edits or runs, default: "0", help: "1: it asks as its own config says"}
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P opencode)")"
# moving: true
# files: [_opencode.mjs]
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

not_in_demo "install of OpenCode from npm"
# A processor without AVX2 needs the build that is called baseline.
kind=""
if [ "$(uname -m)" = x86_64 ] && ! grep -qw avx2 /proc/cpuinfo; then kind=-baseline; fi
agent_npm opencode opencode-ai "$DVM_OPENCODE_VERSION" "opencode-linux-CPU$kind/bin/opencode"
allowed=()
if [ "$DVM_OPENCODE_ASK" = 0 ]; then allowed=('OPENCODE_PERMISSION={"*":"allow"}'); fi
# Its screen loads what tells the terminal how it stands, beside what the agent's own tui.json says; where the files are
# gone it starts without.
tell=$dvm_root/usr/local/lib/dvm/opencode-tell
root_file "$tell/tell.mjs" 644 <"${DVM_LIB%/*}/_opencode.mjs"
root_file "$tell/tui.json" 644 <<<'{"plugin": ["./tell.mjs"]}'
agent_wrapper opencode opencode "$dvm_program" "" "" "" OPENCODE_DISABLE_AUTOUPDATE=1 "OPENCODE_TUI_CONFIG=$tell/tui.json" \
  "${allowed[@]}"
