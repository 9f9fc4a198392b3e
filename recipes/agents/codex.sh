#!/usr/bin/env bash
# /// recipe
# summary: OpenAI Codex in the agent sandbox
# category: agent
# needs: [node, agent-user]
# params:
#   codex_version: {label: Codex version, default: latest, help: "Version of @openai/codex on npm, or latest"}
#   codex_yolo:
#     label: Run without permission prompts
#     default: "1"
#     type: yes-no
#     help: "0: Codex asks for approval and uses its own sandbox. DVM_CODEX_YOLO in the guest overrides this"
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P codex)")"
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

not_in_demo "install Codex from npm"
agent_npm codex @openai/codex "$DVM_CODEX_VERSION" '@openai/codex-linux-CPU/vendor/*/bin/codex'
agent_wrapper codex codex "$dvm_program" DVM_CODEX_YOLO "$DVM_CODEX_YOLO" --dangerously-bypass-approvals-and-sandbox

# Hooks in the system config run without a prompt; those of a user must be trusted first. Versions without hooks ignore
# them. No daemon: it is shared by all terminals, so it would report every status to the first of them, and it updates
# itself.
hook() {
  printf '\n[[hooks.%s]]\n[[hooks.%s.hooks]]\ntype = "command"\ntimeout = 3\ncommand = '"'%s'"'\n' \
    "$1" "$1" "$(agent_report "$2")"
}
config=$dvm_root/etc/codex/config.toml
if [ ! -e "$config" ] || grep -q "^# Written by dvm's recipe codex" "$config"; then
  root_record "$config" "# Written by dvm's recipe codex: reports the status of Codex to its terminal.
# To keep your own version of this file, remove the line above.
[features]
daemon_auto_start = false
$(for event in UserPromptSubmit PreToolUse PostToolUse; do hook "$event" works; done)
$(for event in PermissionRequest Interrupt Stop; do hook "$event" waits; done)"
else
  say "$config was not written by dvm and was not changed: terminals show only when a turn of Codex ends"
fi
