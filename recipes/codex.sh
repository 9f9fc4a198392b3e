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
