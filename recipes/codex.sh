#!/usr/bin/env bash
# /// recipe
# summary: Codex of OpenAI, behind the wall of agent-user
# category: agent
# needs: [node, agent-user]
# params:
#   codex_version: {label: Codex version, default: latest, help: "A version of @openai/codex, or latest"}
#   codex_yolo:
#     label: Work without asking
#     default: "1"
#     help: "0 brings Codex's questions and its own sandbox back. DVM_CODEX_YOLO in the guest wins"
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P codex)")"
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

not_in_demo "install of Codex from npm"
agent_npm codex @openai/codex "$DVM_CODEX_VERSION" '@openai/codex-linux-CPU/vendor/*/bin/codex'
agent_wrapper codex codex "$dvm_program" DVM_CODEX_YOLO "$DVM_CODEX_YOLO" --dangerously-bypass-approvals-and-sandbox

# Hooks of the system's layer run without a question; a user's own must be trusted first. Versions without hooks ignore
# them. A background server that all terminals share would tell every word to the first of them, and updates itself.
hook() {
  printf '\n[[hooks.%s]]\n[[hooks.%s.hooks]]\ntype = "command"\ntimeout = 3\ncommand = '"'%s'"'\n' \
    "$1" "$1" "$(agent_tell "$2")"
}
config=$dvm_root/etc/codex/config.toml
if [ ! -e "$config" ] || grep -q "^# Written by dvm's recipe codex" "$config"; then
  root_record "$config" "# Written by dvm's recipe codex: how Codex stands, told to its terminal.
# Without the line above a sync keeps this file as it is.
[features]
daemon_auto_start = false
$(for event in UserPromptSubmit PreToolUse PostToolUse; do hook "$event" works; done)
$(for event in PermissionRequest Interrupt Stop; do hook "$event" waits; done)"
else
  say "$config is not dvm's and is kept, so a terminal only hears when a turn of Codex has ended"
fi
