#!/usr/bin/env bash
# /// recipe
# summary: Claude Code, behind the wall of agent-user
# category: agent
# needs: [node, agent-user]
# params:
#   claude_version: {label: Claude Code version, default: latest, help: "A version of @anthropic-ai/claude-code, or latest"}
#   claude_bypass:
#     label: Work without asking
#     default: "1"
#     help: "0 brings Claude's questions back before it edits or runs something. DVM_CLAUDE_BYPASS in the guest wins"
# probe: test -x "$(sed -n 's/^program=//p' "$(type -P claude)")"
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

not_in_demo "install of Claude Code from npm"
agent_npm claude @anthropic-ai/claude-code "$DVM_CLAUDE_VERSION" @anthropic-ai/claude-code-linux-CPU/claude
agent_wrapper claude claude "$dvm_program" DVM_CLAUDE_BYPASS "$DVM_CLAUDE_BYPASS" --dangerously-skip-permissions \
  DISABLE_AUTOUPDATER=1 DISABLE_UPDATES=1 DISABLE_INSTALLATION_CHECKS=1

# With a policy that nobody has written yet the first start need not ask whether it may work without asking.
policy=$dvm_root/etc/claude-code/managed-settings.json
if [ ! -e "$policy" ]; then root_record "$policy" '{"skipDangerousModePermissionPrompt": true}'; fi
