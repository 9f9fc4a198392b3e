#!/usr/bin/env bash
# /// recipe
# summary: Claude Code in the agent sandbox
# category: agent
# needs: [node, agent-user]
# params:
#   claude_version: {label: Claude Code version, default: latest, help: "Version of @anthropic-ai/claude-code on npm, or latest"}
#   claude_bypass:
#     label: Run without permission prompts
#     default: "1"
#     type: yes-no
#     help: "0: Claude asks before it edits or runs something. DVM_CLAUDE_BYPASS in the guest overrides this"
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P claude)")"
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

not_in_demo "install Claude Code from npm"
agent_npm claude @anthropic-ai/claude-code "$DVM_CLAUDE_VERSION" @anthropic-ai/claude-code-linux-CPU/claude
agent_wrapper claude claude "$dvm_program" DVM_CLAUDE_BYPASS "$DVM_CLAUDE_BYPASS" --dangerously-skip-permissions \
  DISABLE_AUTOUPDATER=1 DISABLE_UPDATES=1 DISABLE_INSTALLATION_CHECKS=1

# Skip the confirmation of bypass mode at the first start, unless there is a policy already.
policy=$dvm_root/etc/claude-code/managed-settings.json
if [ ! -e "$policy" ]; then root_record "$policy" '{"skipDangerousModePermissionPrompt": true}'; fi
